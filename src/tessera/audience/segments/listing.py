"""Everybody in a segment, page by page, with what they are named by: for who takes the list elsewhere."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from msgspec import Raw, Struct

from tessera.audience.questions import ListPeople, ask
from tessera.audience.segments import queries
from tessera.audience.segments.records import Member, Segment
from tessera.identity import queries as identity
from tessera.profiles.masking import masks_for

Connection = psycopg.Connection[Any]
PAGE = 1_000


class NamedBy(Struct, frozen=True):
    """An identifier."""

    kind: str
    value: str


class Listed(Struct, frozen=True):
    """A member with what names them, by kind and first sight."""

    person_id: UUID
    entered_at: datetime | None
    identifiers: list[NamedBy]


def listed(connection: Connection, segment: Segment, *, personal: bool) -> Iterator[list[Listed]]:
    """Pages of members. Without `personal`, identifiers that are personal data are left out.

    `connection` autocommits. Raises `NoAnalyst` and `NotAnswered` where members are not stored.
    """
    for members in pages(connection, segment):
        named = _named(connection, segment.workspace_id, [each.person_id for each in members], personal=personal)
        yield [Listed(each.person_id, each.entered_at, named.get(each.person_id, [])) for each in members]


def pages(connection: Connection, segment: Segment) -> Iterator[list[Member]]:
    """Members as they are stored, or as the analyst finds them; as `listed`."""
    if segment.condition is None or (segment.stored and segment.current):
        yield from _stored(connection, segment)
        return
    after: UUID | None = None
    while True:
        question = ListPeople(condition=Raw(segment.condition), after=after, limit=PAGE)
        found = ask(connection, segment.workspace_id, question)
        yield [Member(person, None) for person in found.people]
        if (after := found.next) is None:
            return


def _stored(connection: Connection, segment: Segment) -> Iterator[list[Member]]:
    after: UUID | None = None
    while True:
        page = queries.members_page(connection, segment, after=after, limit=PAGE)
        yield page.members
        if (after := page.next) is None:
            return


def _named(
    connection: Connection, workspace_id: int, people: Sequence[UUID], *, personal: bool
) -> dict[UUID, list[NamedBy]]:
    home = {member.profile_id: member.root_id for member in identity.members_of(connection, people)}
    masks = {} if personal else masks_for(connection, workspace_id, people)
    named: defaultdict[UUID, list[NamedBy]] = defaultdict(list)
    for held in identity.identifiers_of(connection, list(home)):
        root = home[held.profile_id]
        if personal or masks[root].identifier_value(held.kind, held.value) == held.value:
            named[root].append(NamedBy(held.kind, held.value))
    return named
