"""Nothing of the house's codes is left in what people read: audit trail, refusals, actors, exports, imports."""

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

ROOM = Path(__file__).parents[2] / "src" / "tessera"


def names_in_details() -> set[str]:
    """The keys of what is written as `detail={…}`, and the names handed to the rooms' own `_note` and its kin."""
    found: set[str] = set()
    for module in ROOM.rglob("*.py"):
        source = module.read_text()
        if "audit" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in {"detail", "about"}:
                found |= keys_of(node.value)
            if not isinstance(node, ast.Call):
                continue
            for word in node.keywords:
                if word.arg == "detail":
                    found |= keys_of(word.value)
            if getattr(node.func, "id", "") in {"_note", "_audit", "note"}:
                found |= {word.arg for word in node.keywords if word.arg}
    return found


def keys_of(value: ast.expr) -> set[str]:
    keys = value.keys if isinstance(value, ast.Dict) else []
    return {str(key.value) for key in keys if isinstance(key, ast.Constant)}


def test_every_detail_of_the_audit_trail_has_a_name() -> None:
    from tessera.console.audit_words import _DETAILS

    used = names_in_details()

    assert {"scopes", "erasure", "policy", "pair", "rows"} <= used
    about_whom = {"workspace_id", "profile_id", "actor"}
    assert used - about_whom - set(_DETAILS) == set()


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ({"kind": "till", "allowed_origins": []}, [("clase", "Caja"), ("orígenes web permitidos", "—")]),
        ({"by": "password"}, [("por", "contraseña")]),
        ({"brand_id": 7}, [("marca", "Norte")]),
        ({"source_id": 8, "code": "wrong_type"}, [("fuente", "8"), ("problema", None)]),
        ({"suppress": True, "people": 12345}, [("contactos excluidos", "sí"), ("personas", "12\xa0345")]),
        ({"what": "history", "people": "all"}, [("contenido", "historial"), ("personas", "todas")]),
        ({"status": {"from": "seen", "to": "blocked"}}, [("estado", "Visto → Bloqueado")]),
        ({"declared_type": {"from": None, "to": "number"}}, [("tipo declarado", "— → Número")]),
        ({"attributes": ["first_name", "shoe"]}, [("atributos", "Nombre de pila, shoe")]),
        ({"match": "external:crm"}, [("personas se reconocen", "ID en crm")]),
        ({"type": "parent_of"}, [("tipo de relación", None)]),
        ({"reason": "duplicate review"}, [("motivo", "Encontrado en la revisión de duplicados")]),
    ],
)
def test_details_are_said_in_words(detail: dict[str, Any], said: list[tuple[str, str | None]]) -> None:
    from tessera.console.audit_words import detail_in_words

    with translation.override("es"):
        found = detail_in_words(detail, {"brand_id": {7: "Norte"}})

    assert len(found) == len(said)
    for (name, value), (expected_name, expected) in zip(found, said, strict=True):
        assert expected_name in name
        if expected is None:
            assert not re.search(r"[a-z]_[a-z]", value)
        else:
            assert value == expected


def test_a_kept_report_is_told_in_words_with_its_page() -> None:
    from tessera.console.audit_words import address_of, detail_in_words

    report = "01932a5e-0000-7000-8000-000000000001"
    assert address_of(f"report:{report}", {}) == f"/reports/saved/{report}"
    assert address_of("report:x", {}) == ""
    with translation.override("es"):
        (_, kind), (_, changed) = detail_in_words({"kind": "rfm", "changed": ["request"]})
    assert (kind, changed) == ("Compradores", "lo que se pregunta")


def test_every_reason_to_refuse_a_message_has_words() -> None:
    from tessera.console.words import REFUSALS

    rooms = (ROOM / "events" / "messages.py", *(ROOM / "intake").glob("*.py"))
    source = "\n".join(path.read_text() for path in rooms)
    used = set(re.findall(r'(?:Rejected\(|rejection_of\(row, code=)"(\w+)"', source))

    assert {"missing_identity", "unprocessable"} <= used
    assert used | {"origin_not_allowed"} == set(REFUSALS)


