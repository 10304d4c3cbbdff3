"""Why a person is (not) meant by a condition: part by part, over what PostgreSQL knows of them now.

What retention dropped is read through the analyst; all else needs none.
"""

from collections.abc import Iterable
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
from tessera.audience.remembering import whole_doings
from tessera.audience.segments import queries, store
from tessera.audience.segments.records import Freshness, Kind, Segment
from tessera.foundation.clock import Micros
from tessera.foundation.errors import NotFound
from tessera.identity.queries import members_of, root_of

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
    """Part by part, for one person; right at once, whatever the warehouse knows yet.

    `connection` autocommits. Raises `NoSuchPerson`, and `NoAnalyst` or `NotAnswered` where older events are needed,
    which only the analyst has.
    """
    return _explanation(connection, workspace_id, person_id, now, [condition]).verdict(condition)


class PersonSegment(Struct, frozen=True):
    """A segment that somebody is in. `since` is when they entered, None where it is only evaluated when asked."""

    id: UUID
    name: str
    kind: Kind
    freshness: Freshness
    since: datetime | None


def segments_of(connection: Connection, workspace_id: int, person_id: UUID, *, now: Micros) -> list[PersonSegment]:
    """The segments, but archived ones, that the person is in: by their lists where members are stored, by their
    conditions as the person is now where they are not. By name. Raises as `explain` does.
    """
    explanation = _explanation(connection, workspace_id, person_id, now)
    stored = explanation.stored
    return [
        PersonSegment(each.id, each.name, each.kind, each.freshness, stored.get(each.id))
        for each in sorted(explanation.segments, key=lambda each: (each.name.casefold(), each.id))
        if each.archived_at is None and (each.id in stored if each.stored else explanation.person.segments(each.id))
    ]


def holds_for(connection: Connection, workspace_id: int, condition: Condition, person_id: UUID, *, now: Micros) -> bool:
    """Whether it holds for the person now. Raises as `explain` does."""
    return explain(connection, workspace_id, condition, person_id, now=now).holds


def _explanation(
    connection: Connection, workspace_id: int, person_id: UUID, now: Micros, conditions: Iterable[Condition] = ()
) -> "_Explanation":
    root = root_of(connection, workspace_id, person_id)
    if root is None:
        raise NoSuchPerson(f"there is no person {person_id}")
    return _Explanation(connection, workspace_id, root, now, conditions)


class _Explanation:
    def __init__(
        self, connection: Connection, workspace_id: int, root: UUID, now: Micros, conditions: Iterable[Condition]
    ) -> None:
        self._now = now
        self.stored = queries.memberships(connection, root)
        self._segments = {each.id: each for each in store.of_workspace(connection, workspace_id, archived=None)}
        (person,) = people_of(connection, [root])
        members = [member.profile_id for member in members_of(connection, [root])]
        did = whole_doings(connection, workspace_id, members, self._events_of(conditions), person.did)
        self._person = msgspec.structs.replace(person, segments=self._is_in, did=did)
        self._known: dict[UUID, bool] = {}
        self._told: set[UUID] = set()

    def _events_of(self, conditions: Iterable[Condition]) -> set[str]:
        """Names of events that these ask about; without any, those that segments do which are evaluated when asked."""
        asked = list(conditions) or [
            from_json(each.condition)
            for each in self._segments.values()
            if each.condition is not None and not each.stored and each.archived_at is None
        ]
        return {name for condition in asked for kind, name in condition.reads() if kind == "event"}

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
