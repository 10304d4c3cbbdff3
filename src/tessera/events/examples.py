"""Example values of names: short, replaced all the time, and forgotten when somebody is erased."""

from typing import Any, Final

import msgspec
import psycopg

Connection = psycopg.Connection[Any]

LONGEST: Final = 200


def example_of(value: Any) -> str:
    """The value as people read it, at most 200 characters; empty for None."""
    if value is None:
        return ""
    if type(value) is str:
        return value[:LONGEST].replace("\0", "")
    try:
        return msgspec.json.encode(value).decode()[:LONGEST]
    except (OverflowError, RecursionError):
        return ""  # numbers beyond 64 bits


def forget_examples(connection: Connection, workspace_id: int) -> int:
    """Forget every example of the workspace, also in tallies that are not added up yet; returns how many there were.

    Call it in the transaction of an erasure: nobody knows whose value an example is, and the next events bring new
    ones. Waits for whoever adds up tallies at the moment.
    """
    waiting = _forget_in_tallies(connection, workspace_id)
    known = connection.execute(
        "UPDATE events_catalogue SET example = '' WHERE workspace_id = %s AND example <> ''", (workspace_id,)
    )
    return waiting + known.rowcount


def _forget_in_tallies(connection: Connection, workspace_id: int) -> int:
    """First, and locked: what an adder has in hand is in the catalogue when we get there."""
    forgotten = 0
    for lane, number, text in connection.execute(
        "SELECT lane, id, tally::text FROM events_tally ORDER BY lane, id FOR UPDATE"
    ).fetchall():
        tally = msgspec.json.decode(text)
        found = [row for row in tally.get("names", ()) if row[0] == workspace_id and row[9]]
        for row in found:
            row[9] = ""
        if found:
            body = msgspec.json.encode(tally).decode()
            connection.execute("UPDATE events_tally SET tally = %s WHERE lane = %s AND id = %s", (body, lane, number))
        forgotten += len(found)
    return forgotten
