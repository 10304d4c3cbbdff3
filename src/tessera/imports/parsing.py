"""From text to records, a batch at a time: cells of CSV, objects of JSON lines. A bad line is a record, too."""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import islice
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from tessera.imports.plan import FileFormat
from tessera.imports.reading import CUT, decoded, unpacked, whole_lines

BATCH: Final = 1024
MAX_CELL: Final = 128 * 1024


class BadRecord(Struct, frozen=True):
    """A line that is nothing. `raw` is what it looks like."""

    code: str
    detail: str
    raw: str


Record: TypeAlias = list[str] | dict[str, Any] | bytes | BadRecord | None
"""Cells, an object, a Segment message as it stands, something unreadable, or a blank line."""


class Batch(Struct):
    """Records that follow each other. `first` is the number of the first (1 is the file's first, the header's).

    `lines` is how many lines of the file are used up by the end of it: where reading goes on after a crash.
    `doubtful` is true when something in it may be no text at all.
    """

    first: int
    records: list[Record]
    lines: int
    doubtful: bool


class Lines:
    """The lines of a text that comes in pieces; notes what should not be in a text."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = pieces
        self.doubtful = False

    def __iter__(self) -> Iterator[str]:
        for piece in self._pieces:
            if "\0" in piece or "\ufffd" in piece:
                self.doubtful = True
            yield from StringIO(piece, newline="\n")


def batches(
    blocks: Iterable[bytes], chosen: FileFormat, *, most: int, lines: int = 0, number: int = 0, size: int = BATCH
) -> Iterator[Batch]:
    """The file's records after the first `lines` lines, which held `number` records. Raises `FileRefused`.

    `most` is how many bytes the file may have unpacked.
    """
    texts = decoded(unpacked(blocks, gzipped=chosen.gzipped, most=most), chosen.encoding)
    source = Lines(whole_lines(texts, skip=lines))
    read = _Csv(source, chosen.delimiter) if chosen.name == "csv" else _Json(source, whole=chosen.name == "ndjson")
    while records := read.some(size):
        yield Batch(number + 1, records, lines + read.lines, source.doubtful)
        source.doubtful = False
        number += len(records)


class _Csv:
    def __init__(self, source: Iterable[str], delimiter: str) -> None:
        csv.field_size_limit(MAX_CELL)
        self._reader = csv.reader(source, delimiter=delimiter)

    @property
    def lines(self) -> int:
        return self._reader.line_num

    def some(self, size: int) -> list[Record]:
        records: list[Record] = []
        while len(records) < size:
            before = len(records)
            try:
                records.extend(islice(self._reader, size - before))
            except csv.Error as error:
                records.append(BadRecord("unreadable_row", str(error), f"up to line {self.lines}"))
                continue
            if len(records) < size:
                break
        return records


class _Json:
    def __init__(self, source: Iterable[str], *, whole: bool) -> None:
        self._source = iter(source)
        self._read = _object if whole else _raw
        self.lines = 0

    def some(self, size: int) -> list[Record]:
        found = list(islice(self._source, size))
        self.lines += len(found)
        return [self._read(line) for line in found]


_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


def _object(line: str) -> Record:
    if not line.strip():
        return None
    try:
        return _decode_object(line.encode("utf-8", "replace"))
    except (msgspec.MsgspecError, RecursionError) as error:
        return BadRecord(_code(line), str(error), line[:500])


def _raw(line: str) -> Record:
    if CUT in line:
        return BadRecord(_code(line), "", "")
    return line.strip().encode("utf-8", "replace") or None


def _code(line: str) -> str:
    return "line_too_long" if CUT in line else "malformed_json"
