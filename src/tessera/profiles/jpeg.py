"""What decoding a JPEG costs, by its header: whether a decoder can go through it line by line, or holds all of it.

A JPEG whose colours come in one scan is decoded at an eighth of its size in a few MB, however many pixels it has. One
in several scans (a progressive one, mostly) is held whole as coefficients, whatever size is asked for.
"""

from math import ceil
from typing import Final

MOST_SCANS: Final = 100
"""Progressive ones have about ten. Each costs a walk over the whole picture and may be written in a few bytes."""
_SOS: Final = b"\xff\xda"
_SOF: Final = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended, progressive: other kinds are decoded by nobody, or by arithmetic that takes its time."""


def scans(raw: bytes) -> int:
    """How many there are at most: in a scan these two bytes never meet; a small picture in the header has its own."""
    return raw.count(_SOS)


def coefficient_bytes(raw: bytes) -> int | None:
    """Bytes a decoder needs for coefficients: 0 for a JPEG in one scan. None where the header is not plain enough."""
    frame, at = None, 2
    while at + 4 <= len(raw) and raw[at] == 0xFF:
        kind, length = raw[at + 1], int.from_bytes(raw[at + 2 : at + 4])
        body = raw[at + 4 : at + 2 + length]
        if kind in _SOF:
            frame = (kind, body)
        elif kind == 0xDA:
            return None if frame is None or not body else _held(*frame, in_first_scan=body[0])
        at += 2 + length
    return None


def _held(kind: int, frame: bytes, *, in_first_scan: int) -> int | None:
    """ITU-T T.81, B.2.2: precision, height, width, then each colour's name, sampling and table."""
    if len(frame) < 6 or len(frame) != 6 + 3 * frame[5]:
        return None
    height, width, colours = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5]), frame[5]
    samplings = [(frame[at] >> 4, frame[at] & 15) for at in range(7, len(frame), 3)]
    if not samplings or not all(across and down for across, down in samplings):
        return None
    if kind != 0xC2 and in_first_scan == colours:
        return 0
    most_across, most_down = max(across for across, _ in samplings), max(down for _, down in samplings)
    units = ceil(width / (8 * most_across)) * ceil(height / (8 * most_down))
    return units * sum(across * down for across, down in samplings) * 64 * 2
