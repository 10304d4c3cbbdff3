"""What a file is, by its first bytes: packed or not, encoding, format, delimiter, header. A proposal, all of it."""

import csv
import io
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from charset_normalizer import from_bytes

from tessera.events.messages import TYPES
from tessera.imports.plan import FileFormat, FormatName
from tessera.imports.reading import BOMS, FileRefused, decoded, is_gzipped, unpacked

SAMPLE: Final = 256 * 1024
SAMPLE_ROWS: Final = 20
DELIMITERS: Final = (",", ";", "\t", "|")
ENCODINGS: Final = (
    "utf-8", "utf-16-le", "utf-16-be", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257",
    "cp1258", "iso8859_1", "iso8859_2", "iso8859_5", "iso8859_7", "iso8859_9", "iso8859_15", "koi8_r", "cp874",
)  # fmt: skip
"""Names by which Python knows the encodings that a plan may name."""
_LIKELIEST: Final = ("cp1252", "cp1251", *(name for name in ENCODINGS if name.startswith("cp")))
"""Of encodings in which a text makes the same sense, the one that most files of the kind are in."""
_TURKISH: Final = frozenset("ýþðÝÞÐ")
_ICELANDIC: Final = frozenset("áéíóúæÁÉÍÓÚÆ")
"""The bytes that are ı, ş and ğ in Turkish files are letters of Icelandic, which does without these nowhere."""
_ALIKE: Final = 0.05
_CONTROLS: Final = frozenset(map(chr, range(32))) - frozenset("\t\r\n")
_BINARY: Final = (b"PK\x03\x04", b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"PAR1", b"\xd0\xcf\x11\xe0", b"MZ", b"\x7fELF")
_NUMBER: Final = re.compile(r"[-+]?[\d.,]*\d")


class Sample(msgspec.Struct, frozen=True):
    """The beginning of a file, read: the names of its columns and the first rows as text."""

    format: FileFormat
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def recognise(head: bytes) -> FileFormat:
    """The most likely way to read a file that begins so (256 KB suffice). Raises `FileRefused`."""
    gzipped = is_gzipped(head)
    plain = _beginning(head, gzipped=gzipped)
    if not plain.strip(b"\0 \r\n\t"):
        raise FileRefused("the file is empty")
    if plain.startswith(_BINARY):
        raise FileRefused("this is no text: save it as CSV or as JSON lines first")
    encoding = encoding_of(plain)
    text = _text(plain, encoding)
    if sum(map(text.count, _CONTROLS)) > len(text) // 100:
        raise FileRefused("this is no text: save it as CSV or as JSON lines first")
    name = _format_of(text)
    if name != "csv":
        return FileFormat(name=name, encoding=encoding, gzipped=gzipped)
    delimiter = delimiter_of(text)
    rows = _csv_rows(text, delimiter, 3)
    return FileFormat(encoding=encoding, gzipped=gzipped, delimiter=delimiter, header=has_header(rows))


def sample_of(head: bytes, chosen: FileFormat) -> Sample:
    """The first rows of a file read as `chosen`. Raises `FileRefused`."""
    text = _text(_beginning(head, gzipped=chosen.gzipped), chosen.encoding)
    if chosen.name != "csv":
        return _json_sample(text, chosen)
    rows = _csv_rows(text, chosen.delimiter, SAMPLE_ROWS + 1)
    if not rows:
        raise FileRefused("the file has no rows")
    columns = header_names(rows[0]) if chosen.header else tuple(f"column {n}" for n in range(1, len(rows[0]) + 1))
    body = rows[1:] if chosen.header else rows
    return Sample(chosen, columns, tuple(tuple(cell[:200] for cell in row) for row in body[:SAMPLE_ROWS]))