def test_the_house_has_a_name_as_an_actor(desk: Callable[..., Client], workspace_id: int) -> None:
    from tessera.access.actions import record_audit

    record_audit(workspace_id=workspace_id, actor="system", action="create_brand", target="north")
    record_audit(workspace_id=workspace_id, actor="every night", action="find_duplicates", target="run:1")
    client = desk()
    client.cookies["tessera_language"] = "ru"
    page = client.get("/audit").text

    assert "система" in page
    assert "ночной поиск" in page
    assert ">system<" not in page
    assert "every night" not in page


def test_what_was_changed_is_called_by_its_name_and_found_by_its_code(
    desk: Callable[..., Client], workspace_id: int
) -> None:
    from tessera.access import actions

    key = actions.create_api_key(workspace_id=workspace_id, name="crm & <shop>", scopes=["profiles:read"], actor="eva")
    actions.record_audit(workspace_id=workspace_id, actor="eva", action="revoke_api_key", target="api-key:999")
    page = desk("owner").get("/audit").text
    assert "crm &amp; &lt;shop&gt;</a>" in page
    assert f"api-<wbr>key:<wbr>{key.id}<" in page or f"api-key:{key.id}<" in page
    assert page.count("999") == 1


def test_what_a_home_page_says_of_refusals_is_words() -> None:
    from tessera.console.alarms import lines_of
    from tessera.events.alarms import Alarm

    with translation.override("es"):
        (line,) = lines_of([Alarm("refused", source_id=1, number=2, name="missing_identity")], {1: "Web"})

    assert line.what.endswith("no se envió ni userId ni anonymousId.")


def test_types_of_an_exports_columns_are_words() -> None:
    from typing import get_args

    from tessera.console.views.exports import _TYPES
    from tessera.exports.columns import Kind

    assert set(get_args(Kind)) <= set(_TYPES)


@pytest.mark.parametrize("code", ["file_dropped_erased", "file_dropped_unread", "file_dropped_old"])
def test_why_the_file_of_an_import_is_gone_is_said_in_words(code: str) -> None:
    from tessera.console.import_words import STOPPED
    from tessera.imports.records import PROBLEMS

    assert set(STOPPED) == set(PROBLEMS)
    with translation.override("en"):
        assert str(STOPPED[code]) == PROBLEMS[code]
    with translation.override("th"):
        assert str(STOPPED[code]) != PROBLEMS[code]


@pytest.mark.parametrize(("language", "said"), [("en", "−1.5"), ("es", "−1,5"), ("ru", "−1,5"), ("th", "−1.5")])
def test_points_have_the_readers_decimal_sign(language: str, said: str) -> None:
    from tessera.console.waterfall import points

    with translation.override(language):
        assert points(-1.5) == said
        assert points(0.25)[0] == "+"


@pytest.mark.parametrize(("language", "said"), [("en", "10 Nov 2026"), ("es", "10 nov 2026"), ("ru", "10 ноя 2026")])
def test_a_day_is_the_readers(language: str, said: str) -> None:
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from django.utils import timezone

    from tessera.console.templatetags.console import day

    with translation.override(language), timezone.override(ZoneInfo("Asia/Bangkok")):
        assert day(datetime(2026, 11, 9, 20, 0, tzinfo=UTC)) == said
    assert day(None) == "—"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ana@example.com", "ana@example.com"),
        ("long.jessica@example.net", "long.<wbr>jessica@<wbr>example.<wbr>net"),
        ("favourite_category", "favourite_<wbr>category"),
        ("<b>& a_very_long_name_&_more.</b>", "&lt;b&gt;&amp; a_<wbr>very_<wbr>long_<wbr>name_&amp;_more.&lt;/b&gt;"),
    ],
)
def test_long_words_break_after_their_signs_and_stay_harmless(text: str, said: str) -> None:
    from tessera.console.templatetags.console import breakable

    assert breakable(text) == said
