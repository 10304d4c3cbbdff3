"""Everything that happened and is wanted, a page at a time, and the columns a table of events has."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from msgspec import Raw, Struct

from tessera.events import walk
from tessera.events.event import SYSTEM
from tessera.events.history import Recorded
from tessera.events.walk import Choice
from tessera.exports.columns import Column
from tessera.exports.people import chosen_roots
from tessera.exports.wanted import Wanted
from tessera.identity import queries as identity

Connection = psycopg.Connection[Any]
PAGE: Final = 1_000

COLUMNS: Final = (
    Column("event_id", "text"),
    Column("type", "text"),
    Column("name", "text"),
    Column("person_id", "text"),
    Column("profile_id", "text"),
    Column("occurred_at", "moment"),
    Column("received_at", "moment"),
    Column("recorded_at", "moment"),
    Column("source_id", "whole"),
    Column("source", "text"),
    Column("message_id", "text"),
    Column("user_id", "text"),
    Column("anonymous_id", "text"),
    Column("ip", "text"),
    Column("user_agent", "text"),
    Column("properties", "json"),
    Column("traits", "json"),
    Column("context", "json"),
    Column("record", "json"),
)


_NOTHING: Final = Raw(b"null")


class _Said(Struct, rename="camel"):
    """What a table shows of a message; its documents stay the bytes they are."""

    message_id: Any = None
    user_id: Any = None
    anonymous_id: Any = None
    properties: Raw = _NOTHING
    traits: Raw = _NOTHING
    context: Raw = _NOTHING


class _Where(Struct, rename="camel"):
    ip: Any = None
    user_agent: Any = None


_decode_said: Final = msgspec.json.Decoder(_Said).decode
_decode_where: Final = msgspec.json.Decoder(_Where).decode


class EventRecord(Struct, frozen=True):
    """One event as a row or as a document. `person_id` is the profile that stands for the person now."""

    recorded: Recorded
    person_id: UUID
    source: str | None

    def row(self) -> dict[str, Any]:
        told = self.recorded
        row: dict[str, Any] = {
            "event_id": str(told.event_id),
            "type": told.kind,
            "name": told.name,
            "person_id": str(self.person_id),
            "profile_id": str(told.profile_id),
            "occurred_at": told.occurred_at,
            "received_at": told.received_at,
            "recorded_at": told.recorded_at,
            "source_id": told.source_id,
            "source": self.source,
        }
        if told.kind == SYSTEM:
            return row | {"record": Raw(told.body)}
        said = _read(_decode_said, told.body, _Said())
        where = _read(_decode_where, said.context, _Where())
        around = _read(_decode_where, told.envelope, _Where())
        return row | {
            "message_id": _id(said.message_id),
            "user_id": _id(said.user_id),
            "anonymous_id": _id(said.anonymous_id),
            "ip": _id(where.ip or around.ip),
            "user_agent": _id(where.user_agent or around.user_agent),
            "properties": _document(said.properties),
            "traits": _document(said.traits),
            "context": _document(said.context),
        }

    def document(self) -> object:
        """The event with its message as it was sent, byte for byte."""
        told = self.recorded
        return {
            "event_id": told.event_id,
            "type": told.kind,
            "name": told.name,
            "person_id": self.person_id,
            "profile_id": told.profile_id,
            "occurred_at": told.occurred_at,
            "received_at": told.received_at,
            "recorded_at": told.recorded_at,
            "source_id": told.source_id,
            "source": self.source,
            "body": Raw(_one_line(told.body)),
            "envelope": Raw(_one_line(told.envelope)),
        }


def _read(decode: Any, text: bytes | Raw, nothing: Any) -> Any:
    """What the message says; nothing where a number in it is beyond any reader."""
    try:
        return decode(text)
    except (msgspec.DecodeError, RecursionError):
        return nothing


def _id(value: Any) -> str | None:
    return None if value is None or isinstance(value, list | dict) else str(value)


def _document(raw: Raw) -> Raw | None:
    return None if bytes(raw) == b"null" else raw


def _one_line(text: bytes) -> bytes:
    """JSON may be written over many lines outside its strings, a line of NDJSON may not."""
    return text.replace(b"\n", b" ").replace(b"\r", b" ")


class Page(Struct, frozen=True):
    """Some of what is wanted. `looked_at` counts positions of history, before the filters."""

    records: list[EventRecord]
    looked_at: int


def pages(connection: Connection, workspace_id: int, wanted: Wanted, *, sources: dict[int, str]) -> Iterator[Page]:
    """What is wanted: lane by lane as it was taken in; or, of people who were named, person by person by time."""
    choice = Choice(workspace_id, wanted.occurred_from, wanted.occurred_to, wanted.events, wanted.sources)
    if wanted.people is None:
        found = _through_lanes(connection, choice)
    else:
        found = _through_people(connection, choice, chosen_roots(connection, workspace_id, wanted.people))
    for rows, looked_at in found:
        yield Page(_records(connection, rows, sources), looked_at)


def total(connection: Connection, workspace_id: int, wanted: Wanted) -> int:
    """How many positions there are to look at; unknown (0) where people are named."""
    if wanted.people is not None:
        return 0
    return sum(stretch.last - stretch.first + 1 for stretch in walk.stretches(connection))


def _through_lanes(connection: Connection, choice: Choice) -> Iterator[tuple[list[Recorded], int]]:
    for stretch in walk.stretches(connection):
        for after in range(stretch.first - 1, stretch.last, PAGE):
            up_to = min(after + PAGE, stretch.last)
            yield walk.of_lane(connection, choice, lane=stretch.lane, after=after, up_to=up_to), up_to - after


def _through_people(
    connection: Connection, choice: Choice, roots: Sequence[UUID]
) -> Iterator[tuple[list[Recorded], int]]:
    for root in roots:
        for member in identity.members_of(connection, [root]):
            after: tuple[datetime, int, int] | None = None
            while rows := walk.of_profile(connection, choice, member.profile_id, after=after, limit=PAGE):
                yield rows, len(rows)
                after = (rows[-1].occurred_at, rows[-1].lane, rows[-1].position)


def _records(connection: Connection, rows: list[Recorded], sources: dict[int, str]) -> list[EventRecord]:
    roots = identity.roots_of(connection, list({row.profile_id for row in rows})) if rows else {}
    return [
        EventRecord(row, roots.get(row.profile_id, row.profile_id), sources.get(row.source_id or 0)) for row in rows
    ]
