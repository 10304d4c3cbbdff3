"""The two forms of a condition, and what is said of those that are none."""

import json

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from tessera.audience.conditions.comparisons import After, Before, During, IsSet
from tessera.audience.conditions.known import Attribute
from tessera.audience.conditions.patterns import InvalidPattern, portable
from tessera.audience.conditions.registry import InvalidCondition, from_json, json_schema, to_json
from tessera.audience.sentences.sentence import sentence_of
from tessera.audience.text.lexer import InvalidText
from tessera.audience.text.reader import from_text
from tessera.audience.text.writer import to_text

LONG = (
    'country = "ES" and did("Order Completed", total > 100) >= 2 in 30 days and not did("Refund Requested") in 60 days'
)


def test_the_text_means_this_json() -> None:
    assert json.loads(to_json(from_text(LONG))) == {
        "version": 1,
        "condition": {
            "is": "and",
            "of": [
                {"is": "attribute", "path": ["country"], "test": {"op": "equals", "value": "ES"}},
                {
                    "is": "did",
                    "event": "Order Completed",
                    "where": [{"path": ["total"], "test": {"op": "more", "value": 100.0}, "negated": False}],
                    "when": {"op": "in_last", "days": 30},
                    "times": {"relation": "at_least", "number": 2},
                },
                {
                    "is": "not",
                    "of": {
                        "is": "did",
                        "event": "Refund Requested",
                        "where": [],
                        "when": {"op": "in_last", "days": 60},
                        "times": {"relation": "at_least", "number": 1},
                    },
                },
            ],
        },
    }


@pytest.mark.parametrize(
    "text",
    [
        LONG,
        'a = 1 or b = 2 and c != "x"',
        "(a = 1 or b = 2) and c is not set",
        "a = 1 and (b = 2 and c = 3)",
        'not (a = 1 or b = true) and "odd name"."and so" not in ("x", 2)',
        '"in" = 1 and in_stock = true',
        'app_version < version "4.10.2" and x != version "1" and device(app_version >= version "2")',
        "current_location within 10 km of (41.39, -2.17)",
        'reachable(email) and not reachable(push) and did("x") in 6 hours and @last_seen_at in last 48 hours',
        'tags has any ("vip", 2, true)',
        'related("household") and not related("referred_by", outgoing) or related("referred_by", incoming)',
        "everyone",
        "nobody",
        "all(nobody)",
        r'note contains "a \"b\" \\ c" and x = "tab\t"',
        'did("A", not name contains "x" and total != 5) <= 3 from 2026-01-01 to 2026-01-31T12:00:00Z',
    ],
)
def test_what_is_written_is_read_as_it_was(text: str) -> None:
    assert to_text(from_text(text)) == text


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (
            'products[].name = "x" and not did("A", b[].c in ("x", 2) and d[].e != 1)',
            'products[].name has "x" and not did("A", b[].c has any ("x", 2) and not d[].e has 1)',
        ),
        ("a=1 # a remark\n  and b=2", "a = 1 and b = 2"),
        ('did("x") > 2', 'did("x") >= 3'),
        ('did("x") < 2', 'did("x") <= 1'),
        ("((a = 1))", "a = 1"),
        ("not a = 1", "a != 1"),
        ("a = 1.50 and b = 1e3", "a = 1.5 and b = 1000"),
    ],
)
def test_what_may_be_written_in_other_ways(text: str, same: str) -> None:
    assert to_text(from_text(text)) == same


