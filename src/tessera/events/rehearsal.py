"""What a declaration or a block would have done to the newest events: the preview before somebody decides."""

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct

from tessera.events.event import Field
from tessera.events.examples import example_of
from tessera.events.fitting import Declaration, DoesNotFit, fit, type_of
from tessera.events.problems import ProblemExample
from tessera.events.vocabulary import spellings_of

Connection = psycopg.Connection[Any]
LOOKED_AT: Final = 1_000
"""Events that a rehearsal reads at most; the newest of each source of the workspace."""

MOST_SHOWN: Final = 5


class Rehearsal(Struct, frozen=True):
    """Of the newest `events`, `values` carried the name; `fitting` of them fit. `misfits` shows some that do not."""

    events: int
    values: int
    fitting: int
    types: dict[str, int]
    misfits: list[str]


_NEWEST: Final = """
SELECT body::text, envelope::text, name, kind FROM unnest(%(sources)s::int[]) AS source (id) CROSS JOIN LATERAL (
       SELECT body, envelope, name, kind, recorded_at FROM events_history
        WHERE source_id = source.id ORDER BY recorded_at DESC LIMIT %(limit)s) AS newest
 ORDER BY recorded_at DESC LIMIT %(limit)s
"""


def rehearse(
    connection: Connection, sources: Sequence[int], field: Field, declaration: Declaration | None
) -> Rehearsal:
    """Look through the newest events of these sources; without a declaration every value fits."""
    rows = connection.execute(_NEWEST, {"sources": list(sources), "limit": LOOKED_AT}).fetchall()
    values = fitting = 0
    types: dict[str, int] = {}
    misfits: list[str] = []
    for body, envelope, name, kind in rows:
        for value in _values(field, body, envelope, name, kind):
            values += 1
            if found := type_of(value):
                types[found] = types.get(found, 0) + 1
            if _fits(declaration, value):
                fitting += 1
            elif len(misfits) < MOST_SHOWN:
                misfits.append(example_of(value))
    return Rehearsal(len(rows), values, fitting, types, misfits)


def _fits(declaration: Declaration | None, value: Any) -> bool:
    if declaration is None:
        return True
    try:
        fit(declaration, value)
    except DoesNotFit:
        return False
    return True


def _values(field: Field, body: str, envelope: str, name: str, kind: str) -> Iterator[Any]:
    """The field's values in one event; for an event's own name, one None per event."""
    wanted, parent, field_name = field
    if wanted == "event":
        if name == field_name:
            yield None
        return
    if wanted == "property" and name != parent:
        return
    try:
        said = msgspec.json.decode(body)
        shared = msgspec.json.decode(envelope) if wanted == "attribute" else {}
    except msgspec.DecodeError:
        return  # a number beyond any reader
    if wanted == "property":
        yield from _named(said.get("properties"), (field_name,))
        return
    for holder in (shared, said):
        context = holder.get("context")
        yield from _named(context.get("traits") if type(context) is dict else None, spellings_of(field_name))
    if kind == "identify":
        yield from _named(said.get("traits"), spellings_of(field_name))


def _named(fields: Any, names: Sequence[str]) -> Iterator[Any]:
    if type(fields) is dict:
        yield from (fields[name] for name in names if name in fields)


def values_of_examples(
    connection: Connection, workspace_id: int, field: Field, examples: Sequence[ProblemExample]
) -> dict[UUID, str]:
    """The field's value in each of these events that is still in history, short, by the event's id."""
    if not examples:
        return {}
    rows = connection.execute(
        _OF_EXAMPLES,
        {
            "workspace": workspace_id,
            "profiles": [example.profile_id for example in examples],
            "moments": [example.at for example in examples],
            "events": [example.event_id for example in examples],
        },
    ).fetchall()
    return {
        row[0]: ", ".join(example_of(value) for value in _values(field, *row[1:]) if value is not None)[:200]
        for row in rows
    }


_OF_EXAMPLES: Final = """
SELECT h.event_id, h.body::text, h.envelope::text, h.name, h.kind
  FROM unnest(%(profiles)s::uuid[], %(moments)s::timestamptz[], %(events)s::uuid[]) AS wanted (profile, at, event)
 CROSS JOIN LATERAL (SELECT * FROM events_history
                      WHERE profile_id = wanted.profile AND occurred_at = wanted.at AND event_id = wanted.event
                        AND workspace_id = %(workspace)s LIMIT 1) AS h
"""
