"""DuckDB, the embedded default: a file, one process, transactions.

Traps: a second process cannot open the file, not even to read; threads of one process each take a cursor; two writers
of one row conflict, so there is one writer.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import duckdb
import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pyarrow as pa

_TYPES: Final = {
    "uuid": "UUID", "string": "VARCHAR", "float64": "DOUBLE", "int64": "BIGINT", "boolean": "BOOLEAN",
}  # fmt: skip

_LEAST_MEMORY: Final = "8MB"


class DuckEngine:
    """`path` is the file; None is in memory. `memory_mb` bounds what DuckDB takes."""

    atomic = True
    most_columns = 5_000

    def __init__(self, path: Path | None, *, memory_mb: int = 1_024, threads: int = 2) -> None:
        self._memory = f"{memory_mb}MB"
        settings: dict[str, Any] = {"memory_limit": self._memory, "threads": threads}
        self._connection = duckdb.connect(str(path) if path else ":memory:", config=settings)

    def tables(self) -> list[str]:
        return [name for (name,) in self._connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]

    def ensure(self, table: str, schema: ibis.Schema) -> None:
        columns = ", ".join(f'"{name}" {_type_of(kind)}' for name, kind in schema.items())
        self._connection.execute(f'CREATE TABLE IF NOT EXISTS "{table}" ({columns})')
        there = {row[0] for row in self._connection.execute(f'DESCRIBE "{table}"').fetchall()}
        for name, kind in schema.items():
            if name not in there:
                self._connection.execute(f'ALTER TABLE "{table}" ADD COLUMN "{name}" {_type_of(kind)}')

    def append(self, table: str, rows: pa.Table) -> None:
        if rows.num_rows:
            with self._seen(rows) as name:
                self._connection.execute(f'INSERT INTO "{table}" BY NAME SELECT * FROM {name}')  # noqa: S608 -- ours

    def remove(self, table: str, key: str, ids: Collection[UUID]) -> None:
        if ids:
            with self._seen(pa.table({"id": pa.array([str(each) for each in ids])})) as name:
                self._connection.execute(
                    f'DELETE FROM "{table}" WHERE "{key}" IN (SELECT id::UUID FROM {name})'  # noqa: S608 -- ours
                )

    def remove_between(self, table: str, where: dict[str, int], column: str, first: int, last: int) -> None:
        same = " AND ".join(f'"{name}" = {int(value)}' for name, value in where.items())
        self._connection.execute(
            f'DELETE FROM "{table}" WHERE {same} AND "{column}" BETWEEN {int(first)} AND {int(last)}'  # noqa: S608 -- ours
        )

    def remove_at(self, table: str, lane: int, positions: Collection[int]) -> None:
        with self._seen(pa.table({"place": pa.array(list(positions), pa.int64())})) as name:
            self._connection.execute(
                f'DELETE FROM "{table}" WHERE lane = {int(lane)} AND position IN (SELECT place FROM {name})'  # noqa: S608 -- ours
            )

    def clear(self, table: str) -> None:
        self._connection.execute(f'DELETE FROM "{table}"')  # noqa: S608 -- ours

    def drop(self, table: str) -> None:
        self._connection.execute(f'DROP TABLE IF EXISTS "{table}"')

    @contextmanager
    def _seen(self, rows: pa.Table) -> Iterator[str]:
        """Arrow as a table that statements can name."""
        self._connection.register("incoming", rows)
        try:
            yield "incoming"
        finally:
            self._connection.unregister("incoming")

    def fetch(self, expression: ir.Table) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql_of(expression)).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def another(self) -> "DuckEngine":
        other = object.__new__(DuckEngine)
        other._connection, other._memory = self._connection.cursor(), self._memory
        return other

    def rest(self) -> None:
        """Write down what is in memory and keep none of it; a lower limit is DuckDB's only way to say so."""
        self._connection.execute("CHECKPOINT")
        with suppress(duckdb.OutOfMemoryException):  # somebody is reading
            self._connection.execute(f"SET memory_limit = '{_LEAST_MEMORY}'")
        self._connection.execute(f"SET memory_limit = '{self._memory}'")

    def close(self) -> None:
        self._connection.close()


def sql_of(expression: ir.Table) -> str:
    """The statement as this engine reads it. Nothing of Ibis's own connection is needed, nor pandas with it."""
    return str(ibis.to_sql(expression, dialect="duckdb"))


def _type_of(kind: dt.DataType) -> str:
    return "TIMESTAMP" if kind.is_timestamp() else _TYPES[str(kind)]
