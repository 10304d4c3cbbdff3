"""The analyst: follows history and the people it speaks of into the warehouse, each step all or nothing.

A step reads the next rows of every lane, appends what people did, writes the people concerned anew as they are now, and
takes out whom an erasure or an undone import took away. It may be killed on any line: how far it came is written
with the rest.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct, field

from tessera.audience.changes import Changes
from tessera.audience.reading import COUNTED, happening_of, people_of
from tessera.audience.segments import membership
from tessera.audience.warehouse import generations
from tessera.audience.warehouse.archive import Archive, Archives
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.positions import Positions
from tessera.audience.warehouse.rows import event_row
from tessera.audience.warehouse.store import Warehouse
from tessera.events import archived, history
from tessera.events.event import SYSTEM
from tessera.events.history import Recorded
from tessera.events.vocabulary import (
    HISTORY_REDACTED,
    IMPORT_UNDONE,
    PERSON_ERASED,
    PROFILES_MERGED,
    PROFILES_SPLIT,
    SEGMENT_ENTERED,
    SEGMENT_LEFT,
)
from tessera.identity import queries as identity
from tessera.profiles.relations import RELATION_ADDED, RELATION_REMOVED

Connection = psycopg.Connection[Any]
MOST: Final = 4_000
"""Rows of history in one step."""
_LANES: Final = "SELECT lane, position FROM events_lane ORDER BY lane"
_OLDEST: Final = """
SELECT extract(epoch FROM now() - min(h.recorded_at)) FROM unnest(%s::smallint[], %s::bigint[]) AS w (lane, position)
 CROSS JOIN LATERAL (SELECT recorded_at FROM events_history WHERE lane = w.lane AND position > w.position
                      ORDER BY position LIMIT 1) h
