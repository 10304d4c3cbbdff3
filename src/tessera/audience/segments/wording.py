"""Conditions as people write them, in which segments are called by their names."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg

from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.registry import from_json
from tessera.audience.segments import store
from tessera.audience.segments.records import Segment
from tessera.audience.text.reader import from_text
from tessera.audience.text.writer import to_text

Connection = psycopg.Connection[Any]


class Names:
    """What the segments of a workspace are called, both ways.

    An archived one, and one whose name could be an id, goes by its id: reading what was written gives the very
    segments again.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._ids = {each.id for each in segments}
        self._by_name = {_spelt(each.name): each.id for each in segments if each.archived_at is None}
        self._names = {
            each.id: each.name for each in segments if each.archived_at is None and _as_id(each.name) is None
        }

    def segment_named(self, name: str) -> UUID:
        """By its id, or its name in any capitals. Raises KeyError where there is none."""
        found = _as_id(name)
        return found if found is not None and found in self._ids else self._by_name[_spelt(name)]

    def name_of(self, segment_id: UUID) -> str:
        """What stands for it in a text."""
        return self._names.get(segment_id, str(segment_id))

    def read(self, text: str) -> Condition:
        """Raises `InvalidText`, which says where, and `InvalidCondition`."""
        return from_text(text, self.segment_named)

    def written(self, condition: Condition | bytes) -> str:
        """The text form of a condition or of its JSON form."""
        return to_text(from_json(condition) if isinstance(condition, bytes) else condition, self.name_of)


def _spelt(name: str) -> str:
    return " ".join(name.split()).lower()


def _as_id(name: str) -> UUID | None:
    try:
        return UUID(name.strip())
    except ValueError:
        return None


def names_in(connection: Connection, workspace_id: int) -> Names:
    """Of the workspace's segments as they are now."""
    return Names(store.of_workspace(connection, workspace_id, archived=None))
