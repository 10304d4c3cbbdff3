"""Passkeys, with a security key in software that is as strict as a real one and cheats where a test asks it to."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from webauthn.helpers import base64url_to_bytes

from factories.authenticator import Authenticator
from tessera.access import actions, passkeys, queries, staffing
from tessera.access.staffing import By
from tessera.foundation.errors import NotFound, TesseraError
from tessera.foundation.settings import settings

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HERE = "https://console.example"
OWNER = By("owner@example.com", makes_owners=True, sees_pii=True)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TESSERA_CONSOLE_URL", HERE)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def ana(here: None, workspace_id: int) -> UUID:
    actions.create_staff(email="ana@example.com", role="owner", workspace_id=workspace_id)
    found = queries.staff_by_email("ana@example.com")
    assert found is not None
    return found.account_id


def register(account_id: UUID, key: Authenticator, *, name: str = "My laptop") -> list[str]:
    options, challenge = passkeys.registration_options(account_id, "ana@example.com")
    return passkeys.add_passkey(account_id, answer=key.create(options), challenge=challenge, name=name, now=NOON)


def prove(key: Authenticator, account_id: UUID | None = None) -> UUID:
    options, challenge = passkeys.authentication_options(account_id)
    return passkeys.account_by_passkey(key.get(options), challenge=challenge, now=NOON)


def test_a_passkey_says_whose_it_is(ana: UUID) -> None:
    key = Authenticator(HERE)

    codes = register(ana, key)

    assert len(codes) == 10
    assert prove(key) == ana
    assert prove(key, ana) == ana
    (facts,) = queries.factors_of(ana).passkeys
    assert (facts.name, facts.last_used_at) == ("My laptop", NOON)


@pytest.mark.parametrize(
    "key",
    [Authenticator("https://console.example.evil.example"), Authenticator(HERE, verifies=False)],
    ids=["another site", "nobody was verified"],
)
def test_what_proves_nothing_is_not_registered(ana: UUID, key: Authenticator) -> None:
    with pytest.raises(TesseraError) as refusal:
        register(ana, key)

    assert refusal.value.code == "passkey_refused"
    assert not queries.factors_of(ana).any


def test_an_answer_to_another_challenge_is_refused(ana: UUID) -> None:
    key = Authenticator(HERE)
    register(ana, key)
    options, _challenge = passkeys.authentication_options()
    _other, challenge = passkeys.authentication_options()

    with pytest.raises(passkeys.PasskeyRefused):
        passkeys.account_by_passkey(key.get(options), challenge=challenge, now=NOON)


def test_a_copy_that_falls_behind_is_refused(ana: UUID) -> None:
    key = Authenticator(HERE)
    register(ana, key)
    prove(key)
    prove(key)

    key.counter = 0  # a copy made at the start

    with pytest.raises(passkeys.PasskeyRefused):
        prove(key)


@pytest.mark.parametrize("way", ["another site", "nobody was verified", "unknown", "another account"])
def test_what_proves_nothing_opens_nothing(ana: UUID, way: str) -> None:
    key = Authenticator(HERE)
    register(ana, key)
    match way:
        case "another site":
            key.origin = "https://evil.example"
        case "nobody was verified":
            key.verifies = False
        case "unknown":
            key.credential_id = b"x" * 32
        case "another account":
            key._handle = b"y" * 16

    with pytest.raises(passkeys.PasskeyRefused):
        prove(key)


@pytest.mark.parametrize(
    "answer",
    [
        *("", "[]", "null", "{}", "{" * 500, '"x"', "x" * 30_000),
        '{"id": 1, "rawId": 2, "response": 3, "type": 4}',
        '{"id":"QQ","rawId":"QQ","type":"public-key","response":{"clientDataJSON":"_","authenticatorData":"Q"}}',
    ],
)
def test_nonsense_is_refused_and_nothing_breaks(ana: UUID, answer: str) -> None:
    challenge = base64url_to_bytes("AAAA")

    with pytest.raises(passkeys.PasskeyRefused):
        passkeys.account_by_passkey(answer, challenge=challenge, now=NOON)
    with pytest.raises(passkeys.PasskeyRefused):
        passkeys.add_passkey(ana, answer=answer, challenge=challenge, name="x", now=NOON)


def test_one_credential_is_one_passkey(ana: UUID) -> None:
    key = Authenticator(HERE)
    register(ana, key)

    with pytest.raises(passkeys.PasskeyRefused):
        register(ana, key)

    assert len(queries.factors_of(ana).passkeys) == 1


def test_a_removed_passkey_opens_nothing_and_a_demanded_one_stays(ana: UUID, workspace_id: int) -> None:
    first, second = Authenticator(HERE), Authenticator(HERE)
    register(ana, first)
    register(ana, second, name="Blue key")
    staffing.demand_second_factor(workspace_id, of="everybody", by=OWNER)
    one, other = queries.factors_of(ana).passkeys

    passkeys.remove_passkey(ana, one.id)
    with pytest.raises(TesseraError) as refusal:
        passkeys.remove_passkey(ana, other.id)

    assert refusal.value.code == "factor_demanded"
    with pytest.raises(passkeys.PasskeyRefused):
        prove(first)
    assert prove(second) == ana


def test_nobody_removes_the_passkey_of_another(ana: UUID, workspace_id: int) -> None:
    register(ana, Authenticator(HERE))
    actions.create_staff(email="bo@example.com", role="owner", workspace_id=workspace_id)
    bo = queries.staff_by_email("bo@example.com")
    assert bo is not None
    (key,) = queries.factors_of(ana).passkeys

    with pytest.raises(NotFound):
        passkeys.remove_passkey(bo.account_id, key.id)

    assert queries.factors_of(ana).passkeys == (key,)


@pytest.mark.parametrize(
    ("address", "party"),
    [
        ("https://console.example", "console.example"),
        ("https://console.example:8443", "console.example"),
        ("http://console.example", None),
        ("http://localhost:8000", "localhost"),
        ("http://127.0.0.1:8000", None),
        ("https://192.0.2.1", None),
        ("https://[2001:db8::1]", None),
    ],
)
def test_where_browsers_allow_passkeys(monkeypatch: pytest.MonkeyPatch, address: str, party: str | None) -> None:
    monkeypatch.setenv("TESSERA_CONSOLE_URL", address)
    settings.cache_clear()

    assert passkeys.relying_party() == party
    settings.cache_clear()
