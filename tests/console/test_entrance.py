"""Who gets into the console, and who does not."""

from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
import pytest
from django.test import Client

from console.addresses import OPEN_TO_ALL, address_of
from console.conftest import PASSWORD, log_in

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_member_of_staff_gets_in_and_out(staff: Callable[..., str]) -> None:
    client, email = Client(), staff("support")

    answer = log_in(client, email)

    assert (answer.status_code, answer.url) == (302, "/")
    assert client.get("/").status_code == 200
    assert client.post("/logout").url == "/login"
    assert client.get("/").url == "/login"


def test_the_session_has_its_own_cookie_and_is_new_after_the_log_in(staff: Callable[..., str]) -> None:
    client, email = Client(), staff()
    client.session.save()
    client.cookies["tessera_console"] = planted = client.session.session_key or "planted"

    cookie = log_in(client, email).cookies["tessera_console"]

    assert cookie.value != planted
    assert (bool(cookie["httponly"]), cookie["samesite"], bool(cookie["secure"])) == (True, "Lax", False)


def test_the_page_asked_for_comes_after_the_log_in(staff: Callable[..., str]) -> None:
    client, email = Client(), staff()

    asked = client.get("/people?q=ana")
    assert asked.url == "/login?next=/people%3Fq%3Dana"
    answer = client.post("/login", {"email": email, "password": PASSWORD, "next": "/people?q=ana"})
    assert answer.url == "/people?q=ana"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_a_log_in_leads_nowhere_else(staff: Callable[..., str], target: str) -> None:
    answer = Client().post("/login", {"email": staff(), "password": PASSWORD, "next": target})

    assert answer.url == "/"


def test_unknown_wrong_and_not_staff_get_one_answer(staff: Callable[..., str]) -> None:
    from django.contrib.auth import get_user_model

    email = staff()
    get_user_model().objects.create(email="customer@example.com", password="!")
    customer = get_user_model().objects.get(email="customer@example.com")
    customer.set_password(PASSWORD)
    customer.save()

    answers = [
        log_in(Client(), "nobody@example.com"),
        log_in(Client(), email, "wrong"),
        log_in(Client(), "customer@example.com"),
    ]

    assert {answer.status_code for answer in answers} == {400}
    assert all("The e-mail or the password is not right." in answer.text for answer in answers)


def test_five_failures_close_the_door_for_the_account_there(staff: Callable[..., str]) -> None:
    email = staff()
    here, there = {"REMOTE_ADDR": "192.0.2.1"}, {"REMOTE_ADDR": "192.0.2.2"}

    statuses = [log_in(Client(), email, "wrong", **here).status_code for _ in range(6)]

    assert statuses == [400, 400, 400, 400, 429, 429]
    closed = log_in(Client(), email, **here)
    assert (closed.status_code, closed["Retry-After"]) == (429, "900")
    assert log_in(Client(), email, **there).status_code == 302


def test_an_unknown_account_is_throttled_the_same_way(staff: Callable[..., str]) -> None:
    statuses = [log_in(Client(), "nobody@example.com", "wrong").status_code for _ in range(6)]

    assert statuses == [400, 400, 400, 400, 429, 429]


