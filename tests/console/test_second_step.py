"""The second step of a log-in: half a log-in reaches nothing, codes open once, proof is asked for again."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pyotp
import pytest
from django.test import Client

from console.addresses import OPEN_TO_ALL, address_of, console_patterns
from console.conftest import PASSWORD, log_in
from factories.authenticator import Authenticator
from tessera.foundation.settings import settings


def account_of(email: str) -> UUID:
    from tessera.access.queries import staff_by_email

    found = staff_by_email(email)
    assert found is not None
    return found.account_id


def enrolled(email: str) -> tuple[pyotp.TOTP, list[str]]:
    """An app set up three minutes ago, so that the code of now was not used yet."""
    from tessera.access import second_factor

    account_id = account_of(email)
    second_factor.begin_totp(account_id)
    pending = second_factor.pending_totp(account_id)
    assert pending is not None
    app, then = pyotp.TOTP(pending.secret), datetime.now(UTC) - timedelta(minutes=3)
    codes = second_factor.confirm_totp(account_id, app.at(then), now=then)
    assert codes is not None
    return app, codes


@pytest.fixture
def half(staff: Callable[..., str]) -> tuple[Client, pyotp.TOTP, list[str]]:
    """A client that gave its password and owes the second step."""
    client, email = Client(), staff("owner")
    app, codes = enrolled(email)
    assert log_in(client, email).url == "/login/second"
    return client, app, codes


def test_the_right_code_lets_in_with_a_new_session(half: tuple[Client, pyotp.TOTP, list[str]]) -> None:
    client, app, _codes = half
    before = client.cookies["tessera_console"].value

    answer = client.post("/login/second", {"code": app.now()})

    assert (answer.status_code, answer.url) == (302, "/")
    assert client.cookies["tessera_console"].value != before
    assert client.get("/people").status_code == 200


def test_the_session_before_the_password_is_not_the_one_after_it(staff: Callable[..., str]) -> None:
    client, email = Client(), staff("owner")
    enrolled(email)
    client.session.save()
    client.get("/login")
    client.cookies["tessera_console"] = planted = client.session.session_key or "planted"

    log_in(client, email)

    assert client.cookies["tessera_console"].value != planted


def test_half_a_log_in_reaches_nothing(half: tuple[Client, pyotp.TOTP, list[str]]) -> None:
    client, _app, _codes = half

    for pattern in console_patterns():
        if pattern.name in OPEN_TO_ALL:
            continue
        for answer in (client.get(address_of(pattern)), client.post(address_of(pattern))):
            assert answer.status_code == 302, pattern.name
            assert answer.url.startswith("/login"), pattern.name


def test_a_recovery_code_lets_in_once(half: tuple[Client, pyotp.TOTP, list[str]], staff: Callable[..., str]) -> None:
    client, _app, codes = half

    assert client.post("/login/second", {"code": codes[0]}).status_code == 302
    again = Client()
    log_in(again, "owner1@example.com")
    assert again.post("/login/second", {"code": codes[0]}).status_code == 400
    assert again.get("/people").status_code == 302


def test_guesses_are_throttled(half: tuple[Client, pyotp.TOTP, list[str]]) -> None:
    client, app, codes = half
    wrong = "000000" if app.now() != "000000" else "000001"

    statuses = [client.post("/login/second", {"code": wrong}).status_code for _ in range(6)]

    assert statuses == [400] * 5 + [429]
    assert client.post("/login/second", {"code": app.now()}).status_code == 429
    assert client.post("/login/second", {"code": codes[0]}).status_code == 429
    assert client.get("/people").status_code == 302


def test_half_a_log_in_grows_old_and_ends_with_the_password(
    half: tuple[Client, pyotp.TOTP, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tessera.access.actions import set_password

    client, app, _codes = half
    with monkeypatch.context() as patch:
        now = time.time()
        patch.setattr("tessera.console.second_step.time.time", lambda: now + 601)
        assert client.get("/login/second").url == "/login"
    assert client.get("/login/second").status_code == 200

    set_password("owner1@example.com", password="an entirely new password")
    assert client.post("/login/second", {"code": app.now()}).url == "/login"


def test_the_page_asked_for_comes_after_the_second_step(staff: Callable[..., str]) -> None:
    client, email = Client(), staff("owner")
    app, _codes = enrolled(email)
    client.post("/login", {"email": email, "password": PASSWORD, "next": "/people?q=ana"})
    assert client.post("/login/second", {"code": app.now()}).url == "/people?q=ana"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_no_step_leads_elsewhere(staff: Callable[..., str], target: str) -> None:
    client, email = Client(), staff("owner")
    app, codes = enrolled(email)
    client.post("/login", {"email": email, "password": PASSWORD, "next": target})

    assert client.post("/login/second", {"code": app.now()}).url == "/"
    assert client.post("/prove", {"secret": codes[0], "next": target}).url == "/"


def stale(client: Client) -> None:
    """The last proof is too old."""
    session = client.session
    session["proved_at"] = int(time.time()) - 901
    session.save()


def test_an_app_is_set_up_at_the_screen_and_other_browsers_are_out(desk: Callable[..., Client]) -> None:
    client, elsewhere = desk("support"), Client()
    log_in(elsewhere, "support1@example.com")

    assert client.post("/security/totp/begin").url == "/security/totp"
    page = client.get("/security/totp")
    secret = page.context["secret"].replace(" ", "")
    assert "<svg" in page.text
    assert "style=" not in page.text
    wrong = client.post("/security/totp", {"code": "12345"})
    done = client.post("/security/totp", {"code": pyotp.TOTP(secret).now()})

    assert wrong.status_code == 400
    codes = done.context["codes"]
    assert len(codes) == 10
    assert all(code in done.text for code in codes)
    assert client.get("/people").status_code == 200
    assert elsewhere.get("/people").status_code == 302
    assert not any(code in client.get("/security").text for code in codes)
    assert client.get("/security/totp").url == "/security"


@pytest.mark.parametrize(
    "path", ["/security/totp/begin", "/security/totp/remove", "/security/recovery", "/security/passkeys"]
)
def test_changes_that_matter_ask_for_proof_again(desk: Callable[..., Client], path: str) -> None:
    client = desk("support")
    stale(client)

    answer = client.post(path, headers={"Referer": "http://testserver/security"})

    assert answer.url == "/prove?next=/security" or answer.url == "/prove?next=http%3A//testserver/security"
    assert client.post("/prove", {"secret": "wrong", "next": "/security"}).status_code == 400
    assert client.post(path).url.startswith("/prove")
    assert client.post("/prove", {"secret": PASSWORD, "next": "/security"}).url == "/security"
    proved = client.post(path)
    assert proved.status_code in (200, 302, 400)
    assert "/prove" not in getattr(proved, "url", "")


def test_a_code_is_proof_too(half: tuple[Client, pyotp.TOTP, list[str]]) -> None:
    client, app, _codes = half
    client.post("/login/second", {"code": app.now()})
    stale(client)
    assert "authenticator app" in client.get("/prove").text
    later = app.at(datetime.now(UTC) + timedelta(seconds=30))

    assert client.post("/prove", {"secret": app.now(), "next": "/security"}).status_code == 400  # used already
    assert client.post("/prove", {"secret": later, "next": "/security"}).url == "/security"


def test_the_password_alone_proves_nothing_where_there_is_a_second_factor(
    half: tuple[Client, pyotp.TOTP, list[str]],
) -> None:
    client, app, codes = half
    client.post("/login/second", {"code": app.now()})
    stale(client)

    for given in (PASSWORD, "", "123456", "AAAA-BBBB-CCCC-DDDD"):
        assert client.post("/prove", {"secret": given, "next": "/security"}).status_code == 400
    assert client.post("/security/recovery").url.startswith("/prove")
    assert client.post("/prove", {"secret": codes[0], "next": "/security"}).url == "/security"
    stale(client)
    assert client.post("/prove", {"secret": codes[0], "next": "/security"}).status_code == 400


SOMEBODY = "0199c0de-7a3b-7c4d-8e5f-0a1b2c3d4e5f"


@pytest.mark.parametrize(
    ("method", "path", "back"),
    [
        ("get", "/exports/new", "/exports/new"),
        ("post", "/exports/new", "/people"),
        ("get", f"/exports/{SOMEBODY}/file", "/exports"),
        ("post", f"/staff/invitations/{SOMEBODY}/withdraw", "/people"),
    ],
)
def test_taking_people_out_and_uninviting_ask_for_proof(
    desk: Callable[..., Client], method: str, path: str, back: str
) -> None:
    client = desk("owner")
    stale(client)

    answer = getattr(client, method)(path, headers={"Referer": "http://testserver/people"})

    assert answer.status_code == 302
    assert answer.url in (f"/prove?next={back}", f"/prove?next=http%3A//testserver{back}")
    proved = client.post("/prove", {"secret": PASSWORD, "next": back})
    assert proved.url == back
    assert "/prove" not in getattr(getattr(client, method)(path), "url", "")


def test_who_must_have_a_second_factor_is_led_to_it_first(desk: Callable[..., Client], workspace_id: int) -> None:
    from tessera.access import staffing

    owner, support = desk("owner"), desk("support")
    by = staffing.By("owner1@example.com", makes_owners=True, sees_pii=True)
    staffing.demand_second_factor(workspace_id, of="admins", by=by)

    open_before = {"logout", "language", "login", "prove", "security", "begin_totp", "totp"}
    open_before |= {"add_passkey", "new_passkey_options"} | OPEN_TO_ALL
    for pattern in console_patterns():
        if pattern.name not in open_before:
            for answer in (owner.get(address_of(pattern)), owner.post(address_of(pattern))):
                assert (answer.status_code, answer.get("Location")) == (302, "/security"), pattern.name
    assert support.get("/people").status_code == 200
    assert "demands a second factor" in owner.get("/security").text
    assert owner.get("/live/rows", headers={"HX-Request": "true"})["HX-Redirect"] == "/security"

    owner.post("/security/totp/begin")
    secret = owner.get("/security/totp").context["secret"].replace(" ", "")
    owner.post("/security/totp", {"code": pyotp.TOTP(secret).now()})
    assert owner.get("/people").status_code == 200
    refused = owner.post("/security/totp/remove", follow=True)
    assert "Add another one before you remove this." in refused.text


HERE = "https://console.example"


@pytest.fixture
def here(live: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TESSERA_CONSOLE_URL", HERE)
    settings.cache_clear()
    yield
    settings.cache_clear()


def with_passkey(client: Client) -> Authenticator:
    key = Authenticator(HERE)
    options = client.post("/security/passkeys/options").content.decode()
    done = client.post("/security/passkeys", {"name": "Laptop", "answer": key.create(options)})
    assert len(done.context["codes"]) == 10
    return key


def passkey_answer(client: Client, key: Authenticator) -> str:
    return key.get(client.post("/login/passkey/options").content.decode())


def test_a_passkey_opens_without_a_password(here: None, desk: Callable[..., Client]) -> None:
    key, client = with_passkey(desk("owner")), Client()
    answer = passkey_answer(client, key)
    before = client.cookies["tessera_console"].value

    opened = client.post("/login/passkey", {"answer": answer, "next": "/people"})

    assert (opened.status_code, opened.url) == (302, "/people")
    assert client.cookies["tessera_console"].value != before
    assert client.get("/people").status_code == 200
    replayed = Client()
    replayed.post("/login/passkey/options")
    assert replayed.post("/login/passkey", {"answer": answer}).status_code == 400


def test_a_passkey_is_the_second_step_too(here: None, desk: Callable[..., Client]) -> None:
    key, client = with_passkey(desk("owner")), Client()

    assert log_in(client, "owner1@example.com").url == "/login/second"
    assert client.post("/login/passkey", {"answer": passkey_answer(client, key)}).url == "/"
    assert client.get("/people").status_code == 200


def test_the_passkey_of_another_is_no_second_step(here: None, desk: Callable[..., Client]) -> None:
    with_passkey(desk("owner"))
    key, client = with_passkey(desk("support")), Client()
    log_in(client, "owner1@example.com")

    refused = client.post("/login/passkey", {"answer": passkey_answer(client, key)})

    assert refused.status_code == 400
    assert "That passkey does not open anything here." in refused.text
    assert client.get("/people").status_code == 302


def test_the_passkey_of_somebody_revoked_opens_nothing(here: None, desk: Callable[..., Client]) -> None:
    from tessera.access.actions import revoke_staff

    desk("owner")
    key, client = with_passkey(desk("support")), Client()
    revoke_staff("support1@example.com", now=datetime.now(UTC))

    assert client.post("/login/passkey", {"answer": passkey_answer(client, key)}).status_code == 400
    assert client.get("/people").status_code == 302


def test_log_out_everywhere_else(desk: Callable[..., Client]) -> None:
    client, elsewhere = desk("owner"), Client()
    log_in(elsewhere, "owner1@example.com")

    assert client.post("/security/sessions").status_code == 302

    assert client.get("/people").status_code == 200
    assert elsewhere.get("/people").status_code == 302


def test_known_and_unknown_addresses_cost_the_same(
    staff: Callable[..., str], statements: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One answer, one hash and nearly the same statements: what differs is read after the hash, and only once."""
    from tessera.access.passwords import TunedArgon2Hasher

    email, hashes = staff("owner"), []
    enrolled(email)
    encode = TunedArgon2Hasher.encode
    verify = TunedArgon2Hasher.verify
    monkeypatch.setattr(TunedArgon2Hasher, "encode", lambda *a, **k: hashes.append("hash") or encode(*a, **k))
    monkeypatch.setattr(TunedArgon2Hasher, "verify", lambda *a, **k: hashes.append("hash") or verify(*a, **k))

    costs, answers = [], []
    for address in (email, "nobody@example.com"):
        hashes.clear()
        answer = log_in(Client(), address, "wrong password")
        costs.append(len(hashes))
        answers.append((answer.status_code, answer.text.replace(address, "").split("csrfmiddlewaretoken")[0]))

    assert costs == [1, 1]
    assert answers[0] == answers[1]
