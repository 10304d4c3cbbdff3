"""Taking fields out of stored messages leaves the rest byte for byte."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tessera.events.bodies import text_without_write_key, without, without_write_key
from tessera.events.personal import looks_personal

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


def test_the_write_key_goes_and_nothing_else_changes() -> None:
    body = b'{"type":"track","n":1.10,"huge":123456789012345678901234567890,"writeKey":"twk_secret","u":"\\u00e9"}'

    assert without_write_key(body) == b'{"type":"track","n":1.10,"huge":123456789012345678901234567890,"u":"\\u00e9"}'


def test_the_write_key_goes_from_the_torn_beginning_of_a_message() -> None:
    assert text_without_write_key('{"writeKey": "twk_secret", "type": "tr') == '{"writeKey": "…", "type": "tr'
    assert text_without_write_key('{"writeKey":"twk_sec') == '{"writeKey":"…'


@given(
    outer=st.dictionaries(st.text(), VALUES, max_size=3),
    traits=st.dictionaries(st.sampled_from(["a", "b", "c", 'q"', "é"]), VALUES) | VALUES,
    taken=st.sets(st.sampled_from(["a", "b", 'q"', "z"])),
)
def test_taking_out_is_what_it_is_on_the_decoded_message(
    outer: dict[str, object], traits: object, taken: set[str]
) -> None:
    message = {**outer, "context": {"traits": traits, "page": {"a": 1}}}

    found = msgspec.json.decode(without(json_of(message), [(("context", "traits"), taken), (("nowhere",), taken)]))

    left = {name: value for name, value in traits.items() if name not in taken} if isinstance(traits, dict) else traits
    assert json_of(found) == json_of({**outer, "context": {"traits": left, "page": {"a": 1}}})


def json_of(value: object) -> bytes:
    import json

    return json.dumps(value, sort_keys=True).encode()


@pytest.mark.parametrize(
    ("kind", "name", "example"),
    [
        ("attribute", "name", ""),
        ("attribute", "E-mail", ""),
        ("property", "billing_email", ""),
        ("property", "fechaNacimiento", ""),
        ("attribute", "Apellidos", ""),
        ("attribute", "телефон", ""),
        ("attribute", "Дата рождения", ""),
        ("attribute", "ชื่อ", ""),
        ("property", "client_ip", ""),
        ("property", "note", "call ana@example.com"),
        ("property", "contact", "+34 600 111 222"),
        ("property", "seen_from", "203.0.113.7"),
        ("property", "seen_from", "2001:db8::1"),
        ("attribute", "home", '{"contact":"ana@example.com"}'),
    ],
)
def test_personal_data_is_recognised_by_name_and_by_value(kind: str, name: str, example: str) -> None:
    assert looks_personal(kind, name, example)


@pytest.mark.parametrize(
    ("kind", "name", "example"),
    [
        ("event", "Email Opened", "ana@example.com"),
        ("property", "name", "Blue shirt"),
        ("property", "product_name", "Shirt"),
        ("property", "total", "34600111222"),
        ("property", "version", "1.2.3"),
        ("property", "took", "10:20:30"),
        ("property", "plan", "pro"),
        ("property", "price", "12.50"),
        ("property", "on", "2026-11-22"),
    ],
)
def test_what_is_not_personal_is_left_alone(kind: str, name: str, example: str) -> None:
    assert not looks_personal(kind, name, example)