def header_names(cells: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns: without blanks around, none empty, none twice (`email`, `email (2)`)."""
    names: list[str] = []
    for number, cell in enumerate(cells, 1):
        name = cell.replace("\0", "").strip()[:255] or f"column {number}"
        candidate, turn = name, 1
        while candidate in names:
            turn += 1
            candidate = f"{name} ({turn})"
        names.append(candidate)
    return tuple(names)


def _beginning(head: bytes, *, gzipped: bool) -> bytes:
    if not gzipped:
        return head[:SAMPLE]
    out = bytearray()
    try:
        for block in unpacked([head], gzipped=True, most=2**62):
            out += block
            if len(out) >= SAMPLE:
                break
    except FileRefused as error:
        if not out or "damaged" in str(error) or "grows" in str(error):
            raise
    return bytes(out[:SAMPLE])


def _text(plain: bytes, encoding: str) -> str:
    text = "".join(decoded([plain], encoding))
    return text[:-1] if text.endswith("\ufffd") else text  # the sample may end in the middle of a character


def encoding_of(plain: bytes) -> str:
    """By the mark at the beginning, by the zeros of UTF-16, by being valid UTF-8, else by what languages look like."""
    for mark, name in BOMS:
        if plain.startswith(mark):
            return name
    even, odd = plain[0:4096:2], plain[1:4096:2]
    if len(plain) >= 8:
        if odd.count(0) > len(odd) * 0.3 and even.count(0) < len(even) * 0.1:
            return "utf-16-le"
        if even.count(0) > len(even) * 0.3 and odd.count(0) < len(odd) * 0.1:
            return "utf-16-be"
    try:
        plain[:-4].decode() if len(plain) >= SAMPLE else plain.decode()
    except UnicodeDecodeError as error:
        if len(plain) - error.start > 4:
            return _by_language(plain)
    return "utf-8"


def _by_language(plain: bytes) -> str:
    lines = [line for line in plain.split(b"\n") if not line.isascii()]
    matches = list(from_bytes(b"\n".join(lines)[:64_000], cp_isolation=list(ENCODINGS[3:])))
    if not matches:
        return "cp1252"
    best = matches[0]
    alike = [one for one in matches if one.chaos <= best.chaos and one.coherence >= best.coherence - _ALIKE]
    possible = {name for one in alike for name in (one.encoding, *one.could_be_from_charset)}
    chosen = next((name for name in _LIKELIEST if name in possible), best.encoding)
    letters = {char for char in b"".join(lines).decode("cp1252", "ignore") if not char.isascii()}
    return "cp1254" if chosen == "cp1252" and letters & _TURKISH and not letters & _ICELANDIC else chosen


def _format_of(text: str) -> FormatName:
    """JSON lines whose objects are calls of the tracking API are Segment's; others are people."""
    line = next((line for line in text.split("\n") if line.strip()), "")
    if not line.lstrip().startswith("{"):
        return "csv"
    try:
        first: dict[str, Any] = msgspec.json.decode(line.encode("utf-8", "replace"), type=dict[str, Any])
    except msgspec.MsgspecError:
        return "ndjson"
    if first.get("type") in TYPES and ("userId" in first or "anonymousId" in first):
        return "segment"
    return "ndjson"


def delimiter_of(text: str) -> str:
    """The one that cuts the first rows into the same number of cells, the more of them the better."""
    best, score = ",", (False, 0)
    for delimiter in DELIMITERS:
        rows = _csv_rows(text, delimiter, 20)
        widths = [len(row) for row in rows]
        if widths and widths[0] > 1:
            even = sum(width == widths[0] for width in widths) >= 0.8 * len(widths)
            if (even, widths[0]) > score:
                best, score = delimiter, (even, widths[0])
    return best


def _csv_rows(text: str, delimiter: str, most: int) -> list[list[str]]:
    rows: list[list[str]] = []
    if "\n" not in text:
        text = text.replace("\r", "\n")
    reader = csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter)
    while len(rows) < most:
        try:
            row = next(reader, None)
        except csv.Error:
            continue
        if row is None:
            break
        if row:
            rows.append(row)
    return rows


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Names, and not people: no address, no number, nothing twice or empty in the first row."""
    if not rows:
        return False
    cells = [cell.strip() for cell in rows[0]]
    if any("@" in cell or _NUMBER.fullmatch(cell) for cell in cells):
        return False
    return len(rows) == 1 or any(cells)


def _json_sample(text: str, chosen: FileFormat) -> Sample:
    objects: list[dict[str, Any]] = []
    for line in text.split("\n"):
        if len(objects) == SAMPLE_ROWS:
            break
        try:
            objects.append(msgspec.json.decode(line.encode("utf-8", "replace"), type=dict[str, Any]))
        except msgspec.MsgspecError:
            continue
    if not objects:
        raise FileRefused("no line of the beginning is a JSON object")
    columns = tuple(dict.fromkeys(name for each in objects for name in each))[:500]
    return Sample(chosen, columns, tuple(tuple(_shown(each.get(name)) for name in columns) for each in objects))


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return (value if type(value) is str else msgspec.json.encode(value).decode())[:200]
