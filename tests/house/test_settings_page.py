"""docs/settings.md lists every variable that Tessera reads, with the default that the code has, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tessera.project.leftovers import MARK

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "settings.md").read_text()
VARIABLE = re.compile(r"TESSERA_[A-Z]+(?:_[A-Z]+)*")
NO_DEFAULT_NUMBER = {"TESSERA_HISTORY_MONTHS": "keep all"}
"""What the page says where a 0 stands for something else."""


def sources(folder: str) -> Iterator[ast.AST]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield from ast.walk(ast.parse(path.read_text()))


def called(node: ast.AST, name: str) -> ast.Call | None:
    found = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    return node if found and isinstance(node, ast.Call) else None


def names(folder: str) -> set[str]:
    """Every text that is the name of a variable of ours, whole."""
    texts = {node.value for node in sources(folder) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if VARIABLE.fullmatch(text)}


def secret_names() -> list[str]:
    return [ast.literal_eval(call.args[0]) for node in sources("src") if (call := called(node, "secret"))]


def listed() -> list[tuple[str, str]]:
    """Each row of the page: the variable and its default, bare."""
    return re.findall(r"^\| `(TESSERA_\w+)` \| `?(.*?)`? \|", PAGE, re.MULTILINE)


def test_the_page_lists_every_variable_once_and_no_other() -> None:
    secrets = {f"TESSERA_SECRET_{name.upper().replace('-', '_')}" for name in secret_names()}

    assert sorted(name for name, _ in listed()) == sorted((names("src") | secrets) - {MARK})


def test_the_page_has_the_defaults_of_the_code() -> None:
    calls = [
        call
        for node in sources("src")
        if (call := called(node, "_whole")) and call.args and isinstance(call.args[0], ast.Constant)
    ]
    defaults = {ast.literal_eval(call.args[0]): str(ast.literal_eval(call.args[1])) for call in calls}

    assert defaults["TESSERA_PORT"] == "8000"
    said = dict(listed())
    assert {name: said[name] for name in defaults} == defaults | NO_DEFAULT_NUMBER


def test_the_page_tells_what_only_tests_and_scripts_read() -> None:
    told = set(VARIABLE.findall(PAGE))

    assert sorted((names("tests") | names("scripts")) - told - {"TESSERA_TEST_HOME"}) == []
