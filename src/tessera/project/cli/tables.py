"""Tables for people to read."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_GAP = 3
"""Blanks between two columns, as the box has them."""


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print `rows` under `titles`; nothing in them is taken for markup, and no word or key is cut or broken.

    On a terminal cells go on in the next line between words. Where even that is too wide each row is a paragraph, a
    line for each title. What is read by a program (or `grep`) has a line for each row, however long.
    """
    from rich.console import Console

    console = Console(highlight=False)
    columns = [[title, *(row[at] for row in rows)] for at, title in enumerate(titles)]
    widest = [max(_length(cell) for cell in column) for column in columns]
    if not sys.stdout.isatty():
        console.width = max(console.width, _whole(widest))
        return _as_table(console, titles, rows, widest)
    words = [max(_length(word) for cell in column for word in cell.split() or [""]) for column in columns]
    if _whole(words) > console.width:
        return _as_paragraphs(console, titles, rows)
    return _as_table(console, titles, rows, _fitting(widest, words, console.width))


def _length(text: str) -> int:
    """How many places of a terminal it takes."""
    from rich.cells import cell_len

    return cell_len(text)


def _whole(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * len(widths)


def _fitting(widest: Sequence[int], words: Sequence[int], width: int) -> list[int]:
    """As wide as the cells where there is room; else the widest that may are made narrower, to their longest word."""
    widths = list(widest)
    while _whole(widths) > width:
        at = max((at for at in range(len(widths)) if widths[at] > words[at]), key=lambda at: widths[at])
        widths[at] -= 1
    return widths


def _as_table(console: "Console", titles: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title, width in zip(titles, widths, strict=True):
        table.add_column(title, overflow="fold", width=width)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _as_paragraphs(console: "Console", titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.text import Text

    margin = max(_length(title) for title in titles) + _GAP
    for row in rows:
        console.print()
        for title, cell in zip(titles, row, strict=True):
            if cell:
                console.print(Text.assemble((title.ljust(margin), "bold"), cell), soft_wrap=True)
    if not rows:
        console.print("None.")
