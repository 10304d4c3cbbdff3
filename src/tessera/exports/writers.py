"""The three kinds of file, each written as it goes: nothing is held beyond one batch of rows."""

import csv
import gzip
import io
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tessera.exports.cells import cell, neutral
from tessera.exports.columns import OTHER_VALUES, Column
from tessera.exports.shapes import Record, Sink, Writer
from tessera.exports.wanted import Wanted

_encode: Final = msgspec.json.Encoder().encode


def writer_for(wanted: Wanted, columns: Sequence[Column], sink: Sink) -> Writer:
    """The writer of the kind that is wanted."""
    if wanted.format == "parquet":
        from tessera.exports.parquet import ParquetWriter  # 40 MB of memory that web processes never need

        return ParquetWriter(columns, sink)
    out: Sink = sink
    squeezed: gzip.GzipFile | None = None
    if wanted.gzip:
        out = squeezed = gzip.GzipFile(fileobj=sink, mode="wb", mtime=0, compresslevel=6)  # type: ignore[call-overload]
    if wanted.format == "csv":
        return CsvWriter(columns, out, squeezed, byte_order_mark=wanted.byte_order_mark)
    return NdjsonWriter(out, squeezed)


class CsvWriter:
    """RFC 4180, UTF-8, one header line; `cells` says how values stand in it."""

    def __init__(
        self,
        columns: Sequence[Column],
        out: Sink,
        squeezed: gzip.GzipFile | None,
        *,
        byte_order_mark: bool,
    ) -> None:
        self._names = [column.name for column in columns]
        self._known = frozenset(self._names)
        self._out = out
        self._squeezed = squeezed
        if byte_order_mark:
            out.write("\N{ZERO WIDTH NO-BREAK SPACE}".encode())
        self._put([[neutral(name) for name in self._names]])

    def write(self, records: Sequence[Record]) -> None:
        self._put([self._cells(record.row()) for record in records])

    def _cells(self, row: dict[str, Any]) -> list[str]:
        others = {name: value for name, value in row.items() if name not in self._known and value is not None}
        if others:
            row[OTHER_VALUES] = others
        return [cell(row.get(name)) for name in self._names]

    def _put(self, lines: list[list[str]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(lines)
        self._out.write(text.getvalue().encode())

    def close(self) -> None:
        if self._squeezed is not None:
            self._squeezed.close()


class NdjsonWriter:
    """One JSON document per line, values as they are."""

    def __init__(self, out: Sink, squeezed: gzip.GzipFile | None) -> None:
        self._out = out
        self._squeezed = squeezed

    def write(self, records: Sequence[Record]) -> None:
        if records:
            self._out.write(b"\n".join([*(_encode(record.document()) for record in records), b""]))

    def close(self) -> None:
        if self._squeezed is not None:
            self._squeezed.close()
