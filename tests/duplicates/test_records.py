"""What is compared of a person, and in which form."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tessera.duplicates import records
from tessera.duplicates.records import Record, letters, record_from, script_of, table_of

SOMEBODY = UUID(int=7)


def record(**attributes: object) -> Record:
    return record_from(SOMEBODY, attributes, known=False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("José", "JOSE"),
        ("Núñez", "nunez"),
        ("Семёнов", "семенов"),
        ("O’Brien", "o'brien"),
    ],
)
def test_capitals_and_accents_do_not_matter(one: str, other: str) -> None:
    assert letters(one) == letters(other)


@pytest.mark.parametrize("text", ["Анна", "สมชาย", "José", "Ελένη"])
def test_every_letter_is_one_byte(text: str) -> None:
    found = letters(text)

    assert found is not None
    assert found.isascii()
    assert len(found) == len(text)


def test_letters_of_one_script_stay_apart() -> None:
    cyrillic = "абвгдежзиклмнопрстуфхцчшщъыьэюя"
    thai = "".join(chr(code) for code in range(0x0E01, 0x0E2F))

    assert all(len({letters(letter) for letter in script}) == len(script) for script in (cyrillic, thai))


def test_scripts() -> None:
    assert [script_of(text) for text in ("Ana", "Анна", "สมชาย", "42", None)] == [
        "latin",
        "cyrillic",
        "thai",
        None,
        None,
    ]


def test_the_fields_of_a_record() -> None:
    found = record(
        name="Ana María López",
        email="Ana.Lopez+shop84@Example.com",
        phone="+34 600 111 222",
        dob="1990-05-06",
        address={"postal_code": "28 001", "city": "Madrid", "country": "ES"},
    )

    assert (found.first_name, found.last_name) == ("ana", "lopez")
    assert (found.email_local, found.email_digits, found.email_domain) == ("analopez", None, "example.com")
    assert (found.phone, found.dob, found.postcode, found.city, found.country) == (
        "00111222",
        "1990-05-06",
        "28001",
        "madrid",
        "ES",
    )


def test_a_number_dialled_at_home_and_from_abroad_end_alike() -> None:
    assert record(phone="+447700900123").phone == record(phone="07700900123").phone


def test_the_fingerprint_changes_with_what_is_compared_and_with_nothing_else() -> None:
    ana = record(first_name="Ana", email="ana@example.com")

    assert record(first_name="ANA", email="ana@example.com", plan="gold").fingerprint == ana.fingerprint
    assert record(first_name="Anna", email="ana@example.com").fingerprint != ana.fingerprint


def test_the_fingerprint_cannot_be_made_without_the_key_of_the_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = record(email="ana@example.com").fingerprint
    records._key_of.cache_clear()
    monkeypatch.setenv("TESSERA_SECRET_DUPLICATES", "of another installation")

    assert record(email="ana@example.com").fingerprint != ours
    records._key_of.cache_clear()


def test_a_name_alone_is_not_compared() -> None:
    assert not record(first_name="Ana", last_name="García").comparable
    assert record(first_name="Ana", last_name="García", dob="1990-05-06").comparable
    assert record(email="ana@example.com").comparable


HOSTILE = st.one_of(st.text(), st.none(), st.integers(), st.lists(st.text()), st.dictionaries(st.text(), st.text()))


ATTRIBUTES = ("first_name", "last_name", "name", "email", "phone", "dob", "home_city", "address", "country", "company")


@given(st.dictionaries(st.sampled_from(ATTRIBUTES), HOSTILE))
def test_whatever_people_say_becomes_a_record(attributes: dict[str, object]) -> None:
    found = record_from(SOMEBODY, attributes, known=False)

    assert table_of([found]).num_rows == 1
    assert found.first_name is None or found.first_name.isascii()
    assert len(found.fingerprint) == 16
