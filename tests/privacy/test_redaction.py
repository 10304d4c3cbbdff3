"""What names a person is found however it is spelled, and nothing else is blotted out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tessera.foundation.redaction import ERASED, Redactor

ANA = Redactor(["ana@example.com", "+34600111222", "Ana Lee", "7", "user-4711"])


@pytest.mark.parametrize(
    "text",
    [
        "mail ANA@example.com now",
        '{"email":"ana\\u0040example.com"}',
        "call 600 111 222",
        "call +34 (600) 111-222",
        "call 0600111222",
        "ana lee said",
        '"note":"rang\\nana@example.com."',
        '"user-4711"',
    ],
)
def test_it_is_found(text: str):
    assert ANA.found_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "mary.ana@example.com",
        "ana@example.com.au",
        "banana leeks",
        "room 7",
        "user-47115",
        "600 111 223",
        "+34 600 111 2223",
    ],
)
def test_it_is_not_found(text: str):
    assert not ANA.found_in(text)


def test_documents_are_blotted_leaf_by_leaf():
    document = {"userId": "user-4711", "n": 7, "id": "7", "note": "Ana Lee rang 600 111 222", "list": ["x", "Ana lee"]}
    assert ANA.document(document) == {
        "userId": ERASED,
        "n": 7,
        "id": ERASED,
        "note": f"{ERASED} rang {ERASED}",
        "list": ["x", ERASED],
    }


AROUND = st.text(max_size=60, alphabet=st.characters(exclude_characters="\\", exclude_categories=["Cs"]))


@given(AROUND, st.from_regex(r"[a-z+][a-z0-9@.+_ -]{4,12}", fullmatch=True), AROUND)
def test_nothing_is_left_after_blotting(before: str, value: str, after: str):
    redactor = Redactor([value])
    blotted = redactor.text(f"{before} {value} {after}")
    assert not redactor.found_in(blotted)


def test_names_of_fields_stay_unless_they_are_a_contact():
    mallory = Redactor(["profile", "m@evil.example", "+34600111222"])
    document = {"profile": "profile", "m@evil.example": 1, "600 111 222": 2, "scopes": ["profile"]}
    assert mallory.document(document, keep=frozenset({"scopes"})) == {
        "profile": ERASED,
        ERASED: 2,
        "scopes": ["profile"],
    }
