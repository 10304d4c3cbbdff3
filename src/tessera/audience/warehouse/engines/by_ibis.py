"""Any engine that Ibis connects to: BigQuery, Snowflake, Trino, Databricks. What is tested of them: docs/warehouses.md.

Ibis's own connections bring pandas, so engines that have a file of their own are not opened by this door. Ids are text
here: not all of these engines know a type for them. There are no transactions.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
import sqlglot as sg
import sqlglot.expressions as sge

_AT_ONCE: Final = 1_000
"""Ids named by one statement: Trino takes few."""


class IbisEngine:
    """`connect` gives a backend of Ibis that speaks SQL."""

    atomic = False
    most_columns = 1_500

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._connection = connect()
        self._dialect = self._connection.dialect

    @classmethod
    def at(cls, url: str) -> "IbisEngine":
        """The engine of an address as Ibis reads it. Raises what its client raises."""
        import pyarrow_hotfix  # noqa: F401 -- Ibis needs it to send rows; without it that is said before the first

        return cls(lambda: ibis.connect(url))

    def tables(self) -> list[str]:
        return [str(name) for name in self._connection.list_tables()]

    def ensure(self, table: str, schema: ibis.Schema) -> None:
        kept = ibis.schema({name: _kept(kind) for name, kind in schema.items()})
        if table not in self.tables():
            self._connection.create_table(table, schema=kept)
            return
        there = set(self._connection.get_schema(table).names)
        for name, kind in kept.items():
            if name not in there:
                told = self._connection.compiler.type_mapper.from_ibis(kind).sql(dialect=self._dialect)
                self._run(f"ALTER TABLE {self._quoted(table)} ADD COLUMN {self._quoted(name)} {told}")

    def append(self, table: str, rows: pa.Table) -> None:
        if rows.num_rows:
            with self._sent(rows) as there:
                self._connection.insert(table, there)

    @contextmanager
    def _sent(self, rows: pa.Table) -> Iterator[ir.Table]:
        """Rows as a table of the engine's. Ibis itself would keep it, here and there, until this process ends."""
        sent = ibis.memtable(rows)
        held, node = self._connection, sent.op()
        held._register_in_memory_table(node)
        held._memtables.add(node)
        try:
            yield sent
        finally:
            held._memtables.discard(node)
            let_go = held._make_memtable_finalizer(node.name)
            if let_go is None:
                self.drop(node.name)
            else:
                let_go()

    def remove(self, table: str, key: str, ids: Collection[UUID]) -> None:
        wanted = [sge.Literal.string(str(each)) for each in ids]
        for start in range(0, len(wanted), _AT_ONCE):
            self._delete(table, self._column(key).isin(*wanted[start : start + _AT_ONCE]))

    def remove_between(self, table: str, where: dict[str, int], column: str, first: int, last: int) -> None:
        same = [self._column(name).eq(sge.Literal.number(value)) for name, value in where.items()]
        low, high = sge.Literal.number(first), sge.Literal.number(last)
        self._delete(table, sg.and_(*same, self._column(column).between(low, high)))

    def remove_at(self, table: str, lane: int, positions: Collection[int]) -> None:
        same = self._column("lane").eq(sge.Literal.number(lane))
        wanted = [sge.Literal.number(each) for each in positions]
        for start in range(0, len(wanted), _AT_ONCE):
            self._delete(table, sg.and_(same, self._column("position").isin(*wanted[start : start + _AT_ONCE])))

    def clear(self, table: str) -> None:
        self._connection.truncate_table(table)

    def drop(self, table: str) -> None:
        self._connection.drop_table(table, force=True)

    def fetch(self, expression: ir.Table) -> list[tuple[Any, ...]]:
        """Ids come as text, and leave as ids."""
        found = self._connection.to_pyarrow(_without_ids(expression)).columns
        kinds = expression.schema().types
        return list(zip(*(_values(column, kind) for column, kind in zip(found, kinds, strict=True)), strict=True))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """There is none."""
        yield

    def another(self) -> "IbisEngine":
        return IbisEngine(self._connect)

    def rest(self) -> None:
        """Nothing of it is in this process."""

    def close(self) -> None:
        self._connection.disconnect()

    def _column(self, name: str) -> Any:
        return sg.column(name, quoted=True)

    def _quoted(self, name: str) -> str:
        return sg.to_identifier(name, quoted=True).sql(dialect=self._dialect)

    def _delete(self, table: str, where: Any) -> None:
        self._run(sge.delete(sg.to_identifier(table, quoted=True), where=where).sql(dialect=self._dialect))

    def _run(self, statement: str) -> None:
        with self._connection._safe_raw_sql(statement):  # what Ibis runs its own statements by, on every backend
            pass


def _without_ids(expression: ir.Table) -> ir.Table:
    """The same question, of ids that are text."""
    asked = expression.op()
    texts: dict[Any, Any] = {
        node: ops.Literal(str(node.value), dtype=dt.string) for node in asked.find(ops.Literal) if node.dtype.is_uuid()
    }
    for table in asked.find(ops.UnboundTable):
        kept = {name: _kept(kind) for name, kind in table.schema.items()}
        texts[table] = ops.UnboundTable(table.name, schema=ibis.schema(kept), namespace=table.namespace)
    return asked.replace(texts).to_expr()


def _kept(kind: dt.DataType) -> dt.DataType:
    return dt.string if kind.is_uuid() else kind


def _values(column: pa.ChunkedArray, kind: dt.DataType) -> list[Any]:
    values = column.to_pylist()
    return [UUID(value) if value else None for value in values] if kind.is_uuid() else list(values)
