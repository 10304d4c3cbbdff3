"""Settling in: what a new installation needs before anybody can use it, and the facts to greet people with."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

OWNER = "owner@example.com"
_WELCOME_SOURCES = (("Web site", "site", ("*",)), ("Mobile app", "app", ()), ("Server", "server", ()))


class Settled(Struct, frozen=True):
    """Who can log in and what can send. `password` only when it was made just now."""

    email: str
    password: str | None
    login_file: str
    write_key: str | None
    people: int


def settle_in(*, people: int, days: int, seed: int, progress: Callable[[int, int], None] | None) -> Settled:
    """Make sources with write keys, the demo world of `people` over `days`, and the owner's account.

    The owner comes last: an installation with staff has been settled, and one that was interrupted before starts over.
    Django must be loaded and the database migrated.
    """
    from tessera.access import queries as access
    from tessera.foundation.settings import settings
    from tessera.project.migrate import MAIN_WORKSPACE
    from tessera.workspaces import queries as workspaces

    workspace = workspaces.workspace_by_slug(MAIN_WORKSPACE)
    assert workspace is not None, "migrate makes it"
    login_file = settings().home / "first-login.txt"
    staff, password = [member for member in access.staff_members() if member.revoked_at is None], None
    if not staff:
        _make_sources(workspace.id)
        if people:
            _make_world(people=people, days=days, seed=seed, progress=progress)
        password = _make_owner(workspace.id, login_file)
    keys = [key for key in workspaces.write_keys(workspace.id) if key.revoked_at is None]
    return Settled(
        email=staff[0].email if staff else OWNER,
        password=password,
        login_file=str(login_file),
        write_key=keys[0].key if keys else None,
        people=people if password else 0,
    )


def _make_world(*, people: int, days: int, seed: int, progress: Callable[[int, int], None] | None) -> None:
    """The demo world; where somebody is in the workspace already, an interrupted first run put it there."""
    from tessera.project.demo import WorkspaceNotEmpty, load

    with suppress(WorkspaceNotEmpty):
        load(people=people, days=days, seed=seed, progress=progress)


def _make_sources(workspace_id: int) -> None:
    from tessera.workspaces import actions, queries

    for name, kind, origins in _WELCOME_SOURCES:
        source = queries.source_by_name(workspace_id, name)
        if source is None:
            source = actions.create_source(workspace_id=workspace_id, name=name, kind=kind, allowed_origins=origins)
        if not queries.write_keys(workspace_id, source_id=source.id):
            actions.create_write_key(source.id, workspace_id=workspace_id, name="first")


def _make_owner(workspace_id: int, login_file: Path) -> str:
    from tessera.access import actions
    from tessera.foundation.settings import settings

    owner = actions.create_staff(email=OWNER, role="owner", workspace_id=workspace_id)
    text = f"{settings().public_console_url}\ne-mail: {owner.email}\npassword: {owner.password}\n"
    login_file.unlink(missing_ok=True)
    descriptor = os.open(login_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return owner.password
