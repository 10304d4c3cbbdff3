"""When a batch fails on its content: every row on its own, and those that cannot be acted on set aside, whole."""

from typing import Any, Final

import psycopg
import structlog

from tessera.events import inbox, rejections
from tessera.events.inbox import InboxRow
from tessera.events.lanes import LANES
from tessera.intake import pipeline
from tessera.intake.pipeline import Context, Outcome

log = structlog.get_logger("intake")
Connection = psycopg.Connection[Any]

ROWS_PER_LANE: Final = 64
MOST_WITHOUT_SUCCESS: Final = 10
"""So many failures and not one success: the fault is ours and not the rows', and nothing is set aside."""


def is_away(connection: Connection, error: BaseException) -> bool:
    """Whether the database is to blame (gone, going, out of room) and not what we asked of it."""
    if connection.closed:
        return True
    if not isinstance(error, psycopg.Error):
        return False
    state = error.sqlstate
    return isinstance(error, psycopg.OperationalError) and (state is None or state[:2] in {"08", "53", "57", "58"})


def is_passing(error: BaseException) -> bool:
    """Deadlocks, lock time-outs, serialisation failures: a second try is all they need."""
    return isinstance(error, psycopg.Error) and error.sqlstate is not None and error.sqlstate[:2] in {"40", "55"}


class SystemicFailure(RuntimeError):
    """Everything fails: nothing was set aside, and it will be tried again."""


class OneByOne:
    """One pass over what waits, a transaction a row."""

    def __init__(self, connection: Connection, context: Context) -> None:
        self._connection = connection
        self._context = context
        self._failed: list[tuple[InboxRow, str]] = []
        self._outcome = Outcome()

    def go(self) -> Outcome:
        """Act on up to 64 rows of each lane. Raises `SystemicFailure`; the connection's loss goes through."""
        for lane in range(LANES):
            after = -1
            for _ in range(ROWS_PER_LANE):
                row = self._try_next(lane, after)
                if row is None:
                    break
                after = row.seq
        self._set_aside()
        return self._outcome

    def _try_next(self, lane: int, after: int) -> InboxRow | None:
        """Act on the lane's next row; one that fails stays where it is until we know whose fault it is."""
        row: InboxRow | None = None
        try:
            with self._connection.transaction():
                positions = inbox.claim_lane(self._connection, lane)
                rows = list(inbox.take(self._connection, positions, most=1, after=after)) if positions else []
                if not rows:
                    return None
                row = rows[0]
                outcome = pipeline.act_on(self._connection, self._context, rows, positions=positions)
        except Exception as error:
            self._context.gate.forget_fresh()
            if is_away(self._connection, error) or is_passing(error) or row is None:
                raise
            reason = f"{type(error).__name__}: {error}"[: rejections.EXCERPT].replace("\0", "\ufffd")
            self._failed.append((row, reason))
            if not self._outcome.taken and len(self._failed) >= MOST_WITHOUT_SUCCESS:
                raise SystemicFailure(f"the first {len(self._failed)} rows all failed: {reason}") from error
            return row
        self._context.gate.keep_fresh()
        self._outcome.taken += 1
        self._outcome.recorded += outcome.recorded
        return row

    def _set_aside(self) -> None:
        for row, reason in self._failed:
            with self._connection.transaction():
                if not inbox.claim_lane(self._connection, row.lane) or not inbox.remove(self._connection, row):
                    continue
                rejections.quarantine(self._connection, row, error=reason)
                rejection = rejections.rejection_of(row, code="unprocessable", detail=reason)
                rejections.store(self._connection, [rejection])
            log.error("message set aside", lane=row.lane, seq=row.seq, error=reason.split(":")[0])
            self._outcome.taken += 1
            self._outcome.rejected += 1
