"""The judgement of one message, on whatever bytes come: an answer, never an accident."""

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tessera.events.messages import (
    MAX_DEPTH,
    Message,
    Rejected,
    cut_depths,
    decode_message,
    depth_of,
    mend_lone_surrogates,
    parse_message,
    parse_time,
)
from tessera.foundation.clock import to_datetime, to_micros

FIELDS = [
    "type", "messageId", "userId", "anonymousId", "previousId", "groupId", "event", "name", "category", "properties",
    "traits", "context", "integrations", "timestamp", "originalTimestamp", "sentAt", "else",
]  # fmt: skip
text_with_halves = st.text(st.characters(exclude_categories=()), max_size=20)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text_with_halves | st.sampled_from(["track", "identify"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text_with_halves, inner, max_size=4),
    max_leaves=10,
)
objects = st.dictionaries(st.sampled_from(FIELDS), values, max_size=8)


def judged(raw: bytes, expected_type: str | None) -> Message | Rejected:
    try:
        return parse_message(raw, expected_type=expected_type)
    except Rejected as refusal:
        return refusal


@given(raw=st.binary() | objects.map(lambda value: json.dumps(value).encode()), kind=st.sampled_from([None, "track"]))
def test_any_bytes_are_judged(raw: bytes, kind: str | None) -> None:
    verdict = judged(raw, kind)

    if isinstance(verdict, Rejected):
        assert verdict.code
        assert verdict.detail
    else:
        assert json.loads(raw) is not None
        assert raw.decode()


@given(value=objects, cut=st.integers(0, 400), stray=st.binary(max_size=3))
def test_damaged_messages_are_judged(value: dict[str, Any], cut: int, stray: bytes) -> None:
    raw = json.dumps(value, ensure_ascii=True).encode()
    damaged = raw[:cut] + stray + raw[cut:]

    assert isinstance(judged(damaged, "track"), Message | Rejected)


@given(value=values)
def test_mended_json_always_decodes(value: Any) -> None:
    raw = json.dumps(value).encode()

    mended = mend_lone_surrogates(raw)

    assert json.dumps(json.loads(mended)) == json.dumps(_mended(json.loads(raw)))
    mended.decode()
    assert not _HALF.search(_PAIR.sub(b"", mended))


_HALF = re.compile(rb"\\ud[89a-f]")
_PAIR = re.compile(rb"\\ud[89ab]..\\ud[c-f]..|\\\\")


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _replace_halves(value)
    if isinstance(value, list):
        return [_mended(one) for one in value]
    if isinstance(value, dict):
        return {_replace_halves(key): _mended(one) for key, one in value.items()}
    return value


def _replace_halves(text: str) -> str:
    return "".join("\ufffd" if 0xD800 <= ord(letter) <= 0xDFFF else letter for letter in text)


@given(text=st.text())
def test_whole_text_is_not_touched(text: str) -> None:
    for raw in (json.dumps(text).encode(), json.dumps(text, ensure_ascii=False).encode()):
        assert mend_lone_surrogates(raw) == raw


@pytest.mark.parametrize(
    ("raw", "mended"),
    [
        (rb'"\ud83d"', rb'"\ufffd"'),
        (rb'"\uD83D\ude00"', rb'"\uD83D\ude00"'),
        (rb'"\ud83d\ud83d\ude00\ude00"', rb'"\ufffd\ud83d\ude00\ufffd"'),
        (rb'"\\ud83d"', rb'"\\ud83d"'),
        (rb'"\\\ud83d"', rb'"\\\ufffd"'),
        (rb'"\\\\\ude00"', rb'"\\\\\ufffd"'),
    ],
)
def test_halves_are_told_from_text_about_them(raw: bytes, mended: bytes) -> None:
    assert mend_lone_surrogates(raw) == mended


@given(value=values)
def test_depth_is_what_a_reader_would_count(value: Any) -> None:
    assert depth_of(json.dumps(value).encode()) == _depth(value)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


@given(value=values, below=st.integers(1, 3))
def test_cutting_depths_keeps_what_is_above(value: Any, below: int) -> None:
    raw = json.dumps(value).encode()

    assert json.dumps(json.loads(cut_depths(raw, below=below))) == json.dumps(_cut(json.loads(raw), below))


def _cut(value: Any, below: int) -> Any:
    if isinstance(value, dict | list) and below == 0:
        return None
    if isinstance(value, dict):
        return {key: _cut(one, below - 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_cut(one, below - 1) for one in value]
    return value


@pytest.mark.parametrize("kind", [b"[", b'{"a":'])
def test_the_deepest_message_that_is_taken(kind: bytes) -> None:
    def nested(depth: int) -> bytes:
        closing = b"]" if kind == b"[" else b"}"
        return b'{"userId":"u","event":"e","properties":{"a":%s1%s}}' % (kind * (depth - 2), closing * (depth - 2))

    assert isinstance(judged(nested(MAX_DEPTH), "track"), Message)
    refusal = judged(nested(MAX_DEPTH + 1), "track")
    assert isinstance(refusal, Rejected)
    assert refusal.code == "nested_too_deep"


@given(moment=st.datetimes(timezones=st.just(UTC)))
def test_every_moment_is_read_back(moment: datetime) -> None:
    assert parse_time(moment.isoformat()) == to_micros(moment)
    assert to_datetime(parse_time(moment.isoformat())) == moment
    assert parse_time(moment.replace(tzinfo=None).isoformat()) == to_micros(moment)
    assert parse_time(moment.date().isoformat()) == to_micros(datetime.combine(moment.date(), datetime.min.time(), UTC))


@given(text=st.text() | st.text("0123456789-:TZz.+ W", max_size=30))
def test_any_text_is_a_moment_or_not(text: str) -> None:
    with suppress(Rejected):
        assert to_datetime(parse_time(text)).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2024-05-01T10:00:00+02:00", "2024-05-01T08:00:00Z"),
        ("2024-05-01t08:00:00z", "2024-05-01T08:00:00Z"),
        (" 2024-05-01 08:00 ", "2024-05-01T08:00:00Z"),
        ("2024-05-01T08:00:00.123456999Z", "2024-05-01T08:00:00.123456Z"),
        ("20240501T080000Z", "2024-05-01T08:00:00Z"),
    ],
)
def test_ways_to_write_a_moment(text: str, same: str) -> None:
    assert parse_time(text) == parse_time(same)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "10000-01-01", "-0001-01-01"]
)
def test_moments_outside_the_calendar_are_refused(text: str) -> None:
    with pytest.raises(Rejected) as refusal:
        parse_time(text)
    assert refusal.value.code == "invalid_timestamp"


def test_a_message_is_judged_as_it_is_decoded() -> None:
    raw = b'{"type":"track","userId":"u","event":"e","timestamp":"2024-01-01","x":1}'

    assert parse_message(raw) == decode_message(raw)


def test_a_string_that_never_ends_is_not_scanned_from_each_of_its_quotes():
    """Quadratic work here would take minutes: an attacker needs no key for it."""
    for tail in (b'\\"' * 240_000, b'\\"' * 240_000 + b"\\", b'"' * 250_001):
        assert len(cut_depths(b'{"a":' + b"[" * 3000 + b'"' + tail, below=64)) == 5 + 63
        assert depth_of(b'{"a":["' + tail) == 2
