"""What a command stands on: the database, and Django for those that need it.

Django is imported by function, not by module: `tessera collect` must never load it, and `--help` need not wait for it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tessera.foundation.embedded import borrowed_server
from tessera.foundation.errors import NotFound
from tessera.foundation.settings import settings

if TYPE_CHECKING:
    from tessera.workspaces.queries import WorkspaceFacts

ACTOR = "command line"
"""How the audit trail names whoever may run commands on this machine."""


@contextmanager
def database() -> Iterator[None]:
    """The database can be reached while inside; the embedded server is started for the occasion when it is not up."""
    if settings().database_url:
        yield
    else:
        with borrowed_server(settings().home):
            yield


@contextmanager
def django() -> Iterator[None]:
    """As `database`, with Django's models ready to be imported. Raises `SetupError` on a database not migrated."""
    with django_unmigrated():
        from tessera.project.migrate import require_migrated

        require_migrated()
        yield


@contextmanager
def django_unmigrated() -> Iterator[None]:
    """As `django`, whatever the state of the database's tables."""
    load_django()
    from django.db import connections

    with database():
        try:
            yield
        finally:
            connections.close_all()


def load_django() -> None:
    """Make Django's models ready to be imported."""
    import django as framework

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tessera.project.settings")
    framework.setup()


def workspace_called(slug: str) -> "WorkspaceFacts":
    """Raises `NotFound` naming the workspaces there are."""
    from tessera.workspaces import queries

    found = queries.workspace_by_slug(slug)
    if found is None:
        there = ", ".join(workspace.slug for workspace in queries.workspaces())
        raise NotFound(f"no workspace {slug}; there is {there or 'none'}")
    return found
