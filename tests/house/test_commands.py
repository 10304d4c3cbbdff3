"""The commands an operator types: what they print, what they change, and how they refuse."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tessera.access.queries import audit_entries, authenticate_api_key, staff_by_email
from tessera.events.inbox import COPY_HEADER, COPY_INBOX, COPY_TRAILER, copy_row
from tessera.workspaces.queries import source_by_name, write_keys

Run = Callable[..., subprocess.CompletedProcess[str]]
Connection = psycopg.Connection[Any]


def test_a_write_key_comes_alone_on_stdout_with_its_source(tessera: Run, workspace_id: int) -> None:
    done = tessera("keys", "create", "write", "Shop", "--kind", "site", "--origin", "https://shop.example/")

    (key,) = write_keys(workspace_id)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{key.key}\n", "")
    assert (key.source, key.name, len(key.key)) == ("Shop", "Shop", 36)
    source = source_by_name(workspace_id, "Shop")
    assert source is not None
    assert (source.kind, source.allowed_origins) == ("site", ("https://shop.example",))
    assert [(entry.actor, entry.action) for entry in audit_entries(workspace_id)][:2] == [
        ("command line", "create_write_key"),
        ("command line", "create_source"),
    ]


def test_a_second_key_joins_the_source_that_is_there(tessera: Run, workspace_id: int) -> None:
    tessera("keys", "create", "write", "old", "--source", "Till")
    tessera("keys", "create", "write", "new", "--source", "Till")

    first, second = write_keys(workspace_id)

    assert first.source_id == second.source_id
    assert first.key != second.key


def test_an_api_key_opens_what_its_scopes_say_and_only_its_digest_is_kept(
    tessera: Run, workspace_id: int, connection: Connection
) -> None:
    done = tessera("keys", "create", "api", "CRM", "--scope", "profiles:write", "--scope", "events:read")

    token = done.stdout.strip()
    assert (done.returncode, len(token), token[:4]) == (0, 47, "tsk_")
    grant = authenticate_api_key(token)
    assert grant is not None
    assert (grant.workspace_id, grant.actor) == (workspace_id, "api-key:CRM")
    assert [grant.allows(scope) for scope in ("profiles:read", "profiles:write", "events:write", "access:read")] == [
        True,
        True,
        False,
        False,
    ]
    assert connection.execute("SELECT digest, prefix FROM access_apikey").fetchall() == [
        (sha256(token.encode()).digest(), token[:12])
    ]


def test_an_unknown_scope_is_refused_with_the_list_and_nothing_is_made(tessera: Run, connection: Connection) -> None:
    done = tessera("keys", "create", "api", "CRM", "--scope", "profiles:fly")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tessera: no such scope: profiles:fly. Scopes are access:read, access:write, ")
    assert done.stderr.count("\n") == 1
    assert connection.execute("SELECT count(*) FROM access_apikey").fetchone() == (0,)


def test_keys_are_listed_and_revoked_by_id(tessera: Run, workspace_id: int) -> None:
    write = tessera("keys", "create", "write", "Shop").stdout.strip()
    api = tessera("keys", "create", "api", "CRM", "--scope", "profiles:read").stdout.strip()
    (key,) = write_keys(workspace_id)

    listed = tessera("keys", "list").stdout
    assert write in listed
    assert api not in listed
    assert api[:12] in listed
    assert tessera("keys", "revoke", f"write-{key.id}").returncode == 0
    assert tessera("keys", "revoke", "api-1").stdout == "revoked api-1\n"

    assert authenticate_api_key(api) is None
    assert write_keys(workspace_id)[0].revoked_at is not None
    assert tessera("keys", "list").stdout.count("revoked") == 2


@pytest.mark.parametrize("key", ["write-999", "api-999", "999", "write-"])
def test_revoking_what_is_not_there_is_one_clear_line(tessera: Run, key: str) -> None:
    done = tessera("keys", "revoke", key)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tessera: no ")
    assert done.stderr.count("\n") == 1


def test_another_workspace_does_not_see_or_revoke_these_keys(tessera: Run, workspace_id: int) -> None:
    from tessera.workspaces.actions import create_workspace

    create_workspace(slug="other", name="Other")
    write = tessera("keys", "create", "write", "Shop").stdout.strip()

    assert write not in tessera("keys", "list", "--workspace", "other").stdout
    assert tessera("keys", "revoke", "write-1", "--workspace", "other").returncode == 1

    assert write_keys(workspace_id)[0].revoked_at is None


def test_names_are_declared_blocked_and_let_in_again(tessera: Run, workspace_id: int) -> None:
    assert tessera("catalogue", "declare", "attribute", "visits", "--type", "number").stdout == (
        "declared attribute visits number\n"
    )
    assert tessera("catalogue", "declare", "event", "Bought").stdout == "declared event Bought\n"
    blocked = tessera("catalogue", "block", "property", "card", "--event", "Bought")
    listed = tessera("catalogue", "list", "--kind", "property", "--status", "blocked")
    let_in = tessera("catalogue", "unblock", "property", "card", "--event", "Bought")

    assert blocked.stdout == "blocked property card\n"
    assert "Bought / card" in listed.stdout
    assert let_in.stdout == "seen property card\n"
    assert next((entry.actor, entry.target) for entry in audit_entries(workspace_id)) == (
        "command line",
        "property:Bought/card",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("declare", "attribute", "visits", "--type", "colour"), "no such type: 'colour'"),
        (("declare", "attribute", "email", "--type", "text"), "is a standard attribute"),
        (("block", "event", "Identified"), "cannot be blocked"),
        (("block", "property", "card"), "a property has its event as parent"),
        (("unblock", "event", "Never Seen"), "no event 'Never Seen' in the catalogue"),
    ],
)
def test_what_the_catalogue_refuses_is_one_line_and_changes_nothing(
    tessera: Run, connection: Connection, arguments: tuple[str, ...], said: str
) -> None:
    refused = tessera("catalogue", *arguments)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert connection.execute("SELECT count(*) FROM events_catalogue").fetchone() == (0,)


def test_an_unknown_workspace_names_those_there_are(tessera: Run) -> None:
    done = tessera("keys", "list", "--workspace", "nope")

    assert (done.returncode, done.stderr) == (1, "tessera: no workspace nope; there is main\n")


def test_staff_come_change_their_password_and_go(tessera: Run, database: str) -> None:
    from django.contrib.auth.hashers import check_password

    from tessera.access.models import Account

    first = tessera("staff", "add", "Ana@Example.com", "--role", "owner").stdout.strip()
    account = Account.objects.get()
    assert (account.email, check_password(first, account.password)) == ("ana@example.com", True)
    assert account.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")

    given = tessera("staff", "password", "ana@example.com", "--password-stdin", stdin="a long enough one\n")
    assert (given.returncode, given.stdout) == (0, "")
    account.refresh_from_db()
    assert check_password("a long enough one", account.password)
    assert not check_password(first, account.password)

    tessera("staff", "add", "bo@example.com", "--role", "analyst")
    assert tessera("staff", "reset-second-factor", "bo@example.com").returncode == 0
    assert tessera("staff", "revoke", "bo@example.com").returncode == 0
    assert tessera("staff", "list").stdout.count("in force") == 1
    bo = staff_by_email("bo@example.com")
    assert bo is not None
    assert bo.revoked_at is not None

    tessera("staff", "add", "bo@example.com", "--role", "support")
    bo = staff_by_email("bo@example.com")
    assert bo is not None
    assert (bo.role, bo.revoked_at) == ("support", None)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["add", "ana@example.com", "--role", "owner"], "ana@example.com is staff already"),
        (["add", "bo@example.com", "--role", "king"], "no such role: king. Roles are owner, admin, "),
        (["add", "not an e-mail", "--role", "owner"], "not an e-mail address: 'not an e-mail'"),
        (["add", "bo@example.com", "--role", "owner", "--password-stdin"], "a password needs at least 10 characters"),
        (["revoke", "ana@example.com"], "ana@example.com is the last owner; make another owner first"),
        (["revoke", "bo@example.com"], "nobody with the e-mail bo@example.com is staff"),
        (["password", "bo@example.com"], "nobody with the e-mail bo@example.com is staff"),
    ],
)
def test_staff_refusals_are_one_line_and_change_nothing(
    tessera: Run, connection: Connection, words: list[str], reason: str
) -> None:
    tessera("staff", "add", "ana@example.com", "--role", "owner")
    everything = "SELECT (SELECT json_agg(a) FROM access_account a), (SELECT json_agg(s) FROM access_staff s)"
    before = connection.execute(everything).fetchall()

    done = tessera("staff", *words, stdin="short\n")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"tessera: {reason}")
    assert done.stderr.count("\n") == 1
    assert connection.execute(everything).fetchall() == before


def test_settle_says_so_at_once_when_there_is_nothing_to_do(tessera: Run) -> None:
    done = tessera("settle", "--timeout", "0")

    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert (found["inbox"], found["history"], found["tallies"], found["settled"]) == (0, 0, 0, True)


def test_settle_gives_up_in_time_and_still_prints_what_is_left(tessera: Run, connection: Connection) -> None:
    row = copy_row(
        lane=0, workspace_id=1, source_id=1, received_at=0, key=bytes(16), envelope=b"{}", body=b'{"type":"track"}'
    )
    with connection.cursor().copy(COPY_INBOX) as copy:
        copy.write(COPY_HEADER + row + COPY_TRAILER)
    connection.commit()

    done = tessera("settle", "--timeout", "0.2")

    assert done.returncode == 1
    assert (json.loads(done.stdout)["inbox"], json.loads(done.stdout)["settled"]) == (1, False)


def test_doctor_finds_a_fresh_installation_fit_but_for_its_staff(tessera: Run) -> None:
    done = tessera("doctor", "--json")

    found = {check["name"]: check for check in json.loads(done.stdout)}
    assert done.returncode == 1
    assert [name for name, check in found.items() if check["state"] == "fail"] == ["Durability", "Staff"]
    assert "fsync" in found["Durability"]["said"]  # the tests' own server does without
    assert found["Staff"]["hint"] == "tessera staff add EMAIL --role owner"
    assert (found["Migrations"]["said"], found["Inbox"]["said"]) == ("all applied", "empty")
    assert (found["Warehouse"]["state"], found["Warehouse"]["said"]) == ("warn", "no analyst is at work")
    for name in ("Python", "Disk", "PostgreSQL", "Clocks", "History", "Dead rows", "Connections", "Geo database"):
        assert found[name]["state"] == "ok", found[name]


def test_doctor_sees_what_is_wrong(tessera: Run, connection: Connection, on_database: dict[str, str]) -> None:
    row = copy_row(lane=0, workspace_id=1, source_id=1, received_at=0, key=bytes(16), envelope=b"{}", body=b"{}")
    with connection.cursor().copy(COPY_INBOX) as copy:
        copy.write(COPY_HEADER + row + COPY_TRAILER)
    connection.execute(
        "INSERT INTO events_rejection (workspace_id, source_id, at, stage, code, detail, excerpt)"
        " VALUES (1, 1, now(), 'edge', 'malformed_json', '', '')"
    )
    connection.execute(f"DROP TABLE events_history_{datetime.now(UTC):%Y_%m}")
    connection.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
    connection.commit()
    secrets = Path(on_database["TESSERA_HOME"]) / "secrets"
    secrets.mkdir(parents=True)
    (secrets / "console").write_text("seen by all\n")

    done = tessera("doctor", "--json", TESSERA_GEO_MMDB="/nowhere.mmdb")

    state = {check["name"]: check["state"] for check in json.loads(done.stdout)}
    wrong = ("Home", "Geo database", "Inbox", "History", "Migrations")
    assert {name: state[name] for name in wrong} == dict.fromkeys(wrong, "fail")
    assert state["Rejections"] == "warn"


def test_a_database_that_is_away_is_one_clear_line(tessera: Run) -> None:
    done = tessera("keys", "list", TESSERA_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tessera: the database is away")
    assert done.stderr.count("\n") == 1


def test_a_wrong_setting_is_one_clear_line(tessera: Run) -> None:
    done = tessera("doctor", TESSERA_PORT="eight thousand")

    assert (done.returncode, done.stderr) == (1, "tessera: TESSERA_PORT must be a whole number, not 'eight thousand'\n")


def test_a_database_not_migrated_says_what_to_do(tessera: Run, connection: Connection) -> None:
    connection.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
    connection.commit()

    done = tessera("keys", "list")

    reason = "tessera: the database is not up to date (1 migrations to go); run tessera migrate\n"
    assert (done.returncode, done.stderr) == (1, reason)


def test_migrate_may_be_repeated(tessera: Run) -> None:
    done = tessera("migrate")

    assert (done.returncode, done.stdout) == (0, "The database is up to date.\n")


def test_the_edge_starts_without_django() -> None:
    program = (
        "import sys, tessera.project.cli, tessera.project.serve, tessera.collect.app; print('django' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
