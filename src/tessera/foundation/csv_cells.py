"""Cells of CSV files that a spreadsheet must take for text and not for formulas (OWASP: CSV injection)."""

from typing import Final

BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""The last four are their full-width forms, which a Japanese spreadsheet takes for the others."""


def harmless(cell: str) -> str:
    """The text, with an apostrophe in front where a spreadsheet would otherwise carry it out."""
    return f"'{cell}" if cell.startswith(BEGINS_A_FORMULA) else cell
