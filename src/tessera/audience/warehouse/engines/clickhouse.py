"""ClickHouse, for warehouses of many machines.

Traps: there are no transactions, so the analyst takes back what a broken step left (`atomic` says so); columns that
rows are ordered by may not be null, all others must be said to be nullable; moments are seconds unless said otherwise,
in columns as in statements; a join gives zeros and empty texts for what is missing unless `join_use_nulls` is on; a
deletion is over when it is visible only if one waits for it.
"""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import clickhouse_connect
import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pyarrow as pa

_TYPES: Final = {"uuid": "UUID", "string": "String", "float64": "Float64", "int64": "Int64", "boolean": "Bool"}
_ORDERS: Final[tuple[tuple[str, ...], ...]] = (
    ("name", "at"),
    ("person_id",),
    ("profile_id",),
    ("lane",),
    ("letter",),
    ("number",),
)
"""What rows are ordered by: the first of these whose columns a table has."""
_SETTINGS: Final[dict[str, Any]] = {"join_use_nulls": 1, "lightweight_deletes_sync": 2, "mutations_sync": 2}
_AT_ONCE: Final = 5_000
_WHOLE_SECONDS: Final = re.compile(r"parseDateTimeBestEffort\(('[0-9T:-]+')\)")
"""A moment of whole seconds becomes one of a type without fractions, by which rows of that very second are missed."""


class ClickHouseEngine:
    """`url` is `http://user:password@host:8123/database`, or with `https`."""

    atomic = False
    most_columns = 5_000

    def __init__(self, url: str) -> None:
        self._url = url
        secure = "https" if url.startswith("https:") else "http"  # the client sees no scheme in an address
        self._client = clickhouse_connect.get_client(dsn=url, interface=secure, settings=_SETTINGS, compress=False)

    def tables(self) -> list[str]:
        return [str(row[0]) for row in self._client.query("SHOW TABLES").result_rows]

    def ensure(self, table: str, schema: ibis.Schema) -> None:
        order = next(order for order in _ORDERS if set(order) <= set(schema.names))
        columns = {name: _type_of(kind, nullable=name not in order) for name, kind in schema.items()}
        listed = ", ".join(f"`{name}` {kind}" for name, kind in columns.items())
        self._client.command(
            f"CREATE TABLE IF NOT EXISTS `{table}` ({listed}) ENGINE = MergeTree ORDER BY ({', '.join(order)})"
        )
        there = {str(row[0]) for row in self._client.query(f"DESCRIBE TABLE `{table}`").result_rows}
        lacking = [f"ADD COLUMN IF NOT EXISTS `{name}` {kind}" for name, kind in columns.items() if name not in there]
        if lacking:
            self._client.command(f"ALTER TABLE `{table}` {', '.join(lacking)}")

    def append(self, table: str, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        columns = [[_plain(name, value) for value in rows.column(name).to_pylist()] for name in rows.column_names]
        self._client.insert(table, columns, column_names=rows.column_names, column_oriented=True)

    def remove(self, table: str, key: str, ids: Collection[UUID]) -> None:
        for listed in _listed([f"'{each}'" for each in ids]):
            self._client.command(f"DELETE FROM `{table}` WHERE `{key}` IN ({listed})")  # noqa: S608 -- ids

    def remove_between(self, table: str, where: dict[str, int], column: str, first: int, last: int) -> None:
        same = " AND ".join(f"`{name}` = {int(value)}" for name, value in where.items())
        place = f"`{column}` BETWEEN {int(first)} AND {int(last)}"
        self._client.command(f"DELETE FROM `{table}` WHERE {same} AND {place}")  # noqa: S608 -- numbers

    def remove_at(self, table: str, lane: int, positions: Collection[int]) -> None:
        for listed in _listed(positions):
            self._client.command(f"DELETE FROM `{table}` WHERE lane = {int(lane)} AND position IN ({listed})")  # noqa: S608 -- numbers

    def clear(self, table: str) -> None:
        self._client.command(f"TRUNCATE TABLE `{table}`")

    def drop(self, table: str) -> None:
        self._client.command(f"DROP TABLE IF EXISTS `{table}` SYNC")

    def fetch(self, expression: ir.Table) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._client.query(sql_of(expression)).result_rows]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """There is none."""
        yield

    def another(self) -> "ClickHouseEngine":
        return ClickHouseEngine(self._url)

    def rest(self) -> None:
        """Nothing of it is in this process."""

    def close(self) -> None:
        self._client.close()


def _listed(values: Collection[object]) -> Iterator[str]:
    texts = [str(value) for value in values]
    for start in range(0, len(texts), _AT_ONCE):
        yield ", ".join(texts[start : start + _AT_ONCE])


def sql_of(expression: ir.Table) -> str:
    """The statement as this engine reads it."""
    statement = str(ibis.to_sql(expression, dialect="clickhouse"))
    return _WHOLE_SECONDS.sub(r"parseDateTime64BestEffort(\1, 6, 'UTC')", statement)


def _type_of(kind: dt.DataType, *, nullable: bool) -> str:
    name = "DateTime64(6, 'UTC')" if kind.is_timestamp() else _TYPES[str(kind)]
    return f"Nullable({name})" if nullable else name


def _plain(column: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    return UUID(value) if value is not None and column in ("person_id", "profile_id") else value
