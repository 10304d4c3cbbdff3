"""Spark, over files of Parquet in a folder that all its machines see. pyspark and Java are the operator's to install.

Traps: Spark changes no files, so tables are logs (`parquet_log.py`) and a view says what counts, made smooth now and
then; sending rows through Spark's own door makes 'NaN' of nothing, so we write the files ourselves; moments without a
zone are read in the session's, which is UTC; a division by zero is an error unless `ansi` is off; Ibis's own connection
brings pandas, its compiler does not; views are of a session, so each engine has one; `$` is also before the last end of
a line; of a text in a statement it does not know every sign that is written with a backslash.
"""

import re
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from ibis.config import Config
from msgspec import Struct
from pyspark.sql import DataFrame, SparkSession

from tessera.audience.warehouse.engines.parquet_log import BATCH, ID, Batch, Files, ParquetLog, Range

_TYPES: Final = {
    "uuid": "string", "string": "string", "float64": "double", "int64": "bigint", "boolean": "boolean",
}  # fmt: skip
_SIGNS: Final = re.compile(r"\\.|\[\^?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)
"""What is escaped, a class, or an end."""
_ESCAPED: Final = re.compile(r"\\.", re.DOTALL)
_UNKNOWN: Final = {r"\a": r"\u0007", r"\f": r"\u000c", r"\v": r"\u000b"}
_SMALL: Final = 1_000_000
"""Rows of a file that is made part of a larger one."""
_MOST_SMALL: Final = 32
_MOST_RANGES: Final = 64
_LEAST_REMOVED: Final = 10_000
"""Removed ids that are not worth making the table anew."""
_LONGEST: Final = 86_400.0
"""Seconds that removed rows may stay in files: who was erased is to be gone from the disk, too."""
_MASTERS_HERE: Final = ("local", "local-cluster")
_SETTINGS: Final = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",  # files are named; there is nothing to find
    "spark.sql.shuffle.partitions": "8",
}


class Place(Struct, frozen=True):
    """Where Spark is, and where its files are."""

    master: str
    folder: Path
    settings: dict[str, str]


def place_of(url: str, folder: Path) -> Place:
    """`spark://local[2]/folder`, `spark://host:7077/folder?memory=2g&spark.executor.memory=4g`.

    `memory` is the heap of this process's own Java (512m); any setting of Spark's may follow. Without a folder it is
    `folder`.
    """
    rest, _, query = url.partition("://")[2].partition("?")
    name, _, path = rest.partition("/")
    asked = dict(parse_qsl(query))
    here = name.partition("[")[0] in _MASTERS_HERE
    settings = dict(_SETTINGS) | {"spark.driver.memory": asked.pop("memory", "512m")}
    if here:
        settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    return Place(name if here else f"spark://{name}", Path(f"/{path}") if path else folder, settings | asked)


class _Options(Config):  # type: ignore[misc]
    """What Ibis's compiler asks, and has only once its own connection was loaded. We keep no NaN."""

    treat_nan_as_null: bool = False


