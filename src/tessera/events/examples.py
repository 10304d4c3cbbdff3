"""Example values of names: short, replaced all the time, and forgotten when a person is erased."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import psycopg

Connection = psycopg.Connection[Any]

LONGEST: Final = 200
SHORTEST_PART: Final = 4
"""A value shorter than this is only recognised as the whole example: `ES` stands in every second text."""


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


def forget_examples(connection: Connection, workspace_id: int, values: Sequence[str]) -> int:
    """Forget every example that holds one of these values, also in tallies that are not added up yet.

    Call it in the transaction of an erasure, with the person's values in the spellings they were sent in. Waits for
    whoever adds up tallies at the moment. Returns how many examples were forgotten.
    """
    wanted = [value.lower() for value in values if value]
    if not wanted:
        return 0
    forgotten = _forget_in_tallies(connection, workspace_id, wanted)
    rows = connection.execute(
        "SELECT kind, parent, name, example FROM events_catalogue WHERE workspace_id = %s AND example <> ''",
        (workspace_id,),
    ).fetchall()
    found = [row[:3] for row in rows if holds(row[3], wanted)]
    if found:
        kinds, parents, names = (list(column) for column in zip(*found, strict=True))
        connection.execute(
            "UPDATE events_catalogue SET example = '' WHERE workspace_id = %s AND (kind, parent, name) IN"
            " (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))",
            (workspace_id, kinds, parents, names),
        )
    return forgotten + len(found)


def _forget_in_tallies(connection: Connection, workspace_id: int, wanted: Sequence[str]) -> int:
    """First, and locked: what an adder has in hand is in the catalogue when we get there."""
    forgotten = 0
    for lane, number, text in connection.execute(
        "SELECT lane, id, tally::text FROM events_tally ORDER BY lane, id FOR UPDATE"
    ).fetchall():
        tally = msgspec.json.decode(text)
        found = [row for row in tally.get("names", ()) if row[0] == workspace_id and holds(row[9], wanted)]
        for row in found:
            row[9] = ""
        if found:
            body = msgspec.json.encode(tally).decode()
            connection.execute("UPDATE events_tally SET tally = %s WHERE lane = %s AND id = %s", (body, lane, number))
        forgotten += len(found)
    return forgotten


def holds(example: str, wanted: Sequence[str]) -> bool:
    """Whether one of the values (in lower case) stands in the example, or its beginning where the example was cut."""
    text = example.lower()
    if not text:
        return False
    return any(_stands_in(value, text) for value in wanted)


def _stands_in(value: str, text: str) -> bool:
    if len(value) < SHORTEST_PART:
        return value == text
    if value[:LONGEST] in text:
        return True
    if len(text) < LONGEST:
        return False
    return any(text.endswith(value[:length]) for length in range(SHORTEST_PART, min(len(value), len(text))))
