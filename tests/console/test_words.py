"""Every text of the console is there in every language, and each has its placeholders."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOMS = Path(__file__).parents[2] / "src" / "tessera"
CATALOGS = ROOMS / "locale"
CALLS = {"_", "gettext", "gettext_lazy", "ngettext"}
CALLS_IN_CONTEXT = {"pgettext", "pgettext_lazy"}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")


def texts() -> set[str]:
    """What templates and Python hand to gettext."""
    found: set[str] = set()
    for template in (ROOMS / "console").rglob("*.html"):
        found |= set(of_template(template))
    for module in ROOMS.rglob("*.py"):
        source = module.read_text()
        if "gettext" in source:
            found |= set(called(source))
    return found


def of_template(template: Path) -> Iterator[str]:
    """By Django's own reading of a template for extraction: calls of gettext between what is not text."""
    from django.utils.translation.template import templatize

    written = templatize(template.read_text(), origin=str(template))
    text = r"u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    for literal in re.findall(rf"(?:\bn?gettext|\b_)\({text}", written):
        yield str(ast.literal_eval(literal))
    for literals in re.findall(rf"\bn?pgettext\({text}, *{text}", written):
        yield "\x04".join(str(ast.literal_eval(literal)) for literal in literals)


def called(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name, literals = getattr(node.func, "id", ""), [one.value for one in node.args if isinstance(one, ast.Constant)]
        if name in CALLS and literals and isinstance(literals[0], str):
            yield literals[0]
        elif name in CALLS_IN_CONTEXT:
            yield "\x04".join(str(literal) for literal in literals[:2])


@pytest.mark.parametrize("language", ["es", "ru", "th"])
def test_nothing_is_left_in_english(language: str) -> None:
    from tessera.project.catalogs import entries

    known = {key.split("\0")[0] for key, _ in entries(CATALOGS / language / "LC_MESSAGES" / "django.po")}
    wanted = texts()

    assert len(wanted) > 200
    assert wanted - known == set()
    assert known - wanted - {""} == set()


@pytest.mark.parametrize("language", ["es", "ru", "th"])
def test_placeholders_survive_translation(language: str) -> None:
    from tessera.project.catalogs import entries

    for key, text in entries(CATALOGS / language / "LC_MESSAGES" / "django.po"):
        forms, translated = key.split("\0"), text.split("\0")
        if key:
            assert set(PLACEHOLDER.findall(translated[-1])) == set(PLACEHOLDER.findall(forms[-1])), key


def test_a_compiled_catalog_is_read_by_gettext(tmp_path: Path) -> None:
    import gettext

    from tessera.project.catalogs import compiled

    folder = tmp_path / "from" / "es" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.po").write_text(
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
        '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
        '# a comment\nmsgid "Home"\nmsgstr "Inicio"\n\n'
        'msgid "one"\nmsgid_plural "many"\nmsgstr[0] "uno"\nmsgstr[1] "mu"\n"chos"\n\n'
        '#, fuzzy\nmsgid "Perhaps"\nmsgstr "Quizá"\n\nmsgid "Later"\nmsgstr ""\n'
    )

    spanish = gettext.translation("django", str(compiled(tmp_path / "from", tmp_path / "to")), ["es"])

    assert [spanish.gettext(text) for text in ("Home", "Perhaps", "Later")] == ["Inicio", "Perhaps", "Later"]
    assert [spanish.ngettext("one", "many", number) for number in (1, 2)] == ["uno", "muchos"]


def test_russian_chooses_among_three_forms(tmp_path: Path) -> None:
    import gettext

    from tessera.project.catalogs import compiled

    header = (CATALOGS / "ru" / "LC_MESSAGES" / "django.po").read_text().split("\n\n")[0]
    folder = tmp_path / "from" / "ru" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.po").write_text(
        header + '\n\nmsgid "day"\nmsgid_plural "days"\nmsgstr[0] "день"\nmsgstr[1] "дня"\nmsgstr[2] "дней"\n'
    )

    russian = gettext.translation("django", str(compiled(tmp_path / "from", tmp_path / "to")), ["ru"])

    assert [russian.ngettext("day", "days", n) for n in (1, 2, 5, 11, 14, 21, 22, 112, 0)] == [
        "день",
        "дня",
        "дней",
        "дней",
        "дней",
        "день",
        "дня",
        "дней",
        "дней",
    ]


def test_a_broken_catalog_is_named(tmp_path: Path) -> None:
    from tessera.project.catalogs import MalformedCatalog, entries

    path = tmp_path / "django.po"
    path.write_text('msgid "Home\nmsgstr "x"\n')

    with pytest.raises(MalformedCatalog, match=r"django\.po"):
        list(entries(path))
