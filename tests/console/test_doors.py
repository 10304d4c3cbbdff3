"""Every address of the process, walked: forged forms, side doors, strangers."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.test import Client

from console.addresses import OPEN_TO_ALL, address_of, all_patterns, console_patterns
from console.conftest import PASSWORD, log_in
from factories.people import ingest, message, root

HEALTH = {"/healthz", "/readyz", "/metrics"}


def test_no_form_of_another_site_is_taken(desk: Callable[..., Client]) -> None:
    """Neither logged in nor not: every POST without the session's token is refused before its view is asked."""
    inside, outside = desk("owner"), Client(enforce_csrf_checks=True)
    inside.handler.enforce_csrf_checks = True

    for pattern in console_patterns():
        answer = inside.post(address_of(pattern))
        assert answer.status_code == 403, pattern.name
        assert "This page was too old" in answer.text, pattern.name
    for name in OPEN_TO_ALL:
        (pattern,) = [one for one in console_patterns() if one.name == name]
        assert outside.post(address_of(pattern)).status_code == 403, name


def test_nothing_the_process_serves_lets_in_by_another_way(staff: Callable[..., str]) -> None:
    """Whatever address is tried, with or without credentials in the form, no session is logged in afterwards."""
    email = staff("owner")
    from console.test_second_step import enrolled

    enrolled(email)
    credentials = {"email": email, "username": email, "password": PASSWORD}
    for path, pattern in all_patterns():
        client = Client(raise_request_exception=False)
        address = path if path.startswith(("/api/", *HEALTH)) else address_of(pattern)
        client.post(address, credentials)
        client.get(address, credentials)
        assert client.get("/people").status_code == 302, path


def test_only_what_is_named_is_open() -> None:
    open_views = {
        pattern.name
        for path, pattern in all_patterns()
        if not getattr(pattern.callback, "login_required", True) and not path.startswith("/api/")
    }

    assert {name for name in open_views if name} == OPEN_TO_ALL
    assert {path for path, one in all_patterns() if not one.name} == HEALTH


def test_there_is_no_admin_site() -> None:
    served = [path for path, _pattern in all_patterns()]

    assert not [path for path in served if "admin" in path]
    assert not [pattern for _path, pattern in all_patterns() if "django.contrib" in pattern.callback.__module__]


@pytest.fixture
def elsewhere(live: psycopg.Connection[Any], stranger_workspace: int, staff: Callable[..., str]) -> dict[str, Any]:
    """Ids of everything, all of another workspace."""
    from datetime import UTC, datetime

    from tessera.access import actions as access
    from tessera.access import staffing
    from tessera.access.queries import staff_by_email
    from tessera.identity import actions as identity
    from tessera.workspaces import actions as workspaces

    source = workspaces.create_source(workspace_id=stranger_workspace, name="Theirs")
    key = workspaces.create_write_key(source.id, workspace_id=stranger_workspace, name="key")
    api_key = access.create_api_key(workspace_id=stranger_workspace, name="theirs", scopes=["profiles:read"])
    ingest(live, stranger_workspace, [message(userId="zoe"), message(userId="max")], source_id=source.id)
    member = staff_by_email(staff("support", workspace=stranger_workspace))
    assert member is not None
    invitation = staffing.invite_staff(
        workspace_id=stranger_workspace,
        email="cy@example.com",
        role="support",
        by=staffing.COMMAND_LINE,
        now=datetime.now(UTC),
    )
    zoe, anonymous = (root(live, "user_id", name) for name in ("zoe", "max"))
    ingest(live, stranger_workspace, [message(anonymousId="a-1")], source_id=source.id)
    guest = root(live, "anonymous_id", "a-1")
    assert zoe is not None
    assert guest is not None
    with live.transaction():
        merge = identity.merge_profiles(
            live,
            workspace_id=stranger_workspace,
            keep=zoe,
            absorb=guest,
            reason="same",
            actor="x",
            now=datetime.now(UTC),
        )
    return {
        "profile_id": zoe,
        "other_id": anonymous,
        "merge_id": merge.merge_id,
        "source_id": source.id,
        "key_id": api_key.id if api_key.id != key.id else key.id,
        "account_id": member.account_id,
        "invitation_id": invitation.invitation.id,
        "passkey_id": UUID(int=7),
    }


def test_a_stranger_finds_nothing_anywhere(desk: Callable[..., Client], elsewhere: dict[str, Any]) -> None:
    """Every view with an id in its address, asked for what another workspace has: not found, whatever the method."""
    client = desk("owner")
    walked = 0
    for pattern in console_patterns():
        if "<" not in str(pattern.pattern) or pattern.name == "join":
            continue
        walked += 1
        statuses = {client.get(address_of(pattern, elsewhere)).status_code}
        statuses.add(client.post(address_of(pattern, elsewhere)).status_code)
        assert statuses <= {404, 405}, (pattern.name, statuses)
    assert walked > 25


def test_the_cookies_are_shut_to_scripts_and_other_sites(staff: Callable[..., str]) -> None:
    client = Client()
    client.get("/login")
    log_in(client, staff("owner"))

    for name in ("tessera_console", "tessera_console_csrf"):
        cookie = client.cookies[name]
        assert (bool(cookie["httponly"]), cookie["samesite"], cookie["path"], cookie["domain"]) == (
            True,
            "Lax",
            "/",
            "",
        )


def test_over_https_the_cookies_stay_there() -> None:
    """A process of its own, because the settings are read once."""
    import os
    import subprocess
    import sys

    program = (
        "import django; django.setup(); from django.conf import settings as s;"
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE)"
    )
    surroundings = os.environ | {"TESSERA_CONSOLE_URL": "https://console.example"}
    said = subprocess.run(
        [sys.executable, "-c", program], env=surroundings, capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout.split() == ["True", "True"]
