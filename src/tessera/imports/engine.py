"""Carrying an import out: read ahead, plan, write behind. May be killed on any line and called again.

While one batch is written (by another process where the file is large, else by a thread), the next is read and planned.
A batch that touches somebody whom the one before touches, too, waits for it.
"""

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from uuid import UUID

import psycopg
import structlog

from tessera.foundation.database import connect, plan_once
from tessera.foundation.errors import Outdated, TesseraError
from tessera.imports import segment, store, writing
from tessera.imports.batching import MOST_TRIES, Draft, Planned, Reading
from tessera.imports.placing import Placement, Shadow
from tessera.imports.records import Counts, ImportView, State
from tessera.imports.scribe import WORTH_IT, Scribe
from tessera.imports.writing import Checkpoint, TakenOver
from tessera.intake.one_by_one import is_passing
from tessera.intake.reactions import Happened, Reaction, wants

log = structlog.get_logger("imports")
Connection = psycopg.Connection[Any]
MOST_PROBLEMS: Final = 10_000
"""Kept per import; beyond them they are only counted."""
_SWITCH: Final = 0.0001
BETWEEN_COLLECTIONS: Final = 64
"""Batches. Looking for cycles after each took a twelfth of the time and found none."""


def run_import(import_id: UUID, *, reactions: Sequence[Reaction] | None = None) -> None:
    """Take in what is left of an import that is queued, or was running when its process died.

    Ends without a word where somebody else carries it out. What stops it for good is written down with it.
    """
    with _connections() as (reading, files, behind):
        found = _begin(behind, import_id)
        if found is None:
            return
        log.info("import begins", id=str(import_id), after_row=found.row_number)
        try:
            with undisturbed():
                wanted = _carry_out(found, reading, files, behind, reactions)
        except TakenOver:
            return
        except (TesseraError, Outdated) as error:
            _end(behind, import_id, "failed", problem=str(error) or "people changed too often meanwhile")
            raise
        _end(behind, import_id, _ENDS[wanted])
        log.info("import ended", id=str(import_id), state=_ENDS[wanted])


_ENDS: Final[dict[str, State]] = {"": "finished", "pause": "paused", "cancel": "cancelled"}


def check_import(import_id: UUID) -> None:
    """The dry run: the same reading and planning, nothing written but the problems and the counts."""
    with _connections() as (reading, files, behind):
        found = store.read(behind, None, import_id)
        if found.state != "checking":
            return
        store.forget_problems(behind, import_id, dry=True)
        try:
            with undisturbed():
                counts = _try_out(found, reading, files, behind)
        except TesseraError as error:
            store.set_state(behind, import_id, "ready", problem=str(error), wanted="")
            raise
        if counts is None:
            store.set_state(behind, import_id, "ready", wanted="")
        else:
            store.set_state(behind, import_id, "ready", checked=store.encode(counts), wanted="")


@contextmanager
def _connections() -> Iterator[tuple[Connection, Connection, Connection]]:
    """For reading ahead, for the file, for writing behind."""
    name = "tessera import"
    with (
        connect(autocommit=True, application=name) as reading,
        connect(autocommit=True, application=name) as files,
        connect(autocommit=True, application=name) as behind,
    ):
        plan_once(reading)
        plan_once(behind)
        yield reading, files, behind


@contextmanager
def undisturbed() -> Iterator[None]:
    """The writing thread needs the interpreter for moments only, but needs it soon; and nobody looks for cycles.

    Rows, events and states have none (see `intake.worker.calm_the_collector`); the little there is goes with a batch.
    """
    before, collecting = sys.getswitchinterval(), gc.isenabled()
    sys.setswitchinterval(_SWITCH)
    gc.disable()
    try:
        yield
    finally:
        sys.setswitchinterval(before)
        if collecting:
            gc.enable()


def _begin(connection: Connection, import_id: UUID) -> ImportView | None:
    """The import, if it is ours to run. Its step goes up, so that a forgotten twin of ours finds itself taken over."""
    begun = connection.execute(
        "UPDATE imports_import SET state = 'running', seen_at = now(), step = step + 1, begun_at = now(),"
        " begun_row = row_number, started_at = coalesce(started_at, now())"
        " WHERE id = %s AND state IN ('queued', 'running')",
        (import_id,),
    )
    return store.read(connection, None, import_id) if begun.rowcount else None


def _end(connection: Connection, import_id: UUID, state: State, *, problem: str = "") -> None:
    connection.execute(
        "UPDATE imports_import SET state = %s, problem = %s, finished_at = now(), wanted = ''"
        " WHERE id = %s AND state = 'running'",
        (state, problem[:500], import_id),
    )


