"""Parquet files, by pyarrow."""

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from tessera.exports.columns import OTHER_VALUES, Column, Kind, Misfit, fitted
from tessera.exports.shapes import Record, Sink

ROW_GROUP: Final = 20_000
ROW_GROUP_BYTES: Final = 32 * 1024 * 1024
_TYPES: Final[dict[Kind, pa.DataType]] = {
    "text": pa.string(),
    "number": pa.float64(),
    "whole": pa.int64(),
    "boolean": pa.bool_(),
    "day": pa.date32(),
    "moment": pa.timestamp("us", tz="UTC"),
    "list": pa.list_(pa.string()),
    "json": pa.string(),
}


class ParquetWriter:
    """Typed columns, zstd, row groups of at most 20,000 rows or about 32 MB.

    A value that does not fit the type its column has in the catalogue goes into `other_values`, by its name.
    """

    def __init__(self, columns: Sequence[Column], sink: Sink) -> None:
        self._columns = list(columns)
        self._known = frozenset(column.name for column in columns)
        self._schema = pa.schema([pa.field(column.name, _TYPES[column.kind]) for column in columns])
        self._file = pq.ParquetWriter(pa.PythonFile(sink, mode="w"), self._schema, compression="zstd")
        self._batches: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def write(self, records: Sequence[Record]) -> None:
        if not records:
            return
        rows = [self._fit(record.row()) for record in records]
        arrays = [pa.array([row.get(column.name) for row in rows], _TYPES[column.kind]) for column in self._columns]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        self._batches.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= ROW_GROUP or self._bytes >= ROW_GROUP_BYTES:
            self._flush()

    def _fit(self, row: dict[str, Any]) -> dict[str, Any]:
        others = {name: value for name, value in row.items() if name not in self._known and value is not None}
        fit: dict[str, Any] = {}
        for column in self._columns:
            value = row.get(column.name)
            try:
                fit[column.name] = fitted(column.kind, value)
            except Misfit:
                others[column.name] = value
        if others:
            fit[OTHER_VALUES] = fitted("json", others)
        return fit

    def _flush(self) -> None:
        if self._batches:
            table = pa.Table.from_batches(self._batches)
            self._file.write_table(table, row_group_size=max(self._rows, 1))
        self._batches, self._rows, self._bytes = [], 0, 0

    def close(self) -> None:
        self._flush()
        self._file.close()
