"""Cells of CSV files that a spreadsheet must take for text and not for formulas (OWASP: CSV injection).

Our files are parted by commas. Where Windows writes decimals with a comma (Spain, Russia, most of Europe) Excel parts
every `.csv` at semicolons instead. It then knows our quotes for quotes only at the beginning of a line, so that a
semicolon, a tab or a line end inside a text begins a cell of its own there: what stands behind one is a beginning too.
"""

import re
from typing import Final

BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""The last four are their full-width forms, which a Japanese spreadsheet takes for the others."""

_BEGINS_ONE_INSIDE: Final = re.compile(
    r"""
    ([;\t\r\n][ "\u00a0]*)                        # another cell where `;` parts cells, with its quotes and blanks
    (?= [=@＝＠]                                  # then a formula;
      | [+\-＋－] [^;\t\r\n]* [(!|\#'（！｜＃＇]  # or a sign, and behind it what calls a function or reaches elsewhere
    )
    """,
    re.VERBOSE,
)
"""A sign alone is not enough inside: a list in a note (`- tea`) calls nothing, and stays as it was written."""


def harmless(cell: str) -> str:
    """The text, with an apostrophe before whatever a spreadsheet would otherwise carry out."""
    inside = _BEGINS_ONE_INSIDE.sub(r"\1'", cell)
    return f"'{inside}" if cell.startswith(BEGINS_A_FORMULA) else inside
