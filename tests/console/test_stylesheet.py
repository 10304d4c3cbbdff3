"""The one stylesheet and the templates: no two features take the same class, nothing is styled or scripted inline."""

import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

CONSOLE = Path(__file__).parents[2] / "src" / "tessera" / "console"
STYLESHEET = CONSOLE / "static" / "console" / "console.css"
TEMPLATES = sorted((CONSOLE / "templates").rglob("*.html"))
INLINE = re.compile(r"""\s(?:style|on[a-z]+|hx-on[\w:-]*|x-[\w:-]+)\s*=\s*["']|<style|<script(?![^>]*\ssrc=)""")


def sections() -> dict[str, list[str]]:
    """The classes that each section of the stylesheet defines by themselves, outside of media queries."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in STYLESHEET.read_text().splitlines():
        if line.startswith("/* "):
            section = line
        elif re.match(r"\.[\w-]+ \{", line):
            found.setdefault(section, []).append(line.split(" ")[0])
    return found


def test_no_two_features_take_the_same_class() -> None:
    homes = defaultdict(set)
    for section, names in sections().items():
        for name in names:
            homes[name].add(section)

    assert len(homes) > 200
    assert {name: sorted(where) for name, where in homes.items() if len(where) > 1} == {}


def test_no_two_movements_take_the_same_name() -> None:
    names = Counter(re.findall(r"@keyframes ([\w-]+)", STYLESHEET.read_text()))

    assert len(names) > 4
    assert [name for name, times in names.items() if times > 1] == []


def test_no_section_lies_within_the_media_query_of_the_one_before() -> None:
    depth, open_at = 0, {}
    for number, line in enumerate(STYLESHEET.read_text().splitlines(), start=1):
        if line.startswith(("/* ", ":root", "@media")):
            open_at |= {number: line} if depth else {}
        depth += line.count("{") - line.count("}")

    assert open_at == {}
    assert depth == 0


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(CONSOLE / "templates")))
def test_nothing_is_styled_or_scripted_inline(template: Path) -> None:
    assert INLINE.findall(template.read_text()) == []