def test_one_address_cannot_try_many_accounts(
    live: object, staff: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tessera.console.throttle.PER_ADDRESS", 3)
    email = staff()

    for name in ("a", "b", "c"):
        assert log_in(Client(), f"{name}@example.com", "wrong").status_code == 400
    assert log_in(Client(), email).status_code == 429
    assert log_in(Client(), email, REMOTE_ADDR="192.0.2.9").status_code == 302


def test_an_address_is_not_taken_from_a_header_nobody_vouches_for(staff: Callable[..., str]) -> None:
    email = staff()

    statuses = [log_in(Client(), email, "wrong", HTTP_X_FORWARDED_FOR=f"192.0.2.{n}").status_code for n in range(1, 6)]

    assert statuses[-1] == 429


def test_who_is_revoked_is_out_at_the_next_click(desk: Callable[..., Client], staff: Callable[..., str]) -> None:
    from tessera.access import actions

    staff("owner")
    client = desk("support")
    assert client.get("/people").status_code == 200

    actions.revoke_staff(_email_of(client), now=NOW)

    assert client.get("/people").status_code == 302
    assert log_in(Client(), _email_of(client)).status_code == 400
    fragment = client.get("/live/rows", headers={"HX-Request": "true"})
    assert fragment["HX-Redirect"] == "/login"


def _email_of(_client: Client) -> str:
    return "support1@example.com"


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/admin/login", "/accounts/login/"])
def test_there_is_no_back_door(live: object, path: str) -> None:
    assert Client().get(path).status_code == 404
    assert Client().post(path, {"username": "x", "password": "y"}).status_code == 404


def test_every_screen_is_shut_to_strangers(live: object) -> None:
    from tessera.console.urls import urlpatterns

    for pattern in urlpatterns:
        if pattern.name in OPEN_TO_ALL:
            continue
        path = address_of(pattern)
        for answer in (Client().get(path), Client().post(path)):
            assert answer.status_code == 302, path
            assert answer.url.startswith("/login"), path


def test_a_lost_database_is_said_and_nothing_else(desk: Callable[..., Client], monkeypatch: pytest.MonkeyPatch) -> None:
    client = desk()
    client.raise_request_exception = False

    def away(*_args: object, **_kwargs: object) -> None:
        raise psycopg.OperationalError("the server at 192.0.2.1 is gone")

    monkeypatch.setattr("tessera.profiles.queries.people", away)
    answer = client.get("/people")

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "The database is away" in answer.text
    assert "192.0.2.1" not in answer.text


def test_a_form_of_another_site_is_refused(staff: Callable[..., str]) -> None:
    client = Client(enforce_csrf_checks=True)

    answer = log_in(client, staff())

    assert answer.status_code == 403
    assert "This page was too old" in answer.text


def test_pages_forbid_inline_code_and_caching(desk: Callable[..., Client]) -> None:
    answer = desk().get("/")

    policy = answer["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer["Cache-Control"] == "no-store"
    assert (answer["X-Content-Type-Options"], answer["Referrer-Policy"]) == ("nosniff", "same-origin")
    assert "onclick" not in answer.text
    assert "<script>" not in answer.text


def test_a_password_is_changed_by_who_knows_it(desk: Callable[..., Client]) -> None:
    client, elsewhere = desk("owner"), Client()
    log_in(elsewhere, "owner1@example.com")
    new = "another long password"

    wrong = client.post("/password", {"current": "wrong", "new": new, "again": new})
    short = client.post("/password", {"current": PASSWORD, "new": "short", "again": "short"})
    right = client.post("/password", {"current": PASSWORD, "new": new, "again": new})

    assert "That is not your current password." in wrong.text
    assert "A password needs at least 10 characters." in short.text
    assert right.status_code == 302
    assert client.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 302
    assert log_in(Client(), "owner1@example.com", new).status_code == 302


def test_the_language_is_remembered_with_the_person(desk: Callable[..., Client]) -> None:
    client, later = desk("owner"), Client()
    assert "<h1>Home</h1>" in client.get("/").text

    assert client.post("/language", {"language": "es", "next": "/people"}).url == "/people"

    assert "<h1>Personas</h1>" in client.get("/people").text
    log_in(later, "owner1@example.com")
    assert '<html lang="es">' in later.get("/").text


def test_a_stranger_chooses_a_language_at_the_door(live: object) -> None:
    client = Client()
    assert "Log in to Tessera" in client.get("/login").text
    client.post("/language", {"language": "es", "next": "/login"})
    assert "Entrar en Tessera" in client.get("/login").text
    assert client.post("/language", {"language": "xx", "next": "https://evil.example/"}).url == "/"


def test_log_ins_are_in_the_audit_trail(desk: Callable[..., Client], workspace_id: int) -> None:
    from tessera.access.queries import audit_entries

    desk("owner")

    assert [(entry.actor, entry.action) for entry in audit_entries(workspace_id)][:1] == [
        ("owner1@example.com", "log_in")
    ]
