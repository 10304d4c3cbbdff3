"""PostgreSQL as a warehouse: for bases that are not large, or where no second system is wanted.

Traps: a table has at most 1,600 columns; a division of whole numbers is whole (we divide floats only); rows come in by
COPY, which is many times faster than statements; patterns are PostgreSQL's own (`conditions/patterns.py` is the part
that it reads as RE2 does). One writes at a time, also where an analyst that was taken for gone still does.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import psycopg
import pyarrow as pa
from psycopg import sql

_TYPES: Final = {
    "uuid": "uuid", "string": "text", "float64": "double precision", "int64": "bigint", "boolean": "boolean",
}  # fmt: skip
_INDEXED: Final = ("person_id", "profile_id")


class PostgresEngine:
    """`address` is a connection string; tables are made in `schema`, which is made where it is missing."""

    atomic = True
    most_columns = 1_500

    def __init__(self, address: str, *, schema: str = "tessera_warehouse") -> None:
        self._address, self._schema = address, schema
        self._connection: psycopg.Connection[Any] = psycopg.connect(address, autocommit=True)
        name = sql.Identifier(schema)
        self._connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
        self._connection.execute(sql.SQL("SET search_path TO {}").format(name))

    def tables(self) -> list[str]:
        found = self._connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        return [name for (name,) in found.fetchall()]

    def ensure(self, table: str, schema: ibis.Schema) -> None:
        name = sql.Identifier(table)
        columns = {column: sql.SQL(_type_of(kind)) for column, kind in schema.items()}
        listed = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(c), kind) for c, kind in columns.items())
        self._connection.execute(sql.SQL("CREATE TABLE IF NOT EXISTS {} ({})").format(name, listed))
        there = self._columns_of(table)
        lacking = [
            sql.SQL("ADD COLUMN IF NOT EXISTS {} {}").format(sql.Identifier(column), kind)
            for column, kind in columns.items()
            if column not in there
        ]
        if lacking:
            self._connection.execute(sql.SQL("ALTER TABLE {} {}").format(name, sql.SQL(", ").join(lacking)))
        for column in _INDEXED:
            if column in columns:
                index = sql.Identifier(f"{table}_{column}")
                self._connection.execute(
                    sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} ({})").format(index, name, sql.Identifier(column))
                )

    def _columns_of(self, table: str) -> set[str]:
        asked = "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema()"
        return {row[0] for row in self._connection.execute(f"{asked} AND table_name = %s", (table,))}

    def append(self, table: str, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        columns = sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), columns)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
                copy.write_row(row)

    def remove(self, table: str, key: str, ids: Collection[UUID]) -> None:
        if ids:
            self._connection.execute(
                sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(sql.Identifier(table), sql.Identifier(key)),
                (list(ids),),
            )

    def remove_between(self, table: str, where: dict[str, int], column: str, first: int, last: int) -> None:
        same = [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(value)) for name, value in where.items()]
        place = sql.SQL("{} BETWEEN {} AND {}").format(sql.Identifier(column), sql.Literal(first), sql.Literal(last))
        statement = sql.SQL("DELETE FROM {} WHERE {}").format(
            sql.Identifier(table), sql.SQL(" AND ").join([*same, place])
        )
        self._connection.execute(statement)

    def remove_at(self, table: str, lane: int, positions: Collection[int]) -> None:
        self._connection.execute(
            sql.SQL("DELETE FROM {} WHERE lane = %s AND position = ANY(%s)").format(sql.Identifier(table)),
            (lane, list(positions)),
        )

    def clear(self, table: str) -> None:
        self._connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))

    def drop(self, table: str) -> None:
        self._connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(table)))

    def fetch(self, expression: ir.Table) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql_of(expression)).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._connection.transaction():
            self._connection.execute("SELECT pg_advisory_xact_lock(7316004, hashtext(%s))", (self._schema,))
            yield

    def another(self) -> "PostgresEngine":
        return PostgresEngine(self._address, schema=self._schema)

    def rest(self) -> None:
        """Nothing of it is in this process."""

    def close(self) -> None:
        self._connection.close()


def sql_of(expression: ir.Table) -> str:
    """The statement as this engine reads it; psycopg takes it without parameters, so signs of percent stay."""
    return str(ibis.to_sql(expression, dialect="postgres"))


def _type_of(kind: dt.DataType) -> str:
    return "timestamp(6)" if kind.is_timestamp() else _TYPES[str(kind)]