@pytest.mark.parametrize(
    ("text", "line", "column", "why"),
    [
        ("", 1, 1, "a condition is expected; the text ends here"),
        ("country =", 1, 10, "a value is expected"),
        ('a = 1\nand did("x" and b = 1)', 2, 13, "')' is expected; here is 'and'"),
        ("a = 1 b = 2", 1, 7, "'and', 'or' or the end is expected; here is 'b'"),
        ("@nothing = 1", 1, 1, "there is no fact 'nothing'"),
        ('a matches "(b"', 1, 3, "a group is not closed"),
        ('did("x") >= 1.5', 1, 13, "a whole number is expected"),
        ('did("x") < 0', 1, 10, "fewer than zero"),
        ("a ~ 1", 1, 3, "'~' means nothing here"),
        ('a = "open', 1, 5, "this text is not closed"),
        ("wid(1)", 1, 1, "there is no wid(…)"),
        ('segment("VIP")', 1, 9, "there is no segment 'VIP'"),
        ("a between 5 and 1", 1, 3, "the low end is above the high end"),
        ("a before 2026-13-01", 1, 3, "2026-13-01"),
        ('last("x") = 5', 1, 11, ""),
        ('device(color = "red")', 1, 1, "a device has no 'color'"),
        ('related("x", both)', 1, 14, "'outgoing' or 'incoming' is expected"),
        ("a = 1 and dob in last 5000 days", 1, 15, "at most 3,660 is expected"),
        ('a = 1 and city contains ""', 1, 16, "this may not be empty"),
        ('did("x", b contains "") and a = 1', 1, 12, "this may not be empty"),
        ("a within 0 km of (1, 2)", 1, 1, "more than 0 is expected"),
        ("reachable(fax)", 1, 11, "a channel is expected (email, sms, push)"),
        ('a < version "one"', 1, 3, "a version is numbers between points"),
        ("a contains version", 1, 12, 'a "text" is expected'),
        ("a within 5 miles of (1, 2)", 1, 12, "'km' is expected"),
        ('first("x") in last 5 weeks', 1, 22, "'days' or 'hours' is expected; here is 'weeks'"),
    ],
)
def test_errors_point_at_the_place(text: str, line: int, column: int, why: str) -> None:
    with pytest.raises(InvalidText) as caught:
        from_text(text)

    assert (caught.value.line, caught.value.column) == (line, column)
    assert why in caught.value.why
    assert caught.value.hint.split("\n")[1].index("^") == column - 1


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"version": 1, "condition": {"is": "and", "of": [{"is": "wish"}]}}, "$.condition.of[0].is"),
        ({"version": 1, "condition": {"is": "did", "event": ""}}, "$.condition.event"),
        ({"version": 1, "condition": {"is": "sessions", "times": {"number": -1}}}, "$.condition.times.number"),
        ({"version": 1, "condition": {"is": "nothing", "extra": 1}}, "$.condition.is"),
        ({"version": 1, "condition": {"is": "sessions", "extra": 1}}, "$.condition"),
        ({"version": 2, "condition": {"is": "sessions"}}, "version 2"),
    ],
)
def test_what_is_wrong_with_json_is_said_with_its_place(document: object, place: str) -> None:
    with pytest.raises(InvalidCondition) as caught:
        from_json(json.dumps(document))

    assert place in str(caught.value)


def test_a_condition_has_bounds() -> None:
    deep = "not " * 60 + "a = 1"
    wide = " or ".join(["a = 1"] * 101)
    nested: dict[str, object] = {"is": "sessions"}
    for _ in range(5_000):
        nested = {"is": "not", "of": nested}

    for text in (deep, wide, "(" * 10_000, "a = 1 " * 10_000):
        with pytest.raises((InvalidText, InvalidCondition)):
            from_text(text)
    with pytest.raises(InvalidCondition):
        from_json('{"version": 1, "condition": ' + '{"is": "not", "of": ' * 5_000 + "{}" + "}" * 5_000 + "}")


def test_the_schema_names_every_kind() -> None:
    schema = json.dumps(json_schema())

    for kind in (
        "and",
        "or",
        "not",
        "attribute",
        "fact",
        "identifier",
        "device",
        "did",
        "total",
        "sessions",
        "segment",
        "near",
        "related",
        "reachable",
        "version",
        "in_last_hours",
    ):
        assert f'"const": "{kind}"' in schema or f'"enum": ["{kind}"]' in schema, kind


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        (r"\d{2,3}", "[0-9]{2,3}"),
        ("a.b", r"a[^\n]b"),
        (r"[\w-]+@\w", r"[\-0-9A-Z_a-z]+@[0-9A-Z_a-z]"),
        ("(?i)^ana1$", "^[Aa][Nn][Aa]1$"),
        ("(?i)[^b-dä]", "[^B-Db-dÄä]"),
        ("[a&&b]", r"[\&a-b]"),
        (r"a\.b|c", r"a\.b|c"),
    ],
)
def test_a_pattern_is_written_for_every_engine(pattern: str, written: str) -> None:
    assert portable(pattern) == written


