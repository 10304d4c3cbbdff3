"""Reading ahead: from the stored file to batches that are planned and wait to be written."""

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.foundation.clock import now_micros, to_micros
from tessera.foundation.errors import Outdated
from tessera.foundation.settings import settings
from tessera.identity.directory import Address
from tessera.identity.rules import PROFILE
from tessera.identity.store import AskedOwners
from tessera.identity.suppression import suppressed_among, workspaces_that_keep_out
from tessera.imports import store
from tessera.imports.parsing import Batch, batches
from tessera.imports.placing import Placement, Rules, Shadow, place
from tessera.imports.plan import MAX_ROWS, Plan
from tessera.imports.reading import FileRefused
from tessera.imports.records import Counts, ImportView, RowProblem
from tessera.imports.rows import Origin, Row, RowReader
from tessera.imports.sniffing import SAMPLE, sample_of
from tessera.imports.writing import Checkpoint, Parcel
from tessera.intake.context import load_context
from tessera.intake.pipeline import Context
from tessera.intake.reactions import Reaction

Connection = psycopg.Connection[Any]
MOST_TRIES: Final = 20


class Draft(Struct):
    """A batch read: `seen` counts its records, `bytes_read` how much of the stored file was used up for it."""

    batch: Batch
    rows: list[Row]
    seen: int
    problems: list[tuple[RowProblem, str]]
    bytes_read: int
    addresses: set[Address]
    """Every identifier of the rows."""
    asked: AskedOwners
    """Who has them, as the database is asked when the draft is made."""
    keeping_out: bool
    """Whether the workspace kept out anybody when the rows were read."""


class Planned(Struct):
    """A batch and what it comes to."""

    batch: Batch
    placement: Placement
    counts: Counts
    problems: list[tuple[RowProblem, str]]
    bytes_read: int
    keeping_out: bool

    def parcel(
        self, workspace_id: int, checkpoint: Checkpoint, counts: Counts, problems: list[tuple[RowProblem, str]]
    ) -> Parcel:
        """It as it is written: `counts` of the whole import, and those of its problems that are kept."""
        placed = self.placement
        return Parcel(
            workspace_id=workspace_id,
            carried=frozenset(placed.addresses) if self.keeping_out else None,
            identity=placed.identity,
            homes=frozenset(placed.homes),
            new_states=placed.new_states,
            states=placed.states,
            words=placed.words,
            history=placed.history,
            tally=placed.tally,
            checkpoint=checkpoint,
            counts=counts,
            problems=problems,
        )


class Source:
    """The stored file, counting how much of it was read."""

    def __init__(self, connection: Connection, import_id: UUID) -> None:
        self._connection = connection
        self._import_id = import_id
        self.bytes_read = 0

    def __iter__(self) -> Iterator[bytes]:
        for block in store.file_blocks(self._connection, self._import_id):
            self.bytes_read += len(block)
            for start in range(0, len(block), 64 * 1024):
                yield block[start : start + 64 * 1024]


