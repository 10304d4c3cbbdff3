"""A crowd in a warehouse of its own: so many people and what they did in a year, made by statements of the engine.

It has the tables that the analyst makes, filled without it: a million people and twenty million events take a minute.
Every tenth profile was merged into another one. The same numbers make the same crowd.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
from msgspec import Struct

from tessera.audience.evaluation import Known
from tessera.audience.leaves import Type
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.audience.warehouse.store import Warehouse
from tessera.foundation.errors import SetupError

WORKSPACE: Final = 1
NOW: Final = datetime(2026, 11, 22, tzinfo=UTC)
_ATTRIBUTES: Final[tuple[tuple[str, Type], ...]] = (
    ("country", "text"), ("plan", "text"), ("age", "number"), ("tags", "list"), ("city", "text"),
)  # fmt: skip
_PROPERTIES: Final[tuple[tuple[str, Type], ...]] = (("total", "number"), ("currency", "text"), ("product", "text"))
_CHANCE: Final = "CREATE OR REPLACE MACRO chance(x) AS (hash(x) % 9223372036854775807)::BIGINT"
_PEOPLE: Final = """
INSERT INTO w1_people BY NAME
SELECT md5(i::varchar)::UUID AS person_id,
       (['ES','MX','US','FR','DE','TH'])[1 + (chance(i) % 6)] AS {country},
       (['free','gold','pro'])[1 + (chance(i + 7) % 3)] AS {plan},
       (18 + chance(i + 3) % 60)::double AS {age},
       'City ' || (chance(i + 11) % 400) AS {city},
       CASE WHEN chance(i + 13) % 5 = 0 THEN chr(31) || 'vip' || chr(31) ELSE chr(31) || 'new' || chr(31) END AS {tags},
       'subscribed' AS fact_status, (chance(i + 17) % 10000)::double AS fact_bucket,
       TIMESTAMP '2026-11-22' - to_days((chance(i + 1) % 700)::int) AS fact_created_at,
       TIMESTAMP '2026-11-22' - to_seconds(chance(i + 2) % (86400 * 200)) AS fact_last_seen_at
  FROM range({people}) t(i)
"""
_EVENTS: Final = """
INSERT INTO w1_events BY NAME
SELECT md5((chance(i * 31) % {people})::varchar)::UUID AS profile_id, (i % 64)::bigint AS lane, i AS position,
       (['Product Viewed','Product Viewed','Product Viewed','Product Added','Order Completed','Refund Requested',
         'Page Viewed','Page Viewed','Page Viewed','Page Viewed'])[1 + (chance(i + 5) % 10)] AS name,
       TIMESTAMP '2026-11-22' - to_seconds(chance(i + 9) % (86400 * 365)) AS "at", 1 AS source_id,
       CASE WHEN chance(i) % 2 = 0 THEN (chance(i) % 30000) / 100.0 END AS {total}, 'EUR' AS {currency},
       'Product ' || (chance(i + 19) % 2000) AS {product}
  FROM range({events}) t(i)
"""
_MOVED: Final = """
INSERT INTO w1_moved BY NAME
SELECT md5(i::varchar)::UUID AS profile_id, md5((i + 1)::varchar)::UUID AS person_id FROM range(0, {people}, 10) t(i)
"""
_GONE: Final = "DELETE FROM w1_people WHERE person_id IN (SELECT profile_id FROM w1_moved)"


class Crowd(Struct, frozen=True):
    """The warehouse's file, what conditions see of it, and the column of each field."""

    path: Path
    known: Known
    columns: dict[str, str]


def make(path: Path, *, people: int, events: int) -> Crowd:
    """Make the crowd in a new file. Raises `SetupError` where there is one already."""
    if path.exists():
        raise SetupError(f"{path} is there already")
    path.parent.mkdir(parents=True, exist_ok=True)
    crowd = _tables(path)
    with duckdb.connect(str(path)) as connection:
        fields = {**crowd.columns, "people": people, "events": events}
        connection.execute(_CHANCE)
        for statement in (_PEOPLE, _EVENTS, _MOVED, _GONE):
            connection.execute(statement.format(**fields))
        connection.execute("CHECKPOINT")
    return crowd


def opened(path: Path) -> Crowd:
    """A crowd that was made before."""
    if not path.exists():
        raise SetupError(f"there is no {path}; make it with: tessera bench world")
    return _tables(path)


@contextmanager
def lent(world: Path | None, *, people: int, events: int, say: Callable[[str], None]) -> Iterator[Crowd]:
    """The crowd of that file, or one of these sizes that is made and thrown away."""
    if world is not None:
        yield opened(world)
        return
    with TemporaryDirectory(prefix="tessera-bench-") as folder:
        say(f"making {people:,} people and {events:,} events")
        yield make(Path(folder) / "world.duckdb", people=people, events=events)


def sizes(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many there are in it: its file may have been made with other numbers than those of the command."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM w1_people) + (SELECT count(*) FROM w1_moved), (SELECT count(*) FROM w1_events)"
    ).fetchone()
    assert row is not None
    return {"people": row[0], "events": row[1]}


def _tables(path: Path) -> Crowd:
    engine = DuckEngine(path)
    try:
        warehouse = Warehouse(engine, WORKSPACE)
        columns = _columns(warehouse)
        return Crowd(path, Known(warehouse.world(), warehouse.members), columns)
    finally:
        engine.close()


def _columns(warehouse: Warehouse) -> dict[str, str]:
    found: dict[str, Any] = {name: warehouse.attributes.add((name,), kind) for name, kind in _ATTRIBUTES}
    found |= {name: warehouse.properties.add((name,), kind) for name, kind in _PROPERTIES}
    warehouse.keep_columns()
    return found