def _carry_out(
    found: ImportView, reading: Connection, files: Connection, behind: Connection, reactions: Sequence[Reaction] | None
) -> str:
    """Returns what ended it: "" (the end of the file), "pause" or "cancel"."""
    step, lines = store.checkpoint(behind, found.id)
    ahead = Reading(found, reading, files, lines=lines, reactions=reactions)
    if ahead.plan.format.name == "segment":
        return segment.carry_out(ahead, behind, found, step)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(1, "imports"))
        scribe = stack.enter_context(Scribe()) if found.size >= WORTH_IT else None
        writer = Writer(ahead, behind, pool, scribe, step=step, counts=found.counts)
        for number, draft in enumerate(ahead.drafts(), start=1):
            if writer.meets(draft):
                writer.settle()
                ahead.ask_again(draft)
            planned = ahead.plan_of(draft)
            if writer.crosses(planned):
                writer.settle()
                planned = ahead.plan_of(ahead.draft(draft.batch))
            writer.settle()
            if writer.wanted:
                break
            writer.submit(planned)
            if number % BETWEEN_COLLECTIONS == 0:
                gc.collect(0)
        writer.settle()
        return writer.wanted


class Writer:
    """Writes one batch at a time, behind the reader's back. `wanted` is what someone asks of the import."""

    def __init__(
        self, ahead: Reading, connection: Connection, pool: ThreadPoolExecutor, scribe: Scribe | None, *,
        step: int, counts: Counts,
    ) -> None:  # fmt: skip
        self.wanted = ""
        self._ahead = ahead
        self._connection = connection
        self._pool = pool
        self._scribe = scribe
        self._step = step
        self._counts = counts
        self._noted = store.count_problems(connection, ahead.found.id, dry=False)
        self._pending: Planned | None = None
        self._future: Future[str] | None = None

    def meets(self, draft: Draft) -> bool:
        """Whether the rows name somebody whom the batch being written names, too."""
        return self._pending is not None and not self._pending.placement.addresses.isdisjoint(draft.addresses)

    def crosses(self, planned: Planned) -> bool:
        """Whether it would change somebody whom the batch being written changes."""
        return self._pending is not None and not self._pending.placement.homes.isdisjoint(planned.placement.homes)

    def submit(self, planned: Planned) -> None:
        """Begin to write it. The one before must be settled."""
        assert self._pending is None
        self._pending = planned
        self._future = self._pool.submit(self._write, planned)

    def settle(self) -> None:
        """Wait until the batch being written is there; plan it anew where a rival was faster."""
        planned, future = self._pending, self._future
        if planned is None or future is None:
            return
        for attempt in range(MOST_TRIES):
            try:
                self.wanted = future.result() if attempt == 0 else self._write(planned)
                break
            except (Outdated, psycopg.Error) as error:
                if isinstance(error, psycopg.Error) and not is_passing(error):
                    raise
                log.info("batch planned anew", reason=type(error).__name__)
                planned = self._ahead.plan_of(self._ahead.draft_anew(planned.batch))
        else:
            raise Outdated
        self._pending = self._future = None
        self._step += 1
        self._counts.add(planned.counts)
        self._noted += len(planned.problems)

    def _write(self, planned: Planned) -> str:
        batch = planned.batch
        checkpoint = Checkpoint(
            self._ahead.found.id, self._step, batch.lines, batch.first + len(batch.records) - 1, planned.bytes_read
        )
        counts = Counts()
        counts.add(self._counts)
        counts.add(planned.counts)
        kept = planned.problems[: max(0, MOST_PROBLEMS - self._noted)]
        placed = planned.placement
        parcel = planned.parcel(self._ahead.found.workspace_id, checkpoint, counts, kept)
        react = _answer_of(self._ahead.context.reactions, placed)
        if self._scribe is not None and react is None and placed.identity.plan is None and self._scribe.is_ready():
            return self._scribe.write(parcel)
        return writing.write(self._connection, parcel, react)


def _answer_of(reactions: Sequence[Reaction], placed: Placement) -> Callable[[Connection, int], None] | None:
    """What there is to do for the rooms above, in the transaction that writes the rows; None where none looks."""
    wanting = [reaction for reaction in reactions if wants(reaction, "identify")]
    if not wanting or not placed.events:
        return None

    def react(connection: Connection, lane: int) -> None:
        happened = []
        for event, profile in placed.events:
            event.lane = lane
            event.message.context = event.context
            happened.append(Happened(event, profile, placed.directory.root_of(profile)))
        for reaction in wanting:
            reaction.react(connection, happened)

    return react


def _try_out(found: ImportView, reading: Connection, files: Connection, behind: Connection) -> Counts | None:
    """What the import would come to, or None where someone stopped it."""
    ahead = Reading(found, reading, files)
    if ahead.plan.format.name == "segment":
        return segment.try_out(ahead, behind, found)
    shadow, counts, noted = Shadow(reading), Counts(), 0
    for batch in ahead.batches():
        gc.collect(0)
        planned = ahead.plan_of(ahead.draft(batch), shadow=shadow)
        counts.add(planned.counts)
        store.add_problems(behind, found.id, planned.problems[: max(0, MOST_PROBLEMS - noted)], dry=True)
        noted += len(planned.problems)
        if store.beat(behind, found.id, planned.bytes_read):
            return None
    return counts
