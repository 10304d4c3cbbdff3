"""Conditions in plain words, in each language of the console."""

from typing import Any, get_args
from uuid import UUID

import pytest
from django.utils.translation import override
from hypothesis import given

from factories.conditions import conditions
from tessera.audience.conditions.comparisons import (
    After,
    Anniversary,
    AnyComparison,
    AtLeast,
    AtMost,
    Before,
    Between,
    Contains,
    During,
    EndsWith,
    Equals,
    Has,
    HasAny,
    InLast,
    InLastHours,
    InNext,
    IsSet,
    Less,
    Matches,
    More,
    OneOf,
    StartsWith,
    Version,
)  # fmt: skip
from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.groups import Not
from tessera.audience.conditions.registry import KINDS
from tessera.audience.sentences.comparing import clause_of
from tessera.audience.sentences.sentence import sentence_of
from tessera.audience.sentences.subjects import fact_called
from tessera.audience.text.reader import from_text
from tessera.audience.vocabulary import FACTS

VIPS = UUID(int=7)
TESTS: tuple[Any, ...] = (
    Equals(value=1.5), OneOf(values=("a", 2)), Contains(value="a"), StartsWith(value="a"), EndsWith(value="a"),
    Matches(pattern="a+"), Has(value=True), HasAny(values=("a", "b")), Less(value=1), AtMost(value=1), More(value=1),
    AtLeast(value=1), Between(low=1, high=2), Before(moment="2026-01-31"), After(moment="2026-01-31T10:00:00Z"),
    During(first="2026-01-01", last="2026-01-31"), InLast(days=0), InLast(days=1), InLast(days=30), InNext(days=0),
    InNext(days=2), InLastHours(hours=6), Anniversary(days=0), Anniversary(days=7), IsSet(),
    *(Version(relation=each, value="4.10") for each in ("less", "at_most", "equal", "at_least", "more")),
)  # fmt: skip
EVERY_KIND = """
all(a = 1, b = 2) and (everyone or nobody) and not c is set and @status = "x" and identifier("email") is set
and device() and not device(push = true) and did("A", b > 1) >= 2 in 30 days and not did("A") and sessions() <= 3
and first("A") before 2026-01-31 and last("A") in last 1 day and sum("A", b) > 2 and average("A", b) < 2
and segment("00000000-0000-0000-0000-000000000007") and not segment("00000000-0000-0000-0000-000000000007")
and reachable(email) and reachable(sms) and reachable(push) and not reachable(email) and not reachable(sms)
and not reachable(push) and related("x") and related("x", outgoing) and related("x", incoming)
and home within 10 km of (41.39, 2.17) and not device() and device(app = "x") and not a = 2
and not home within 1 km of (1, 2) and not (a = 1 and b = 2) and not @last_seen_at in last 2 days
"""
LANGUAGES = ("es", "ru", "th")


def said(text: str, language: str) -> str:
    with override(language):
        return sentence_of(from_text(text), {VIPS: "VIPs"})


def kinds_in(condition: Any) -> set[type[Condition]]:
    parts = getattr(condition, "of", ())
    inner = parts if isinstance(parts, tuple) else (parts,)
    return {type(condition)}.union(*(kinds_in(part) for part in inner if isinstance(part, Condition)))


def test_the_examples_below_have_every_kind_and_every_comparison() -> None:
    assert kinds_in(from_text(EVERY_KIND)) == set(KINDS)
    assert {type(test) for test in TESTS} == set(get_args(AnyComparison))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_part_is_said_in_the_language(language: str) -> None:
    """No part is as in English, but for those that are only places."""
    english = [sentence_of(part, {}) for part in parts_of(EVERY_KIND)]
    with override(language):
        translated = [sentence_of(part, {}) for part in parts_of(EVERY_KIND)]
    assert [one for one, other in zip(english, translated, strict=True) if one == other] == []

    clauses = [clause_of("x", test, negated=negated) for test in TESTS for negated in (False, True)]
    with override(language):
        theirs = [clause_of("x", test, negated=negated) for test in TESTS for negated in (False, True)]
    alike = {one for one, other in zip(clauses, theirs, strict=True) if one == other}
    assert alike == set()


def parts_of(text: str) -> tuple[Condition, ...]:
    whole = from_text(text)
    return (*getattr(whole, "of", ()), whole)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fact_has_words(language: str) -> None:
    names = {name: fact_called(name) for name in FACTS}
    with override(language):
        theirs = {name: fact_called(name) for name in FACTS}

    assert len(set(names.values())) == len(FACTS) == len(set(theirs.values()))
    assert [name for name in FACTS if names[name] == theirs[name]] == []


@given(condition=conditions)
def test_whatever_is_drawn_has_a_sentence(condition: Condition) -> None:
    for language in ("en", *LANGUAGES):
        with override(language):
            assert sentence_of(condition, {}), condition
            assert sentence_of(Not(of=condition), {}), condition


EXAMPLES = {
    'did("Order Completed", total > 100.5 and currency = "EUR") >= 2 in 30 days': {
        "en": "did “Order Completed” (total is above 100.5 and currency is “EUR”) at least 2 times in the last 30 days",
        "es": "realizó «Order Completed» (total es mayor que 100,5 y currency es «EUR») al menos 2 veces "
        "en los últimos 30 días",
        "ru": "было событие «Order Completed» (total: больше 100,5 и currency: «EUR») не менее 2 раз "
        "за последние 30 дней",
        "th": "ทำ “Order Completed” (total มากกว่า 100.5 และ currency คือ “EUR”) อย่างน้อย 2 ครั้ง ในช่วง 30 วันที่ผ่านมา",
    },
    'country = "ES" or (plan is not set and not segment("00000000-0000-0000-0000-000000000007"))': {
        "en": "country is “ES” or (plan has no value and is not in the segment “VIPs”)",
        "es": "país es «ES» o (plan no tiene valor y no está en el segmento «VIPs»)",
        "ru": "страна: «ES» или (plan: значения нет и не входит в сегмент «VIPs»)",
        "th": "ประเทศ คือ “ES” หรือ (plan ไม่มีค่า และ ไม่อยู่ในเซกเมนต์ “VIPs”)",
    },
    "@last_seen_at in last 21 days and @created_at before 2026-01-31": {
        "en": "the last activity: in the last 21 days and the day they became known: before Jan. 31, 2026",
        "es": "la última actividad: en los últimos 21 días y el día en que se le conoció: antes del "
        "31 de enero de 2026",
        "ru": "последняя активность: за последний 21 день и день появления в базе: до 31 января 2026 г.",
        "th": "กิจกรรมล่าสุด: ในช่วง 21 วันที่ผ่านมา และ วันที่เริ่มรู้จัก: ก่อน 31 มกราคม 2026",
    },
}


@pytest.mark.parametrize("text", EXAMPLES)
@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_sentences_as_they_are_read(text: str, language: str) -> None:
    assert said(text, language) == EXAMPLES[text][language]


def test_a_percent_sign_is_no_placeholder() -> None:
    assert said('"100%(x)s" = "50%" and did("%d")', "es") == '"100%(x)s" es «50%» y realizó «%d»'


def test_standard_attributes_are_called_as_everywhere_and_properties_as_they_are_written() -> None:
    condition = from_text('first_name = "Ana" and did("Order Completed", country = "ES" and title = "Tea")')

    with override("en"):
        said = sentence_of(condition, {})
        assert said == "first name is “Ana” and did “Order Completed” (country is “ES” and title is “Tea”)"
