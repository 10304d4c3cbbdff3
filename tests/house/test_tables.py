"""Tables of the command line: no name and no key is broken, whatever the width."""

import re
import sys

import pytest

from tessera.project.cli.tables import print_table

ID = "01a2034d-498d-7918-a5d4-d523827e37fd"
TITLES = ["Name", "Folder", "Note", "Id"]
ROWS = [
    ["Loyal customers", "Newsletter", "ordered three times or more in ninety days [bold]", ID],
    ["สมชาย", "", "", ID],
]


def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, width: int, terminal: bool) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    print_table(TITLES, ROWS)
    return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)


def test_what_a_program_reads_has_a_line_for_each_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = printed(capsys, monkeypatch, width=40, terminal=False)
    (line,) = [line for line in out.splitlines() if "Loyal" in line]
    assert all(cell in line for cell in ROWS[0])
    assert out.count(ID) == 2


@pytest.mark.parametrize("width", [76, 80, 100, 200])
def test_on_a_terminal_lines_end_between_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    out = printed(capsys, monkeypatch, width=width, terminal=True)
    assert {word for row in ROWS for cell in row for word in cell.split()} <= set(out.split())
    assert out.splitlines()[1].split() == TITLES
    assert max(map(len, out.splitlines())) <= width


def test_where_not_even_words_fit_each_row_is_a_paragraph(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = printed(capsys, monkeypatch, width=60, terminal=True)
    first, second = out.strip().split("\n\n")
    assert first.splitlines() == [f"{title:9}{cell}" for title, cell in zip(TITLES, ROWS[0], strict=True)]
    assert second.splitlines() == [f"Name     {ROWS[1][0]}", f"Id       {ID}"]
