"""The archivist: copies history into the archive, right behind the analyst, so that PostgreSQL may drop it.

It follows history by itself, with places of its own: where the setting was switched on late, what PostgreSQL still has
is archived from its beginning, while the analyst is at the end. It may be killed on any line: PostgreSQL is told how
far it is once that is written, so too little may be said, never too much.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

import psycopg

from tessera.audience.warehouse.archive import Archives
from tessera.audience.warehouse.engine import Engine
from tessera.events import archived, history
from tessera.events.history import Recorded

Connection = psycopg.Connection[Any]
MOST: Final = 20_000
"""Rows of history in one step."""


class Archivist:
    """One per warehouse, in the thread that writes to it. `connection` reads PostgreSQL and autocommits."""

    def __init__(self, connection: Connection, engine: Engine, archives: Archives) -> None:
        self._connection, self._engine, self._archives = connection, engine, archives
        self._said: Mapping[int, int] | None = None
        archived.forget(connection)  # what another warehouse said is not true of this one

    def step(self, reached: Mapping[int, int], most: int = MOST) -> int:
        """Archive up to `most` rows of those that the analyst has `reached`; returns how many."""
        rows, moved = self._next(reached, most)
        positions = self._archives.positions
        if moved:
            by_archive = [(self._archives.of(workspace), each) for workspace, each in _by_workspace(rows).items()]
            with self._engine.transaction():
                positions.refuse_rival()
                for archive, each in by_archive:
                    archive.add(each)
                positions.write(moved)
            positions.keep(moved)
        self._say({lane: min(position, reached.get(lane, 0)) for lane, position in positions.known.items()})
        return len(rows)

    def _next(self, reached: Mapping[int, int], most: int) -> tuple[list[Recorded], dict[int, int]]:
        """The next rows of each lane that has any, and how far these reach."""
        rows: list[Recorded] = []
        moved: dict[int, int] = {}
        for lane, last in sorted(reached.items()):
            begun = self._archives.positions.known.get(lane, 0)
            if last <= begun or len(rows) >= most:
                continue
            limit = most - len(rows)
            found = history.in_lane(self._connection, lane, after=begun, limit=limit)
            # fewer than there might be: what is missing was dropped before there was an archive, or taken back
            moved[lane] = min(found[-1].position, last) if len(found) == limit else last
            rows += [row for row in found if row.position <= last]
        return rows, moved

    def _say(self, positions: Mapping[int, int]) -> None:
        if positions != self._said:
            archived.note(self._connection, positions)
            self._said = positions


def _by_workspace(rows: list[Recorded]) -> Mapping[int, list[Recorded]]:
    found: defaultdict[int, list[Recorded]] = defaultdict(list)
    for row in rows:
        found[row.workspace_id].append(row)
    return found