@pytest.mark.parametrize(
    "pattern",
    [
        "(a", "a)", "[a", "*a", "a**", "(?P<x>a)", "(?=a)", r"\1", r"\bword", "a{101}", r"\p{L}", "a{", r"[\D]",
        "[[:alpha:]]", "a\\", "[z-a]", r"[a-\d]", "(a{100}){100}", "(((a{20}){20}){20}){20}", "(?i)[\x01-\U0010ffff]",
    ],
)  # fmt: skip
def test_what_engines_read_differently_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern):
        portable(pattern)


@pytest.mark.parametrize(
    "within", ["--a", "+--", "]a", "^]a", "a-", "-a", "0-9-z", r"\w-.", r"\d-z", "Z-a", "^^", r"!-~", "a^b"]
)
def test_a_class_has_the_letters_that_re2_sees(within: str) -> None:
    letters = [chr(code) for code in range(1, 300)]

    written, plain = (re2.compile(pattern) for pattern in (portable(f"[{within}]"), f"[{within}]"))

    assert [each for each in letters if written.search(each)] == [each for each in letters if plain.search(each)]


@pytest.mark.parametrize("said", ["2026-W05-1", "2026-01-31 12:00", "2026-01-31T12:00+0200", " 2026-01-31 "])
def test_a_moment_that_the_text_form_does_not_read_is_written_as_one_that_it_does(said: str) -> None:
    for asked in (Before(moment=said), After(moment=said), During(first=said, last="2026-03-01")):
        condition = Attribute(path=("born",), test=asked)
        again = from_text(to_text(from_json(to_json(condition))))
        assert isinstance(again, Attribute)
        assert again.test.span(0) == asked.span(0)


@pytest.mark.parametrize("path", [("[]",), ("[]", "name"), ("a", "[]", "[]"), ("",), ("a", ""), ("in", "[]", "in")])
def test_any_path_is_written_and_read_again(path: tuple[str, ...]) -> None:
    condition = Attribute(path=path, test=IsSet())
    assert from_text(to_text(condition)) == condition
    assert sentence_of(condition, {})


PIECES = (
    "a", '"b"', "did", "(", ")", ",", "and", "or", "not", "=", "!=", "<", ">=", "in", "last", "next", "30", "days",
    "1.5",
    "2026-01-01", "is", "set", "before", "@", "status", ".", "[]", "sum", "first", "device", "matches", '"(x"', "has",
    "between", "true", "everyone", "all", "segment", "#", "\n", "é", "\0", '"', "-", "1e999", "anniversary", "from",
    "to", "version", "within", "km", "of", "reachable", "email", "hours",
)  # fmt: skip


@settings(max_examples=500)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join)))
def test_whatever_is_typed_is_a_condition_or_is_told_where_it_is_none(text: str) -> None:
    try:
        condition = from_text(text)
    except (InvalidText, InvalidCondition):
        return
    assert from_text(to_text(condition)) == condition


@settings(max_examples=300)
@given(st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.floats(allow_nan=False)),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                        st.sampled_from(("is", "of", "version", "condition", "path", "test", "op", "value", "event")),
                        inner, max_size=4), max_leaves=10))  # fmt: skip
def test_whatever_json_is_sent_is_a_condition_or_is_told_where_it_is_none(document: object) -> None:
    for sent in (document, {"version": 1, "condition": document}):
        try:
            condition = from_json(json.dumps(sent))
        except InvalidCondition:
            continue
        assert from_json(to_json(condition)) == condition
