"""Why a person is (not) meant by a condition: part by part, over what PostgreSQL knows of them now."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from msgspec import Raw, Struct

from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.membership import InSegment
from tessera.audience.conditions.registry import children, from_json, to_json
from tessera.audience.person import Person
from tessera.audience.reading import people_of
from tessera.audience.segments import queries, store
from tessera.audience.segments.records import Freshness, Kind, Segment
from tessera.foundation.clock import Micros
from tessera.foundation.errors import NotFound
from tessera.identity.queries import root_of

Connection = psycopg.Connection[Any]


class Verdict(Struct, frozen=True):
    """Whether a condition holds, and of what that came. `condition` is its JSON form; `parts` are the conditions
    that it is made of, or those of the segment that it asks about: where it is asked about first, not each time, as
    segments made of segments would double at every level.
    """

    condition: Raw
    holds: bool
    parts: list["Verdict"]
    segment_id: UUID | None = None
    segment: str | None = None


class NoSuchPerson(NotFound):
    """The workspace has no such person."""


def explain(
    connection: Connection, workspace_id: int, condition: Condition, person_id: UUID, *, now: Micros
) -> Verdict:
    """Part by part, for one person; right at once, whatever the warehouse knows yet. Raises `NoSuchPerson`."""
    return _explanation(connection, workspace_id, person_id, now).verdict(condition)


class PersonSegment(Struct, frozen=True):
    """A segment that somebody is in. `since` is when they entered, None where it is only evaluated when asked."""

    id: UUID
    name: str
    kind: Kind
    freshness: Freshness
    since: datetime | None


def segments_of(connection: Connection, workspace_id: int, person_id: UUID, *, now: Micros) -> list[PersonSegment]:
    """The segments, but archived ones, that the person is in: by their lists where members are stored, by their
    conditions as the person is now where they are not. By name. Raises `NoSuchPerson`.
    """
    explanation = _explanation(connection, workspace_id, person_id, now)
    stored = explanation.stored
    return [
        PersonSegment(each.id, each.name, each.kind, each.freshness, stored.get(each.id))
        for each in sorted(explanation.segments, key=lambda each: (each.name.casefold(), each.id))
        if each.archived_at is None and (each.id in stored if each.stored else explanation.person.segments(each.id))
    ]


def holds_for(connection: Connection, workspace_id: int, condition: Condition, person_id: UUID, *, now: Micros) -> bool:
    """Whether it holds for the person now. Raises `NoSuchPerson`."""
    return explain(connection, workspace_id, condition, person_id, now=now).holds


def _explanation(connection: Connection, workspace_id: int, person_id: UUID, now: Micros) -> "_Explanation":
    root = root_of(connection, workspace_id, person_id)
    if root is None:
        raise NoSuchPerson(f"there is no person {person_id}")
    return _Explanation(connection, workspace_id, root, now)


class _Explanation:
    def __init__(self, connection: Connection, workspace_id: int, root: UUID, now: Micros) -> None:
        self._now = now
        self.stored = queries.memberships(connection, root)
        self._segments = {each.id: each for each in store.of_workspace(connection, workspace_id, archived=None)}
        (person,) = people_of(connection, [root])
        self._person = msgspec.structs.replace(person, segments=self._is_in)
        self._known: dict[UUID, bool] = {}
        self._told: set[UUID] = set()

    @property
    def person(self) -> Person:
        return self._person

    @property
    def segments(self) -> list[Segment]:
        return list(self._segments.values())

    def _is_in(self, segment_id: UUID) -> bool:
        """Dynamic ones by their condition, as it is now; static ones by their list."""
        if segment_id not in self._known:
            segment = self._segments.get(segment_id)
            if segment is None:
                self._known[segment_id] = False
            elif segment.condition is not None:
                self._known[segment_id] = from_json(segment.condition).holds_for(self._person, self._now)
            else:
                self._known[segment_id] = segment_id in self.stored
        return self._known[segment_id]

    def verdict(self, condition: Condition) -> Verdict:
        holds = condition.holds_for(self._person, self._now)
        encoded = Raw(to_json(condition))
        if not isinstance(condition, InSegment):
            return Verdict(encoded, holds, [self.verdict(child) for child in children(condition)])
        segment = self._segments.get(condition.segment_id)
        inner: list[Verdict] = []
        if segment is not None and segment.condition and segment.id not in self._told:
            self._told.add(segment.id)
            inner = [self.verdict(from_json(segment.condition))]
        return Verdict(encoded, holds, inner, condition.segment_id, segment.name if segment is not None else None)
