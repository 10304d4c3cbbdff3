"""What must be true afterwards, checked against the database alone."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg

from tessera.events.event import SYSTEM
from tessera.events.inbox import InboxRow, message_key
from tessera.foundation.clock import to_micros
from tessera.foundation.json_columns import verbatim_cursor
from tessera.intake.normalise import normalise
from tessera.profiles.fold import fold_event
from tessera.profiles.state import State, encode_state

Connection = psycopg.Connection[Any]


def faults(connection: Connection, acknowledged: list[str]) -> list[str]:
    """Everything that is wrong; empty when nothing is."""
    found: list[str] = []
    for check in (_history_faults, _state_faults, _catalogue_faults, _identity_faults, _leftover_faults):
        found += check(connection, acknowledged)
    return found


def _history_faults(connection: Connection, acknowledged: list[str]) -> Iterator[str]:
    """Every acknowledged message is there exactly once, nothing else is, and lanes have no gaps."""
    ((source,),) = connection.execute("SELECT DISTINCT source_id FROM events_history WHERE kind <> %s", (SYSTEM,))
    expected = {UUID(bytes=message_key(source, message)): message for message in acknowledged}
    rows = connection.execute("SELECT event_id, count(*) FROM events_history WHERE kind <> %s GROUP BY 1", (SYSTEM,))
    counts = dict(rows.fetchall())
    if lost := expected.keys() - counts.keys():
        yield f"{len(lost)} acknowledged messages are lost, for example {expected[min(lost)]}"
    if strange := counts.keys() - expected.keys():
        yield f"{len(strange)} events are in history that nobody sent"
    if doubled := [event for event, count in counts.items() if count > 1]:
        yield f"{len(doubled)} events are in history more than once"
    lanes = connection.execute(
        "SELECT l.lane, l.position, count(h.*), coalesce(max(h.position), 0), coalesce(min(h.position), 1)"
        "  FROM events_lane l LEFT JOIN events_history h USING (lane) GROUP BY l.lane, l.position"
    )
    for lane, position, rows_there, highest, lowest in lanes:
        if not position == rows_there == highest or lowest != 1:
            yield f"lane {lane} says {position}, has {rows_there} rows from {lowest} to {highest}"


def refolded(connection: Connection) -> dict[UUID, State]:
    """Every profile's state, folded anew from its history in an order of no meaning."""
    states: defaultdict[UUID, State] = defaultdict(State)
    with verbatim_cursor(connection) as cursor:
        rows = cursor.execute(
            "SELECT lane, position, workspace_id, source_id, received_at, event_id, envelope, body, profile_id"
            " FROM events_history WHERE kind <> %s ORDER BY event_id",
            (SYSTEM,),
        ).fetchall()
    for lane, position, workspace, source, received_at, event_id, envelope, body, profile in rows:
        row = InboxRow(lane, position, workspace, source, to_micros(received_at), event_id, envelope, body)
        fold_event(states[profile], normalise(row, region="US"))
    return dict(states)


def _state_faults(connection: Connection, _: list[str]) -> Iterator[str]:
    with verbatim_cursor(connection) as cursor:
        stored = dict(cursor.execute("SELECT profile_id, state FROM profiles_state").fetchall())
    folded = {profile: encode_state(state) for profile, state in refolded(connection).items()}
    if stored.keys() != folded.keys():
        yield f"{len(stored.keys() ^ folded.keys())} profiles have a state but no events, or events but no state"
    wrong = [profile for profile in stored.keys() & folded.keys() if stored[profile] != folded[profile]]
    if wrong:
        one = min(wrong)
        yield (
            f"{len(wrong)} of {len(stored)} states are not the fold of their history, for example {one}:\n"
            f"  stored {stored[one].decode()}\n  folded {folded[one].decode()}"
        )


def _catalogue_faults(connection: Connection, _: list[str]) -> Iterator[str]:
    said = dict(connection.execute("SELECT name, volume FROM events_catalogue WHERE kind = 'event'").fetchall())
    rows = connection.execute("SELECT name FROM events_history WHERE kind <> %s", (SYSTEM,)).fetchall()
    counted = Counter(name for (name,) in rows)
    if said != counted:
        yield f"the catalogue counts {said}, history holds {dict(counted)}"


def _identity_faults(connection: Connection, _: list[str]) -> Iterator[str]:
    checks = {
        "profiles whose root is not a root": "SELECT count(*) FROM identity_profile p"
        " LEFT JOIN identity_profile r ON r.id = p.root_id WHERE r.id IS NULL OR r.root_id <> r.id",
        "identifiers of nobody": "SELECT count(*) FROM identity_identifier i"
        " LEFT JOIN identity_profile p ON p.id = i.profile_id WHERE p.id IS NULL",
        "people with two user ids": "SELECT count(*) FROM (SELECT p.root_id FROM identity_identifier i"
        " JOIN identity_profile p ON p.id = i.profile_id WHERE i.kind = 'user_id'"
        " GROUP BY p.root_id HAVING count(*) > 1) two",
        "events of no profile": "SELECT count(*) FROM events_history h"
        " LEFT JOIN identity_profile p ON p.id = h.profile_id WHERE p.id IS NULL",
        "merges without their record in history, or records without a merge": "SELECT count(*) FROM identity_merge m"
        " FULL JOIN (SELECT * FROM events_history WHERE kind = 'system') h ON h.event_id = m.merge_id"
        " WHERE m.merge_id IS NULL OR h.event_id IS NULL",
    }
    for what, statement in checks.items():
        ((count,),) = connection.execute(statement).fetchall()
        if count:
            yield f"{count} {what}"


def _leftover_faults(connection: Connection, _: list[str]) -> Iterator[str]:
    for table in ("events_inbox", "events_quarantine", "events_rejection", "events_tally"):
        ((count,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()  # noqa: S608 -- constants
        if count:
            yield f"{count} rows are left in {table}"
