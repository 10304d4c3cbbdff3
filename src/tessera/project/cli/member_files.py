"""Files of a segment's members, written page by page."""

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Final, Protocol

import msgspec

from tessera.audience.segments.listing import Listed
from tessera.exports.cells import cell

_PLAIN: Final = ("user_id", "external")
_PERSONAL: Final = ("email", "phone")


class MemberFile(Protocol):
    def put(self, members: Sequence[Listed]) -> None: ...


class CsvFile:
    """RFC 4180 in UTF-8 with a header line. Several identifiers of a kind are a JSON list, those of other systems
    `system:value`. Identifiers of browsers and devices are in NDJSON only.
    """

    def __init__(self, out: BinaryIO, *, personal: bool) -> None:
        self._out = out
        self._kinds = _PLAIN + (_PERSONAL if personal else ())
        self._put([["person_id", "entered_at", *self._kinds]])

    def put(self, members: Sequence[Listed]) -> None:
        self._put([[str(each.person_id), cell(each.entered_at), *self._names(each)] for each in members])

    def _names(self, member: Listed) -> list[str]:
        found: dict[str, list[str]] = {kind: [] for kind in self._kinds}
        for named in member.identifiers:
            kind, _, system = named.kind.partition(":")
            if kind in found:
                found[kind].append(f"{system}:{named.value}" if system else named.value)
        return [cell(_alone(values)) for values in found.values()]

    def _put(self, lines: list[list[str]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(lines)
        self._out.write(text.getvalue().encode())


class NdjsonFile:
    """A JSON document per member, with all identifiers that may be told."""

    def __init__(self, out: BinaryIO, *, personal: bool) -> None:
        self._out = out

    def put(self, members: Sequence[Listed]) -> None:
        self._out.write(b"".join(msgspec.json.encode(each) + b"\n" for each in members))


def _alone(values: list[str]) -> Any:
    return values if len(values) > 1 else values[0] if values else None


FORMATS: Final[dict[str, Callable[..., MemberFile]]] = {"csv": CsvFile, "ndjson": NdjsonFile}
