"""Sets of letters as the inside of a class `[…]` that every engine reads alike."""

from collections.abc import Iterable, Iterator
from typing import Final

MOST_FOLDED: Final = 100_000
"""Letters of a set that are looked at one by one for their capitals."""
_SPECIAL: Final = frozenset(map(ord, "\\]^-[&~|"))

Span = tuple[int, int]
"""Numbers of letters, from the first to the last."""


def folded(letter: str) -> set[str]:
    """The letter, its small one and its capital one, where each is one letter."""
    return {letter, *(other for other in (letter.lower(), letter.upper()) if len(other) == 1)}


def with_other_case(spans: Iterable[Span]) -> list[Span]:
    """All of these letters in both cases. Raises ValueError where they are too many to look at."""
    known = list(spans)
    if sum(last - first + 1 for first, last in known) > MOST_FOLDED:
        raise ValueError("with (?i) a class has fewer letters than this")
    others = {
        ord(other)
        for first, last in known
        for code in range(first, last + 1)
        for other in folded(chr(code))
        if not first <= ord(other) <= last
    }
    return known + [(code, code) for code in others]


def inside_of(spans: Iterable[Span]) -> str:
    """What stands between the brackets: no letter twice, and no sign that means something at the end of a span."""
    return "".join(_written(first, last) for first, last in _joined(spans))


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Fewest spans, in order."""
    begun: Span | None = None
    for first, last in sorted(spans):
        if begun is not None and first <= begun[1] + 1:
            begun = begun[0], max(begun[1], last)
            continue
        if begun is not None:
            yield begun
        begun = first, last
    if begun is not None:
        yield begun


def _written(first: int, last: int) -> str:
    before = after = ""
    while first <= last and first in _SPECIAL:
        before += "\\" + chr(first)
        first += 1
    while last >= first and last in _SPECIAL:
        after += "\\" + chr(last)
        last -= 1
    if first > last:
        return before + after
    return before + (chr(first) if first == last else f"{chr(first)}-{chr(last)}") + after