class Reading:
    """The rest of an import's file, after its first `lines` lines."""

    def __init__(
        self,
        found: ImportView,
        reading: Connection,
        files: Connection,
        *,
        lines: int = 0,
        reactions: Sequence[Reaction] | None = None,
    ) -> None:
        assert found.plan is not None
        self.found = found
        self.plan: Plan = found.plan
        self.reading = reading
        self.source = Source(files, found.id)
        self.context: Context = load_context(reading, reactions, workspace_id=found.workspace_id)
        started = to_micros(found.started_at) if found.started_at else now_micros()
        rules = self.context.rules[found.workspace_id]
        self.origin = Origin(
            import_id=found.id,
            workspace_id=found.workspace_id,
            source_id=self.plan.source_id,
            occurred_at=started,
            region=rules.region,
            blocked=rules.blocked,
        )
        self.lines, self.number = lines, found.row_number
        head = store.head_of(files, found.id, SAMPLE)
        self.reader = RowReader(self.plan, self.origin, self._header(head))
        self._keeps_out = self._asks_who_is_kept_out()
        self.rules = Rules(found.id, self.plan.policy, self.plan.skip_triggers, self.reader.fills)

    def _header(self, head: bytes) -> Sequence[str]:
        if self.plan.format.name == "csv":
            return sample_of(head, self.plan.format).columns
        return [column.name for column in self.plan.columns]

    def batches(self) -> Iterator[Batch]:
        """What is left of the file. Raises `FileRefused`."""
        most = settings().import_max_mb * 1024**2
        for batch in batches(self.source, self.plan.format, most=most, lines=self.lines, number=self.number):
            if batch.first > MAX_ROWS:
                raise FileRefused(f"a file may have {MAX_ROWS:,} rows")
            yield batch

    def draft(self, batch: Batch) -> Draft:
        """The rows of a batch; blank lines and the header are none."""
        self.reader.problems = []
        rows: list[Row] = []
        seen = 0
        read, doubtful = self.reader.read, batch.doubtful
        header = self.plan.format.name == "csv" and self.plan.format.header
        for number, record in enumerate(batch.records, batch.first):
            if not record or (number == 1 and header):
                continue
            seen += 1
            row = read(record, number, doubtful=doubtful)
            if row is not None:
                rows.append(row)
        workspace, addresses = self.found.workspace_id, _addresses_of(rows)
        if self._keeps_out:
            suppressed = suppressed_among(self.reading, workspace, ((kind, value) for _, kind, value in addresses))
            rows = self.reader.keep_out(rows, suppressed)
            addresses = _addresses_of(rows)
        asked = AskedOwners(self.reading, addresses)
        return Draft(batch, rows, seen, self.reader.problems, self.source.bytes_read, addresses, asked, self._keeps_out)

    def draft_anew(self, batch: Batch) -> Draft:
        """As `draft`, where what was drafted turned out to be outdated: perhaps somebody is kept out since then."""
        self._keeps_out = self._asks_who_is_kept_out()
        return self.draft(batch)

    def _asks_who_is_kept_out(self) -> bool:
        """Not asked for every batch: who writes one insists on it (`imports.writing`)."""
        return bool(workspaces_that_keep_out(self.reading, [self.found.workspace_id]))

    def drafts(self) -> Iterator[Draft]:
        """One draft after the other. While one is planned, the database looks up the people of the next."""
        with self.reading.pipeline():
            before: Draft | None = None
            for batch in self.batches():
                draft = self.draft(batch)
                if before is not None:
                    yield before
                before = draft
            if before is not None:
                yield before

    def ask_again(self, draft: Draft) -> None:
        """Somebody of the draft was written since the database was asked."""
        draft.asked = AskedOwners(self.reading, draft.addresses)

    def plan_of(self, draft: Draft, *, shadow: Shadow | None = None) -> Planned:
        """What the rows of a draft change. Raises `Outdated` only where rivals keep changing the same people.

        Planning changes the rows, so that another try begins with the batch.
        """
        for _ in range(MOST_TRIES):
            self.reader.problems = draft.problems
            refused = sum(problem.severity == "error" for problem, _ in draft.problems)
            try:
                placement = place(
                    self.reading, draft.rows, draft.addresses, draft.asked, self.reader, self.context.gate, self.rules,
                    shadow=shadow,
                )  # fmt: skip
            except Outdated:
                draft = self.draft_anew(draft.batch)
                continue
            counts = placement.counts
            counts.rows, counts.errors = draft.seen, counts.errors + refused
            counts.warnings = sum(problem.severity == "warning" for problem, _ in draft.problems)
            return Planned(draft.batch, placement, counts, draft.problems, draft.bytes_read, draft.keeping_out)
        raise Outdated


def _addresses_of(rows: Sequence[Row]) -> set[Address]:
    return {
        (row.event.workspace_id, kind, value)
        for row in rows
        for kind, value in row.event.identifiers
        if kind != PROFILE
    }
