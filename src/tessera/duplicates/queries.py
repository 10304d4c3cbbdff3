"""What screens and the API read about pairs and runs."""

from typing import Any, Final
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.duplicates import store
from tessera.duplicates.store import MERGED, OPEN, REJECTED, STALE, Pair, Run
from tessera.foundation.errors import TesseraError
from tessera.identity import queries as identity

Connection = psycopg.Connection[Any]
STATES: Final = (OPEN, MERGED, REJECTED, STALE)
_MOST_LOOKS: Final = 20


class InvalidPairCursor(TesseraError):
    code = "invalid_cursor"


class PairPage(Struct, frozen=True):
    """`next` is the cursor of the following page, or None."""

    pairs: list[Pair]
    next: str | None


def pairs(
    connection: Connection, workspace_id: int, *, state: str = OPEN, after: str | None = None, limit: int = 50
) -> PairPage:
    """Pairs in a state, the likeliest first. Open ones only while both are still the people they were.

    Raises `InvalidPairCursor`.
    """
    cursor = _read_cursor(after)
    found: list[Pair] = []
    for _ in range(_MOST_LOOKS):
        rows = store.pairs(connection, workspace_id, state=state, after=cursor, limit=limit + 1)
        found += _as_they_were(connection, rows) if state == OPEN else rows
        if len(found) > limit or len(rows) <= limit:
            break
        cursor = (rows[-1].bits, rows[-1].pair_id)
    page = found[:limit]
    return PairPage(page, cursor_of(page[-1]) if len(found) > limit else None)


def _as_they_were(connection: Connection, rows: list[Pair]) -> list[Pair]:
    roots = identity.roots_of(connection, [person for pair in rows for person in (pair.left, pair.right)])
    return [pair for pair in rows if roots.get(pair.left) == pair.left and roots.get(pair.right) == pair.right]


def cursor_of(pair: Pair) -> str:
    return f"{pair.bits!r}_{pair.pair_id}"


def _read_cursor(text: str | None) -> tuple[float, UUID] | None:
    if text is None:
        return None
    bits, _, pair_id = text.partition("_")
    try:
        return float(bits), UUID(pair_id)
    except ValueError:
        raise InvalidPairCursor("the cursor is not one we gave") from None


def pair(connection: Connection, workspace_id: int, pair_id: UUID) -> Pair | None:
    return store.pair_by_id(connection, workspace_id, pair_id)


def next_pair(connection: Connection, workspace_id: int, after: Pair) -> Pair | None:
    """The one to review after this: the next likeliest, else from the top; never this one."""
    below = pairs(connection, workspace_id, after=cursor_of(after), limit=1).pairs
    above = below or pairs(connection, workspace_id, limit=2).pairs
    return next((one for one in above if one.pair_id != after.pair_id), None)


def run(connection: Connection, workspace_id: int, run_id: UUID) -> Run | None:
    return store.run_by_id(connection, workspace_id, run_id)


def latest_run(connection: Connection, workspace_id: int) -> Run | None:
    """The run asked for last, whatever became of it."""
    return store.latest_run(connection, workspace_id)
