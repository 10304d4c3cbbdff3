"""Reading tells no secret, changes nothing, and every answer says what a browser may do with it: all is walked."""

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from django.test import Client
from psycopg import sql

from console.addresses import address_of, all_patterns
from console.conftest import log_in
from console.readings import endpoints, screens
from console.test_second_step import enrolled
from factories.world import World, add_passkey, at_home

Live = psycopg.Connection[Any]

NOTED: dict[str, set[str]] = {
    "export": {"access_auditentry"},
    "export_file": {"access_auditentry"},
    "export_audit": {"access_auditentry"},
    "download_export": {"access_auditentry"},
    "export_person": {"access_auditentry"},
    "download_segment_delivery": {"access_auditentry"},
    "segment_delivery": {"access_auditentry"},
}
"""What leaves an entry in the audit trail though it is read: data that leaves the house."""

OF_THE_DOOR = {"access_apikey", "access_requestwindow"}
"""When a key was last used, and how often it asks: there is no reading without them."""


@pytest.fixture
def world(live: Live, workspace_id: int) -> World:
    made = World(live, workspace_id)
    made.grow()
    return made


@pytest.fixture
def api(live: Live, workspace_id: int) -> Client:
    """A client with a key that may do everything."""
    from tessera.access.actions import create_api_key
    from tessera.access.scopes import SCOPES

    token = create_api_key(workspace_id=workspace_id, name="all", scopes=SCOPES).token
    return Client(headers={"Authorization": f"Bearer {token}"})


def fingerprints(live: Live) -> dict[str, str]:
    """Every table with a digest of all that it holds."""
    rows = live.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
    )
    found = {}
    for (table,) in rows.fetchall():
        whole = sql.SQL("SELECT coalesce(string_agg(t::text, '|' ORDER BY t::text), '') FROM {} t")
        row = live.execute(whole.format(sql.Identifier(table))).fetchone()
        assert row is not None
        found[str(table)] = sha256(row[0].encode()).hexdigest()
    return found


def test_reading_changes_nothing(live: Live, desk: Callable[..., Client], world: World, api: Client) -> None:
    client = desk()
    touched: dict[str, set[str]] = {}
    for one, reader in [*((s, client) for s in screens(client, world)), *((e, api) for e in endpoints(world))]:
        before = fingerprints(live)
        one.ask(reader)
        after = fingerprints(live)
        changed = {table for table in after if after[table] != before[table]} - OF_THE_DOOR
        if changed:
            touched[one.name] = changed

    assert touched == NOTED


def secrets_of(live: Live) -> dict[str, list[str]]:
    """Everything that must be known to nobody, as it lies in the database: as text, and in hexadecimal and base64."""
    columns = {
        "access_account": ["password"],
        "access_secondfactor": ["totp_secret"],
        "access_recoverycode": ["digest"],
        "access_passkey": ["public_key"],
        "access_apikey": ["digest"],
        "access_invitation": ["digest"],
        "django_session": ["session_key", "session_data"],
    }
    found: dict[str, list[str]] = {}
    for table, names in columns.items():
        for name in names:
            rows = live.execute(sql.SQL("SELECT {} FROM {}").format(sql.Identifier(name), sql.Identifier(table)))
            values = [value for (value,) in rows if value]
            assert values, f"{table}.{name} has nothing to look for"
            found[f"{table}.{name}"] = [form for value in values for form in forms_of(value)]
    return found


def forms_of(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    raw = bytes(value)
    return [raw.hex(), b64encode(raw).decode(), urlsafe_b64encode(raw).decode().rstrip("=")]


def test_no_answer_tells_a_secret(
    live: Live,
    staff: Callable[..., str],
    world: World,
    api: Client,
    workspace_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Passwords, second factors, tokens, sessions and our own key, as stored and as given out once."""
    from django.conf import settings

    from tessera.access.actions import create_api_key

    email, client = staff("owner"), Client()
    with at_home(monkeypatch):
        add_passkey(email)
        app, codes = enrolled(email)
        token = create_api_key(workspace_id=workspace_id, name="told once", scopes=["profiles:read"]).token
        log_in(client, email)
        client.post("/login/second", {"code": app.now()})
        answers = [*((one, one.ask(client)) for one in screens(client, world))]
        answers += [(one, one.ask(api)) for one in endpoints(world)]

    kept = secrets_of(live) | {"given": [app.secret, *codes, token, str(world.ids["token"])]}
    kept["ours"] = [settings.SECRET_KEY if isinstance(settings.SECRET_KEY, str) else settings.SECRET_KEY.hex()]
    told = {
        (one.name, what)
        for one, answer in answers
        for what, forms in kept.items()
        if one.name != "join" and any(form in answer.told for form in forms)
    }
    assert told == set()
    assert len(answers) > 100


HEADERS = {
    "X-Content-Type-Options": {"nosniff"},
    "Referrer-Policy": {"same-origin"},
    "X-Frame-Options": {"DENY"},
    "Cross-Origin-Opener-Policy": {"same-origin"},
}


def test_every_answer_says_what_a_browser_may_do(desk: Callable[..., Client], world: World, api: Client) -> None:
    """Found, not found, refused, of another method, logged in or not: nothing is framed, sniffed, run or kept."""
    strangers, insiders = Client(), desk("owner")
    lowly, forged = desk("analyst"), Client(enforce_csrf_checks=True)
    lacking: dict[str, set[str]] = {}
    statuses = set()
    for path, pattern in all_patterns():
        address = path if path.startswith("/api/") else address_of(pattern, world.values)
        answers = [client.get(address) for client in (insiders, strangers, lowly)]
        answers += [forged.post(address), insiders.put(address)]
        if path.startswith("/api/"):
            answers.append(api.get(address))
        for answer in answers:
            statuses.add(answer.status_code)
            lacking.setdefault(path, set()).update(lacks(answer))
    answers = [insiders.get("/nowhere"), insiders.get("/people?after=\0"), api.get("/api/v1/profiles?limit=0")]
    for one in [*screens(insiders, world), *endpoints(world)]:
        answers.append(one.ask(api if one.address.startswith("/api/") else insiders))
    for answer in answers:
        statuses.add(answer.status_code)
        lacking.setdefault(answer.wsgi_request.path, set()).update(lacks(answer))

    assert {path: names for path, names in lacking.items() if names} == {}
    assert {200, 302, 401, 403, 404, 405, 422} <= statuses


KEPT_NOWHERE_WITHOUT_ASKING = re.compile(r"no-store|immutable|^private, no-cache$")
"""Not at all; for ever where the name changes with what is in it; or by the browser alone, which asks each time."""


def lacks(answer: Any) -> set[str]:
    found = {name for name, values in HEADERS.items() if answer.get(name) not in values}
    policy = answer.get("Content-Security-Policy", "")
    if "default-src 'none'" not in policy or "unsafe" in policy or "*" in policy:
        found.add("Content-Security-Policy")
    if not KEPT_NOWHERE_WITHOUT_ASKING.search(answer.get("Cache-Control", "")):
        found.add("Cache-Control")
    return found


def test_a_failure_of_ours_wears_the_headers_too(desk: Callable[..., Client], monkeypatch: pytest.MonkeyPatch) -> None:
    client = desk("owner")
    client.raise_request_exception = False

    def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr("tessera.console.views.people.render", broken)
    answer = client.get("/people")

    assert (answer.status_code, lacks(answer)) == (500, set())
    assert "secret" not in answer.text
