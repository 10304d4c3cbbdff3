"""What a writer takes and gives."""

from collections.abc import Sequence
from typing import Any, Protocol


class Sink(Protocol):
    """Whatever takes bytes in order."""

    def write(self, data: bytes, /) -> Any: ...


class Record(Protocol):
    """One person or one event, in both shapes a file may want."""

    def row(self) -> dict[str, Any]:
        """Its values by the names of columns."""

    def document(self) -> object:
        """The whole of it, nested."""


class Writer(Protocol):
    def write(self, records: Sequence[Record]) -> None:
        """Append these."""

    def close(self) -> None:
        """Write what a file of this kind ends with; the sink stays open."""