class SparkEngine:
    """One writer; readers of the same process may be many."""

    atomic = True
    most_columns = 5_000

    def __init__(self, place: Place) -> None:
        self._log = ParquetLog(place.folder)
        builder = SparkSession.builder.master(place.master).appName("tessera")
        for name, value in place.settings.items():
            builder = builder.config(name, value)
        try:
            self._session: SparkSession = builder.getOrCreate().newSession()
        except BaseException:
            self._log.close()
            raise
        self._begin()

    def _begin(self) -> None:
        self._compiler = PySparkCompiler()
        ibis.options.pyspark = ibis.options.pyspark or _Options()
        self._seen: set[str] = set()
        """Tables whose view is of what counts now."""

    def tables(self) -> list[str]:
        return list(self._log.tables)

    def ensure(self, table: str, schema: ibis.Schema) -> None:
        if self._log.ensure(table, {name: _type_of(kind) for name, kind in schema.items()}):
            self._seen.discard(table)

    def append(self, table: str, rows: pa.Table) -> None:
        if rows.num_rows:
            self._log.append(table, rows)
            self._changed(table)

    def remove(self, table: str, key: str, ids: Collection[UUID]) -> None:
        if ids and self._log.tables[table].rows:
            self._log.remove(table, key, ids)
            self._changed(table)

    def remove_between(self, table: str, where: dict[str, int], column: str, first: int, last: int) -> None:
        if self._log.tables[table].rows:
            self._log.remove_between(table, where, column, first, last)
            self._changed(table)

    def remove_at(self, table: str, lane: int, positions: Collection[int]) -> None:
        if self._log.tables[table].rows:
            self._log.remove_at(table, lane, positions)
            self._changed(table)

    def clear(self, table: str) -> None:
        self._log.clear(table)
        self._seen.discard(table)

    def drop(self, table: str) -> None:
        self._log.drop(table)
        self._session.catalog.dropTempView(table)
        self._seen.discard(table)

    def fetch(self, expression: ir.Table) -> list[tuple[Any, ...]]:
        tables = self._tables()
        for named in expression.op().find(ops.UnboundTable):
            if named.name not in self._seen:
                self._counting(tables[named.name]).createOrReplaceTempView(named.name)
                self._seen.add(named.name)
        found = self._session.sql(self._sql_of(expression)).toArrow()
        kinds = expression.schema().types
        return list(
            zip(*(_values(column, kind) for column, kind in zip(found.columns, kinds, strict=True)), strict=True)
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        try:
            with self._log.transaction():
                yield
        except BaseException:
            self._seen.clear()
            raise

    def rest(self) -> None:
        """Nothing of it is in this process."""

    def another(self) -> "SparkReader":
        return SparkReader(self._log, self._session.newSession())

    def _tables(self) -> Mapping[str, Files]:
        return self._log.tables

    def close(self) -> None:
        """Spark itself lives as long as the process."""
        for table in self._seen:
            self._session.catalog.dropTempView(table)
        self._log.close()

    def _sql_of(self, expression: ir.Table) -> str:
        statement = str(self._compiler.to_sqlglot(_with_ends(expression)).sql(dialect=self._compiler.dialect))
        return _ESCAPED.sub(lambda found: _UNKNOWN.get(found[0], found[0]), statement)

    def _counting(self, files: Files, batches: list[Batch] | None = None, *, numbered: bool = False) -> DataFrame:
        """The rows of these batches (all) that no later one removed; `numbered` by their batch."""
        columns = ", ".join(f"`{name}` {kind}" for name, kind in files.columns.items())
        shown = [f"`{name}`" for name in files.columns] + ([BATCH] if numbered else [])
        rows = self._read(files.rows if batches is None else batches, f"{columns}, {BATCH} bigint")
        for key in sorted({batch.key for batch in files.gone}):
            gone = self._read([batch for batch in files.gone if batch.key == key], f"{ID} string, {BATCH} bigint")
            last = gone.groupBy(ID).agg({BATCH: "max"}).toDF("_gone", "_until")
            rows = rows.join(last, (rows[key] == last["_gone"]) & (rows[BATCH] < last["_until"]), "left_anti")
        for each in files.ranges:
            rows = rows.where(f"NOT coalesce({_inside(each)}, false)")
        return rows.selectExpr(*shown)

    def _read(self, batches: list[Batch], columns: str) -> DataFrame:
        if not batches:
            return self._session.createDataFrame([], columns)
        return self._session.read.schema(columns).parquet(*self._log.paths(batches))

    def _changed(self, table: str) -> None:
        """Look at the table anew when it is asked next, and make it smooth where it has become rough."""
        self._seen.discard(table)
        files = self._log.tables[table]
        small = [batch for batch in files.rows if batch.rows < _SMALL]
        removed = sum(batch.rows for batch in files.gone)
        many = max(_LEAST_REMOVED, sum(batch.rows for batch in files.rows) // 4)
        late = self._log.oldest_removal(table) < time.time() - _LONGEST
        if removed > many or len(files.ranges) > _MOST_RANGES or late:
            self._rewrite(table, files.rows, forget_removals=True)
        elif len(small) > _MOST_SMALL:
            self._rewrite(table, small, forget_removals=small == files.rows)
        elif len(files.gone) > _MOST_SMALL:
            self._log.join_removals(table)
        self._seen.discard(table)

    def _rewrite(self, table: str, batches: list[Batch], *, forget_removals: bool) -> None:
        """Write what counts of these batches into few files, which then count instead."""
        target = self._log.folder / table / f"rows-{uuid4().hex[:12]}"
        parts = 1 + sum(batch.rows for batch in batches) // (4 * _SMALL)
        rows = self._counting(self._log.tables[table], batches, numbered=True)
        try:
            rows.coalesce(parts).write.option("compression", "zstd").parquet(str(target))
            self._log.replace(table, batches, target, forget_removals=forget_removals)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise


class SparkReader(SparkEngine):
    """Reads what the writer has finished, and nothing of what it is about; for one thread."""

    def __init__(self, log: ParquetLog, session: SparkSession) -> None:
        self._log, self._session = log, session
        self._begin()
        self._number = -1

    def another(self) -> "SparkReader":
        return SparkReader(self._log, self._session.newSession())

    def _tables(self) -> Mapping[str, Files]:
        number, tables = self._log.committed
        if number != self._number:
            self._seen.clear()
            self._number = number
        return tables

    def close(self) -> None:
        """The folder is the writer's."""


def _with_ends(expression: ir.Table) -> ir.Table:
    """The same question, of patterns whose `$` is the very end."""
    asked = expression.op()
    patterns: dict[Any, Any] = {}
    for search in asked.find(ops.RegexSearch):
        told = search.pattern
        if isinstance(told, ops.Literal) and "$" in told.value:
            patterns[told] = ops.Literal(_SIGNS.sub(_at_the_end, told.value), dtype=told.dtype)
    return asked.replace(patterns).to_expr() if patterns else expression


def _at_the_end(sign: re.Match[str]) -> str:
    return r"\z" if sign[0] == "$" else sign[0]


def _inside(removed: Range) -> str:
    """Whether a row is one of these, as Spark reads it."""
    column = f"`{removed.column}`"
    parts = [f"`{name}` = {value}" for name, value in removed.where.items()]
    if removed.places:
        parts.append(f"{column} IN ({', '.join(map(str, removed.places))})")
    else:
        parts.append(f"{column} BETWEEN {removed.first} AND {removed.last}")
    return " AND ".join([*parts, f"{BATCH} < {removed.batch}"])


def _type_of(kind: dt.DataType) -> str:
    return "timestamp_ntz" if kind.is_timestamp() else _TYPES[str(kind)]


def _values(column: pa.ChunkedArray, kind: dt.DataType) -> list[Any]:
    values = column.to_pylist()
    return [UUID(value) if value else None for value in values] if kind.is_uuid() else list(values)