"""


class Work(Struct):
    """What a step does in one workspace."""

    events: list[Recorded] = field(default_factory=list)
    touched: set[UUID] = field(default_factory=set)
    related: set[UUID] = field(default_factory=set)
    """Those whose relations may be others now, and so those of the people at the far ends."""
    erased: set[UUID] = field(default_factory=set)
    undone: list[tuple[int, int, int]] = field(default_factory=list)
    """(lane, first, last) of history that was taken back."""
    blotted: set[tuple[int, int]] = field(default_factory=set)
    """Places in history whose rows say less than they did."""
    listed: set[UUID] = field(default_factory=set)
    """Static segments whom somebody entered or left."""
    changes: Changes = field(default_factory=Changes)


class Step(Struct, frozen=True):
    """What a step did: how many rows of history it took in, and what changed for whom, by workspace."""

    rows: int
    changes: dict[int, Changes]


class Analyst:
    """One per warehouse. `connection` reads PostgreSQL and autocommits."""

    def __init__(
        self,
        connection: Connection,
        engine: Engine,
        *,
        generation: int | None = None,
        archives: Archives | None = None,
    ) -> None:
        """Of the generation of tables that answers, unless another is named; what rebuilds left behind goes.

        All that write to an engine share its `archives`.
        """
        self._connection = connection
        self.engine = engine
        self.archives = archives or Archives(engine)
        self.generation = generations.current(engine) if generation is None else generation
        if generation is None:
            generations.drop_others(engine, self.generation)
        self._positions = Positions(engine, generations.prefix(self.generation))
        self._warehouses: dict[int, Warehouse] = {}

    def warehouse(self, workspace_id: int) -> Warehouse:
        found = self._warehouses.get(workspace_id)
        if found is None:
            found = self._warehouses[workspace_id] = Warehouse(self.engine, workspace_id, self.generation)
            if not self.engine.atomic:
                found.take_back_after(self._positions.known)
        return found

    @property
    def reached(self) -> Mapping[int, int]:
        """The last position of each lane that is in the warehouse."""
        return self._positions.known

    def go_on_from(self, positions: dict[int, int]) -> None:
        """What is up to here is in the warehouse already."""
        self._positions.write(positions)
        self._positions.keep(positions)

    def behind(self) -> int:
        """How many rows of history are not in the warehouse."""
        rows = self._connection.execute(_LANES).fetchall()
        return sum(position - self._positions.known.get(lane, 0) for lane, position in rows)

    def lag(self) -> float:
        """Seconds since the oldest row that is not in the warehouse was recorded; 0 where there is none."""
        known = self._positions.known
        rows = self._connection.execute(_LANES).fetchall()
        wanting = [(lane, known.get(lane, 0)) for lane, position in rows if position > known.get(lane, 0)]
        if not wanting:
            return 0.0
        lanes, positions = zip(*wanting, strict=True)
        row = self._connection.execute(_OLDEST, (list(lanes), list(positions))).fetchone()
        return float(row[0]) if row and row[0] is not None else 0.0

    def step(self, most: int = MOST) -> Step:
        """Take in up to `most` rows of history."""
        rows, reached = self._next(most)
        if not reached:
            return Step(0, {})
        work = _sorted_out(rows)
        with self.engine.transaction():
            try:
                self._positions.refuse_rival()
                for workspace_id, each in work.items():
                    self._take_in(self.warehouse(workspace_id), each, self._positions.known | reached)
                    self._keep_archive(workspace_id, each)
                self._positions.write(reached)
            except BaseException:
                self._warehouses.clear()  # what they learned is rolled back
                raise
        self._positions.keep(reached)
        return Step(len(rows), {workspace: each.changes for workspace, each in work.items()})

    def _next(self, most: int) -> tuple[list[Recorded], dict[int, int]]:
        """The next rows of each lane that has any, and how far these reach."""
        rows: list[Recorded] = []
        reached: dict[int, int] = {}
        for lane, written in self._connection.execute(_LANES).fetchall():
            begun = self._positions.known.get(lane, 0)
            if written <= begun or len(rows) >= most:
                continue
            limit = most - len(rows)
            found = history.in_lane(self._connection, lane, after=begun, limit=limit)
            # fewer than there might be: what is missing was dropped by retention, or taken back
            reached[lane] = found[-1].position if len(found) == limit else max(written, *(r.position for r in found), 0)
            rows += found
        return rows, reached

    def _take_in(self, warehouse: Warehouse, work: Work, reached: dict[int, int]) -> None:
        add_events(warehouse, work.events)
        for lane, first, last in work.undone:
            warehouse.take_back(lane, first, last)
        if work.related:
            self._touch(work, warehouse.related_to(work.related))
        self._read_again(warehouse, work.blotted, reached)
        roots = self._write_people(warehouse, work.touched)
        if work.related:
            roots |= self._write_far_ends(warehouse, work)
        if work.erased:
            warehouse.forget(work.erased)
        for segment_id in work.listed:
            warehouse.put_members(segment_id, membership.profiles_in(self._connection, segment_id))
        listed = set().union(*work.changes.segments.values()) - roots.keys()
        work.changes.stand_for(roots | identity.roots_of(self._connection, list(listed)))

    def _keep_archive(self, workspace_id: int, work: Work) -> None:
        """What is archived already changes as history did."""
        archive = self.archives.there(workspace_id)
        if archive is None:
            return
        for lane, first, last in work.undone:
            self._take_back_archived(archive, lane, first, last)
        archive.replace(history.at_places(self._connection, _up_to(self.archives.reached, work.blotted)))
        archive.forget(work.erased)

    def _take_back_archived(self, archive: Archive, lane: int, first: int, last: int) -> None:
        """What PostgreSQL had dropped could not be undone, and stays; so does what it still has of these places."""
        first = max(first, archived.dropped_up_to(self._connection).get(lane, 0) + 1)
        archive.take_back(lane, first, last)
        last = min(last, self.archives.reached.get(lane, 0))
        archive.add(history.between(self._connection, lane, first, last))

    def _write_far_ends(self, warehouse: Warehouse, work: Work) -> dict[UUID, UUID]:
        """Those to whom somebody is related since: it is written of them as well."""
        fresh = warehouse.related_to(work.related) - work.touched
        self._touch(work, fresh)
        return self._write_people(warehouse, fresh)

    def _touch(self, work: Work, others: set[UUID]) -> None:
        work.touched |= others
        work.changes.anything |= others

    def _read_again(self, warehouse: Warehouse, places: set[tuple[int, int]], reached: Mapping[int, int]) -> None:
        """Put these rows of history in place of themselves; those not reached are read when they are."""
        known = _up_to(reached, places)
        warehouse.take_back_at(known)
        rows = history.at_places(self._connection, known)
        add_events(warehouse, [row for row in rows if row.kind in COUNTED])

    def _write_people(self, warehouse: Warehouse, touched: set[UUID]) -> dict[UUID, UUID]:
        """Write the people these profiles are of; returns who stands for each of their profiles."""
        roots = identity.roots_of(self._connection, list(touched))
        moved = {
            member.profile_id: member.root_id
            for member in identity.members_of(self._connection, list(set(roots.values())))
        }
        people = people_of(self._connection, sorted(set(moved.values())))
        warehouse.put_people(touched | moved.keys(), people, moved)
        return moved


def _up_to(reached: Mapping[int, int], places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    return sorted((lane, position) for lane, position in places if position <= reached.get(lane, 0))


def add_events(warehouse: Warehouse, rows: Sequence[Recorded]) -> None:
    """Append what these rows of history say that people did."""
    warehouse.add_events(
        [
            event_row(
                row.name,
                happening_of(row),
                warehouse.properties,
                profile_id=row.profile_id,
                lane=row.lane,
                position=row.position,
            )
            for row in rows
        ]
    )


def _sorted_out(rows: Sequence[Recorded]) -> dict[int, Work]:
    work: defaultdict[int, Work] = defaultdict(Work)
    for row in rows:
        mine = work[row.workspace_id]
        if row.kind != SYSTEM:
            mine.touched.add(row.profile_id)
            mine.changes.note(row)
            if row.name in (RELATION_ADDED, RELATION_REMOVED):
                mine.related.add(row.profile_id)
            if row.kind in COUNTED:
                mine.events.append(row)
            continue
        said = msgspec.json.decode(row.body)
        match row.name:
            case name if name == PERSON_ERASED:
                mine.erased |= {UUID(profile) for profile in said["profile_ids"]}
                mine.related |= mine.erased
            case name if name == HISTORY_REDACTED:
                others = {UUID(profile) for profile in said["profile_ids"]}
                mine.blotted |= {(lane, position) for lane, position in said["places"]}
                mine.touched |= others
                mine.changes.anything |= others
            case name if name == IMPORT_UNDONE:
                mine.undone.append((said["lane"], said["first_position"], said["last_position"]))
                mine.touched |= {UUID(profile) for profile in said["profile_ids"]}
                mine.changes.anything |= mine.touched
                mine.related |= mine.touched
            case name if name in (PROFILES_MERGED, PROFILES_SPLIT):
                mine.touched |= {UUID(said["kept"]), UUID(said["absorbed"])}
                mine.changes.anything |= {UUID(said["kept"]), UUID(said["absorbed"])}
                mine.related |= {UUID(said["kept"]), UUID(said["absorbed"])}
            case name if name in (SEGMENT_ENTERED, SEGMENT_LEFT):
                mine.changes.segments[said["segment_id"]].add(row.profile_id)
                if said["kind"] == "static":
                    mine.listed.add(UUID(said["segment_id"]))
            case _:
                mine.changes.anything.add(row.profile_id)
                mine.touched.add(row.profile_id)
    return dict(work)
