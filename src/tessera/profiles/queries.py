"""What screens and the API read about people. Each takes a psycopg connection; the number of statements is constant."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct

from tessera.events import history
from tessera.events.event import SYSTEM
from tessera.events.history import EVERYTHING, Recorded, Wanted
from tessera.events.messages import Json
from tessera.foundation.clock import day_of, to_datetime, to_micros
from tessera.foundation.errors import TesseraError
from tessera.identity import queries as identity
from tessera.profiles.attributes import Misfit, normal_email, normal_phone
from tessera.profiles.person import IdentifierView, PersonView, name_of, placeholder_of, values_of, view_of
from tessera.profiles.state import State, merge_states
from tessera.profiles.store import read_states

Connection = psycopg.Connection[Any]


class InvalidCursor(TesseraError):
    code = "invalid_cursor"


class PersonSummary(Struct, frozen=True):
    """A line of the people list."""

    profile_id: UUID
    person_id: UUID
    name: str | None
    email: str
    email_is_placeholder: bool
    phone: str | None
    country: str | None
    identifiers: int
    purchases: int
    last_seen_at: datetime | None
    created_at: datetime


class PeoplePage(Struct, frozen=True):
    """`next` is the cursor of the following page, or None."""

    profiles: list[PersonSummary]
    next: str | None


class TimelineEvent(Struct, frozen=True):
    """Something that happened to the person. `body` is the message as it was sent (or the house's own record)."""

    event_id: UUID
    profile_id: UUID
    source_id: int | None
    type: str
    name: str
    occurred_at: datetime
    received_at: datetime
    recorded_at: datetime
    body: Json
    envelope: Json


class TimelinePage(Struct, frozen=True):
    events: list[TimelineEvent]
    next: str | None


class WorkspaceLook(Struct, frozen=True):
    """What reading needs to know of the workspace."""

    currency: str = "USD"
    region: str = "US"


def look_of(connection: Connection, workspace_id: int) -> WorkspaceLook:
    row = connection.execute(
        "SELECT currency, region FROM workspaces_workspace WHERE id = %s", (workspace_id,)
    ).fetchone()
    return WorkspaceLook(*row) if row else WorkspaceLook()


def person(connection: Connection, workspace_id: int, profile_id: UUID, *, now: datetime) -> PersonView | None:
    """The person any of whose profiles has this id, or None."""
    root = identity.root_of(connection, workspace_id, profile_id)
    if root is None:
        return None
    members = identity.members_of(connection, [root])
    ids = [member.profile_id for member in members]
    return view_of(
        root,
        merge_states(read_states(connection, ids).values()),
        members=members,
        identifiers=identity.identifiers_of(connection, ids),
        merges=identity.merges_of(connection, ids),
        currency=look_of(connection, workspace_id).currency,
        today=day_of(to_micros(now)),
    )


def persons(
    connection: Connection, workspace_id: int, profile_ids: Sequence[UUID], *, now: datetime
) -> dict[UUID, PersonView]:
    """The people of the workspace to whom these profiles belong, by root; as many statements for one as for many."""
    roots = set(identity.roots_of(connection, profile_ids, workspace_id=workspace_id).values())
    found = identity.members_of(connection, list(roots))
    home = {member.profile_id: member.root_id for member in found}
    states = read_states(connection, list(home))
    held: dict[UUID, list[identity.HeldIdentifier]] = {}
    for identifier in identity.identifiers_of(connection, list(home)):
        held.setdefault(home[identifier.profile_id], []).append(identifier)
    merges = identity.merges_of(connection, list(home))
    currency, today = look_of(connection, workspace_id).currency, day_of(to_micros(now))
    return {
        root: view_of(
            root,
            merge_states(states[member] for member, of in home.items() if of == root and member in states),
            members=[member for member in found if member.root_id == root],
            identifiers=held.get(root, []),
            merges=[merge for merge in merges if root in (home.get(merge.kept), home.get(merge.absorbed))],
            currency=currency,
            today=today,
        )
        for root in dict.fromkeys(home.values())
    }


def people(connection: Connection, workspace_id: int, *, before: str | None = None, limit: int = 50) -> PeoplePage:
    """The people of the workspace, newest first, by key and not by offset. Raises `InvalidCursor`."""
    roots = identity.page_of_people(connection, workspace_id, before=cursor_of_people(before), limit=limit + 1)
    more = len(roots) > limit
    page = roots[:limit]
    return PeoplePage(people_summaries(connection, page), str(page[-1]) if more else None)


def cursor_of_people(cursor: str | None) -> UUID | None:
    """Whom the page before ended with. Raises `InvalidCursor`."""
    if cursor is None:
        return None
    try:
        return UUID(cursor)
    except ValueError:
        raise InvalidCursor("the cursor is not one we gave") from None


def people_by_identifier(connection: Connection, workspace_id: int, kind: str, value: str) -> PeoplePage:
    """The person with this identifier; e-mail and phone in any spelling."""
    root = root_by_identifier(connection, workspace_id, kind, value)
    return PeoplePage(people_summaries(connection, [root] if root else []), None)


def root_by_identifier(connection: Connection, workspace_id: int, kind: str, value: str) -> UUID | None:
    """The profile that stands for the person with this identifier; e-mail and phone in any spelling."""
    region = look_of(connection, workspace_id).region
    try:
        if kind == "email":
            value = normal_email(value)
        elif kind == "phone":
            value = normal_phone(value, region)
    except Misfit:
        return None
    roots = identity.roots_by_identifier(connection, workspace_id, kind, value)
    return roots[0] if roots else None


def people_summaries(connection: Connection, roots: Sequence[UUID]) -> list[PersonSummary]:
    """A line for each of these people, in their order; a constant number of statements."""
    if not roots:
        return []
    members = identity.members_of(connection, roots)
    ids = [member.profile_id for member in members]
    states = read_states(connection, ids)
    held: dict[UUID, list[identity.HeldIdentifier]] = {}
    home = {member.profile_id: member.root_id for member in members}
    for identifier in identity.identifiers_of(connection, ids):
        held.setdefault(home[identifier.profile_id], []).append(identifier)
    by_root: dict[UUID, list[State]] = {}
    born: dict[UUID, datetime] = {}
    for member in members:
        born.setdefault(member.root_id, member.created_at)
        if member.profile_id in states:
            by_root.setdefault(member.root_id, []).append(states[member.profile_id])
    return [
        _summary(root, merge_states(by_root.get(root, [])), held.get(root, []), born[root])
        for root in roots
        if root in born
    ]


def _summary(root: UUID, state: State, identifiers: Sequence[identity.HeldIdentifier], born: datetime) -> PersonSummary:
    attributes = values_of(state.attributes)
    email = attributes.get("email") or next((i.value for i in reversed(identifiers) if i.kind == "email"), None)
    orders = state.events.get("Order Completed")
    country = attributes.get("country") or values_of(state.inferred).get("country")
    return PersonSummary(
        profile_id=root,
        person_id=root,
        name=name_of(attributes),
        email=email or placeholder_of(root),
        email_is_placeholder=email is None,
        phone=attributes.get("phone"),
        country=country,
        identifiers=len(identifiers),
        purchases=orders.count if orders else 0,
        last_seen_at=to_datetime(state.last) if abs(state.last) < 2**60 else None,
        created_at=born,
    )


def timeline(
    connection: Connection,
    workspace_id: int,
    profile_id: UUID,
    *,
    before: str | None = None,
    limit: int = 50,
    wanted: Wanted = EVERYTHING,
) -> TimelinePage | None:
    """What happened to the person, newest first; None where there is no such person. Raises `InvalidCursor`."""
    root = identity.root_of(connection, workspace_id, profile_id)
    if root is None:
        return None
    ids = [member.profile_id for member in identity.members_of(connection, [root])]
    return timeline_of(connection, ids, before=before, limit=limit, wanted=wanted)


def timeline_of(
    connection: Connection,
    members: Sequence[UUID],
    *,
    before: str | None = None,
    limit: int = 50,
    wanted: Wanted = EVERYTHING,
) -> TimelinePage:
    """As `timeline`, of a person whose profiles are known already. Raises `InvalidCursor`."""
    rows = history.of_profiles(connection, members, before=_position(before), limit=limit + 1, wanted=wanted)
    page = rows[:limit]
    following = _cursor_of(page[-1]) if len(rows) > limit else None
    return TimelinePage([_timeline_event(row) for row in page], following)


MOST_SOURCED = 60
"""Identifiers of which the source is looked up: more than a screen shows at once."""


def sources_of_identifiers(connection: Connection, identifiers: Sequence[IdentifierView]) -> dict[tuple[str, str], int]:
    """The source that each identifier was first seen at, by kind and value, where the history still tells."""
    asked = sorted(identifiers, key=lambda one: (_KINDS.get(one.kind, 3), one.kind, one.first_seen))[:MOST_SOURCED]
    moments = {(one.profile_id, one.first_seen) for one in asked}
    found = history.sources_at(connection, sorted(moments, key=lambda pair: (pair[0].int, pair[1])))
    return {
        (one.kind, one.value): found[one.profile_id, one.first_seen]
        for one in asked
        if (one.profile_id, one.first_seen) in found
    }


_KINDS = {"user_id": 0, "email": 1, "phone": 2}


def _cursor_of(row: Recorded) -> str:
    return f"{to_micros(row.occurred_at)}.{row.lane}.{row.position}"


def _position(cursor: str | None) -> tuple[datetime, int, int] | None:
    if cursor is None:
        return None
    try:
        at, lane, position = (int(part) for part in cursor.split("."))
        return to_datetime(at), lane % 32_768, min(position, 2**62)
    except (ValueError, OverflowError):
        raise InvalidCursor("the cursor is not one we gave") from None


def _timeline_event(row: Recorded) -> TimelineEvent:
    return TimelineEvent(
        event_id=row.event_id,
        profile_id=row.profile_id,
        source_id=row.source_id,
        type=row.kind,
        name=row.name,
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        recorded_at=row.recorded_at,
        body=_readable(row.body),
        envelope={} if row.kind == SYSTEM else msgspec.json.decode(row.envelope),
    )


def _readable(body: bytes) -> Json:
    """The document; or, where a number in it is beyond any reader, its text: one message must not hide the others."""
    try:
        document: Json = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {"unreadable": body.decode()}
    return document


class Stats(Struct, frozen=True):
    """`counted_at` says when people and profiles were counted; the other figures are of now."""

    people: int
    profiles: int
    events: int
    waiting: int
    counted_at: datetime


EXACT_UP_TO = 100_000
"""Counting more profiles than these takes a noticeable while, so the number is kept; the longer, the larger it is."""
_KEPT_PER_EXACT = timedelta(minutes=1)
_KEPT_AT_MOST = timedelta(hours=1)
_counts: dict[tuple[str, int], tuple[datetime, int, int]] = {}


def stats(connection: Connection, workspace_id: int, *, now: datetime) -> Stats:
    """How many people and profiles the workspace has, how many events were recorded, how many messages wait."""
    counted_at, people, profiles = _count_people(connection, workspace_id, now)
    volume = connection.execute(
        "SELECT coalesce(sum(volume), 0)::bigint FROM events_catalogue WHERE workspace_id = %s AND kind = 'event'",
        (workspace_id,),
    ).fetchone()
    waiting = connection.execute(
        "SELECT count(*) FROM events_inbox WHERE workspace_id = %s", (workspace_id,)
    ).fetchone()
    assert volume is not None
    assert waiting is not None
    return Stats(people, profiles, events=volume[0], waiting=waiting[0], counted_at=counted_at)


def _count_people(connection: Connection, workspace_id: int, now: datetime) -> tuple[datetime, int, int]:
    key = (connection.info.dbname, workspace_id)
    known = _counts.get(key)
    if known is not None and now - known[0] < _kept(known[2]):
        return known
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE id = root_id), count(*) FROM identity_profile WHERE workspace_id = %s",
        (workspace_id,),
    ).fetchone()
    assert row is not None
    _counts[key] = (now, row[0], row[1])
    return _counts[key]


def _kept(profiles: int) -> timedelta:
    """For how long a count of so many is good: not at all where it is cheap, ten minutes for a million."""
    return min(_KEPT_AT_MOST, _KEPT_PER_EXACT * ((profiles - 1) // EXACT_UP_TO))
