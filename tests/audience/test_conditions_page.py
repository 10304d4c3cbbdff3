"""docs/conditions.md says everything that conditions can ask, and nothing that they cannot."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import msgspec
import pytest

from tessera.audience.conditions.comparisons import AnyComparison
from tessera.audience.conditions.reach import CHANNELS
from tessera.audience.conditions.registry import DEEPEST, KINDS, MOST_PARTS, from_json, json_schema, to_json
from tessera.audience.text.lexer import LONGEST
from tessera.audience.text.reader import from_text
from tessera.audience.text.writer import to_text
from tessera.audience.vocabulary import DEVICE, FACTS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "conditions.md").read_text()
ROWS = re.findall(r"^\| [^|]+ \| `([^|]+)` \| `(\{[^|]+\})` \|$", PAGE, re.MULTILINE)
SHOWN = re.search(r"```\n(.+?)\n```", PAGE, re.DOTALL)


def words_of(value: Any, name: str) -> set[str]:
    """Every value of this field, at any depth."""
    match value:
        case dict():
            mine = {value[name]} if name in value else set()
            return mine.union(*(words_of(part, name) for part in value.values()))
        case list():
            return set().union(*(words_of(part, name) for part in value))
    return set()


@pytest.mark.parametrize(("text", "inner"), ROWS)
def test_both_forms_of_a_row_are_the_same_condition(text: str, inner: str) -> None:
    document = json.dumps({"version": 1, "condition": json.loads(inner)})
    condition = from_text(text)

    assert to_json(from_json(document)) == to_json(condition)
    assert to_text(condition) == text or text.startswith("not ")
    assert jsonschema_rs.Draft202012Validator(json_schema()).is_valid(json.loads(document))


def test_every_kind_and_every_comparison_is_on_the_page() -> None:
    told = [json.loads(inner) for _, inner in ROWS]

    assert words_of(told, "is") == {str(kind.__struct_config__.tag) for kind in KINDS}
    assert words_of(told, "op") == {str(test.__struct_config__.tag) for test in get_args(AnyComparison)}
    assert len(ROWS) == len(KINDS) + len(get_args(AnyComparison))


def test_the_examples_at_the_top_are_conditions() -> None:
    assert SHOWN is not None
    for line in SHOWN[1].splitlines():
        from_text(line.replace('segment("Newsletter")', "everyone"))


@pytest.mark.parametrize(("title", "known", "before"), [("facts", FACTS, "@"), ("fields of a device", DEVICE, "")])
def test_names_are_told_with_their_types(title: str, known: dict[str, str], before: str) -> None:
    _, _, table = PAGE.partition(f"| type | {title} |\n|---|---|\n")
    rows = re.findall(r"^\| (\w+) \| (.+) \|$", table.split("\n\n")[0], re.MULTILINE)
    told = {name.removeprefix(before): kind for kind, names in rows for name in re.findall(r"`([^`]+)`", names)}
    assert told == known


def test_limits_and_channels_are_told_as_they_are() -> None:
    plain = " ".join(PAGE.split())
    assert f"at most {DEEPEST} deep, has at most {MOST_PARTS} parts and {LONGEST:,} letters" in plain
    assert f"Channels of `reachable`: {', '.join(f'`{channel}`' for channel in CHANNELS)}." in plain


def test_the_published_schema_is_that_of_the_code() -> None:
    """Made anew by `tessera segment schema > docs/condition.schema.json`."""
    assert json.loads((DOCS / "condition.schema.json").read_text()) == json.loads(msgspec.json.encode(json_schema()))
