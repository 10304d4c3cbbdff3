"""The look of masks, and what they leave alone."""

import time

import pytest

from tessera.profiles.mask_looks import covered, looks_like_phone, masked_email, masked_phone, shortened
from tessera.profiles.masking import Mask


@pytest.mark.parametrize(
    ("text", "look"),
    [
        ("ana@example.com", "a•••@e•••.com"),
        ("ana.lee+shop@mail.example.co.uk", "a•••@m•••.uk"),
        ("an@x.org", "•••@•••.org"),
        ("ana%40example.com", "a•••@e•••.com"),
        ("nonsense@", "•••"),
        ("0199c0de-7a3b-7c4d-8e5f-0a1b2c3d4e5f@localhost", "0199c0de-7a3b-7c4d-8e5f-0a1b2c3d4e5f@localhost"),
    ],
)
def test_emails(text: str, look: str) -> None:
    assert masked_email(text) == look


def test_phones_and_words() -> None:
    assert masked_phone("+34 600 111 222") == "•••• 222"
    assert masked_phone("12345") == "•••"
    assert (shortened("Ana"), shortened("Li"), shortened("")) == ("A•••", "•••", "•••")
    assert [covered(value) for value in (None, "", "Ana", 7, True, {"a": 1})] == [None, "", "A•••", "•••", "•••", "•••"]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        *((text, True) for text in ("+34600111222", "600 111 222", "(91) 555-01-23", "600111222", "+1 212 555 0100")),
        *((text, False) for text in ("2026-11-22", "25.90", "1234567.89", "12345678", "o-1001", "4711", "", "1/2")),
    ],
)
def test_what_looks_like_a_phone(text: str, is_one: bool) -> None:
    assert looks_like_phone(text) is is_one


def test_what_is_not_personal_stays() -> None:
    body = {
        "type": "track",
        "event": "Order Completed",
        "userId": "4711",
        "timestamp": "2026-11-20T17:40:11Z",
        "properties": {"name": "Blue shirt", "price": 25.9, "sku": "S-1", "city": "Madrid", "gifts": [1, True, None]},
        "context": {"page": {"url": "https://shop.example/shirts?size=M"}, "timezone": "Europe/Madrid"},
    }

    assert Mask(known=["Ana"]).body(body, event="Order Completed") == body


def test_what_the_catalogue_flags_is_masked_where_it_is_flagged() -> None:
    mask = Mask(frozenset({("property", "Quiz Done", "answer"), ("attribute", "", "shoe_size")}))

    assert mask.body({"properties": {"answer": "blue"}}, event="Quiz Done") == {"properties": {"answer": "b•••"}}
    assert mask.body({"properties": {"answer": "blue"}}, event="Other") == {"properties": {"answer": "blue"}}
    assert mask.body({"traits": {"shoeSize": 42}}) == {"traits": {"shoeSize": "•••"}}
    assert mask.attributes({"shoe_size": 42, "plan": "pro"}) == {"shoe_size": "•••", "plan": "pro"}


def test_a_known_value_is_a_word_and_not_a_part_of_one() -> None:
    mask = Mask(known=["Ana"])

    assert mask.text("Ana ate a banana with ANA’s_spoon") == "A••• ate a banana with A•••’s_spoon"


def test_a_house_record_keeps_the_colleague_and_hides_the_customer() -> None:
    evidence = {"actor": "clerk@example.com", "linked": [["email", "ana@example.com"], ["user_id", "7"]]}

    assert Mask().body(evidence, by_the_house=True) == {
        "actor": "clerk@example.com",
        "linked": [["email", "a•••@e•••.com"], ["user_id", "7"]],
    }


@pytest.mark.parametrize("text", ["a" * 200_000 + " @", "a@" * 50_000, "+1 " * 60_000, "a.b" * 60_000 + "@"])
def test_hostile_text_takes_no_longer_than_its_length(text: str) -> None:
    started = time.process_time()
    Mask(known=["aaa"]).text(text)
    whole = time.process_time() - started
    started = time.process_time()
    Mask(known=["aaa"]).text(text[: len(text) // 8])
    part = time.process_time() - started

    assert whole < 40 * part + 0.5  # eight times the text; a square would be sixty-four times
