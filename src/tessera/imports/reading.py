"""From stored bytes to text, streamed: unzipped, in UTF-8, never the whole file in memory.

Limits, because a file is a stranger: its size unpacked, how many times it may grow when unpacked, the length of a line.
"""

import codecs
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from tessera.foundation.errors import TesseraError

GZIP: Final = b"\x1f\x8b"
BLOCK: Final = 256 * 1024
MAX_LINE: Final = 1024 * 1024
MAX_RATIO: Final = 200
"""Unpacked over packed: text of people packs 3 to 20 times, a bomb a thousand times and more."""
_FREE: Final = 16 * 1024 * 1024
"""What may come out before the ratio is looked at."""
CUT: Final = "\x00line too long\x00"
"""Stands for a line beyond `MAX_LINE`; no line of a sound file has U+0000."""

BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class FileRefused(TesseraError):
    """The file cannot be read as a whole; the message says why. `code` is `import_file_refused`."""

    code = "import_file_refused"


def is_gzipped(head: bytes) -> bool:
    return head.startswith(GZIP)


def unpacked(blocks: Iterable[bytes], *, gzipped: bool, most: int) -> Iterator[bytes]:
    """The file's own bytes, in blocks. `most` is how many there may be. Raises `FileRefused`."""
    total = 0
    for block in _gunzipped(blocks) if gzipped else blocks:
        total += len(block)
        if total > most:
            raise FileRefused(f"the file is larger than {most // 1024**2} MB when unpacked")
        if block:
            yield block


def _gunzipped(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Several gzip members may follow each other, as `cat a.gz b.gz` makes them."""
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
    packed = total = 0
    for block in blocks:
        packed += len(block)
        rest = block
        while rest:
            if inflate.eof:
                if not rest.strip(b"\0"):
                    break
                inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
            try:
                out = inflate.decompress(rest, BLOCK)
            except zlib.error as error:
                raise FileRefused(f"the file is damaged: {error}") from None
            total += len(out)
            if total > _FREE and total > packed * MAX_RATIO:
                raise FileRefused(f"the file grows more than {MAX_RATIO} times when unpacked")
            yield out
            rest = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
    if not inflate.eof:
        raise FileRefused("the file ends too early: it was cut off")


def decoded(blocks: Iterable[bytes], encoding: str) -> Iterator[str]:
    """The text, in blocks; what is no text in this encoding becomes U+FFFD. A mark at the beginning is left out."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    first = True
    for block in blocks:
        text = decoder.decode(block)
        if first and text:
            text = text.removeprefix("\ufeff")
            first = False
        yield text
    yield decoder.decode(b"", final=True)


def whole_lines(texts: Iterable[str], *, skip: int = 0) -> Iterator[str]:
    """The text in pieces that end with a line's end, so that a piece can be cut into lines on its own.

    `skip` lines are passed over unread. Lines end with LF; a file that has only CRs is given LFs instead. A line beyond
    `MAX_LINE` is replaced by `CUT`, so that it costs no memory and is still counted.
    """
    rest: list[str] = []
    held = 0
    cutting = False
    for text in _with_line_feeds(texts):
        end = text.rfind("\n") + 1
        if not end:
            if not cutting:
                rest.append(text)
                held += len(text)
                if held > MAX_LINE:
                    cutting, rest, held = True, [], 0
            continue
        head, tail = text[:end], text[end:]
        if cutting:
            head = CUT + head[head.index("\n") :]
            cutting = False
        piece = "".join((*rest, head)) if rest else head
        rest, held = ([tail], len(tail)) if tail else ([], 0)
        if skip:
            piece, skip = _without_first(piece, skip)
        if piece:
            yield piece
    last = CUT if cutting else "".join(rest)
    if last and not skip:
        yield last


def _without_first(piece: str, skip: int) -> tuple[str, int]:
    """The piece without its first `skip` lines, and how many are still to be passed over."""
    there = piece.count("\n")
    if there <= skip:
        return "", skip - there
    at = 0
    for _ in range(skip):
        at = piece.index("\n", at) + 1
    return piece[at:], 0


def _with_line_feeds(texts: Iterable[str]) -> Iterator[str]:
    """Decided by the first block that has an end of line: CR alone was the end of line of old Macintoshes."""
    old: bool | None = None
    for text in texts:
        if old is None and ("\n" in text or "\r" in text):
            old = "\n" not in text
        yield text.replace("\r", "\n") if old else text
