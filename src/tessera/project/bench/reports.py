"""`tessera bench report`: the five reports over a crowd, beside one pass over the events that each is about.

The pass counts events and people week by week: the least that a report of these events must do. Both run in one process
on one file, in turns, after a warm-up of each. A report is timed from its request to its answer.
"""

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import duckdb
import psutil
from msgspec import Struct

from tessera.audience.insight import registry
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.foundation.clock import to_micros
from tessera.project.bench import crowd as crowds
from tessera.project.bench.crowd import NOW, Crowd
from tessera.project.bench.ground import machine

Say = Callable[[str], None]
THREADS: Final = 2
MEMORY_MB: Final = 1_024
"""What the analyst gives DuckDB where nothing else is set."""
_SCAN: Final = (
    "SELECT date_trunc('week', \"at\"), count(*), count(DISTINCT coalesce(m.person_id, e.profile_id))"
    " FROM w1_events e LEFT JOIN w1_moved m USING (profile_id) WHERE {which} GROUP BY 1"
)
_YEAR: Final = "\"at\" >= TIMESTAMP '2025-11-22'"
_QUARTER: Final = "\"at\" >= TIMESTAMP '2026-08-24'"
_IN_A_YEAR: Final = '"period": {"op": "in_last", "days": 365}'
_IN_A_QUARTER: Final = '"period": {"op": "in_last", "days": 90}'


class Case(Struct, frozen=True):
    """A report's request, and which events it is about."""

    name: str
    request: str
    which: str


CASES: Final = (
    Case(
        "funnel of three steps, 90 days",
        f'{{"report": "funnel", {_IN_A_QUARTER}, "steps": [{{"event": "Product Viewed"}}, {{"event": "Product Added"}},'
        ' {"event": "Order Completed"}]}',
        f"{_QUARTER} AND name IN ('Product Viewed', 'Product Added', 'Order Completed')",
    ),
    Case(
        "retention by week, 90 days",
        f'{{"report": "retention", {_IN_A_QUARTER}, "start": {{"event": "Order Completed"}}}}',
        _QUARTER,
    ),
    Case(
        "trend by day and country, a year",
        f'{{"report": "trend", {_IN_A_YEAR}, "step": {{"event": "Order Completed"}},'
        ' "breakdown": {"by": "attribute", "path": ["country"]}}',
        f"{_YEAR} AND name = 'Order Completed'",
    ),
    Case(
        "people of every event by day, a year",
        f'{{"report": "trend", {_IN_A_YEAR}, "step": {{"event": "Page Viewed"}}, "measure": "people"}}',
        f"{_YEAR} AND name = 'Page Viewed'",
    ),
    Case("RFM, a year", f'{{"report": "rfm", {_IN_A_YEAR}}}', f"{_YEAR} AND name = 'Order Completed'"),
    Case("lifecycle by month, a year", f'{{"report": "lifecycle", {_IN_A_YEAR}, "every": "month"}}', _YEAR),
)


def run(
    *, people: int = 1_000_000, events: int = 20_000_000, rounds: int = 3, world: Path | None = None,
    say: Say = lambda _: None,
) -> dict[str, Any]:  # fmt: skip
    """Measure and return a document for JSON: milliseconds of each report and of the pass, and their ratio.

    `world` is the file of a crowd (`tessera bench world`); without it one is made and thrown away.
    """
    with ExitStack() as stack:
        crowd = stack.enter_context(crowds.lent(world, people=people, events=events, say=say))
        engine = DuckEngine(crowd.path, memory_mb=MEMORY_MB, threads=THREADS)
        stack.callback(engine.close)
        # as the engine is set: it is the same instance
        settings: dict[str, Any] = {"memory_limit": f"{MEMORY_MB}MB", "threads": THREADS}
        connection = stack.enter_context(duckdb.connect(str(crowd.path), config=settings))
        measured = [_measured(engine, connection, crowd, case, rounds, say) for case in CASES]
        sizes = crowds.sizes(connection)
        memory = psutil.Process().memory_full_info().pss / 1e6
    return {
        "bench": "report",
        "cases": measured,
        "ratio": max(case["ratio"] for case in measured),
        "memory_mb": round(memory, 1),
        **sizes,
        "rounds": rounds,
        **machine(),
    }


def _measured(
    engine: DuckEngine, connection: duckdb.DuckDBPyConnection, crowd: Crowd, case: Case, rounds: int, say: Say
) -> dict[str, Any]:
    say(case.name)

    def ours() -> None:
        registry.answered(case.request, crowd.known.world, engine, to_micros(NOW))

    def one_pass() -> None:
        connection.execute(_SCAN.format(which=case.which)).fetchall()

    times: dict[str, list[float]] = {"ours": [], "pass": []}
    for turn in range(rounds + 1):
        for name, work in (("ours", ours), ("pass", one_pass)):
            began = time.perf_counter()
            work()
            if turn:
                times[name].append(time.perf_counter() - began)
    mine, other = (statistics.median(times[name]) for name in ("ours", "pass"))
    return {
        "case": case.name,
        "ms": round(mine * 1e3, 1),
        "pass_ms": round(other * 1e3, 1),
        "ratio": round(mine / other, 2),
    }
