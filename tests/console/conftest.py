"""Staff at their screens: a browser without a screen, logged in, against a database of the test's own."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.test import Client
from django.test.utils import setup_test_environment, teardown_test_environment

from tessera.foundation.database import connect
from tessera.foundation.pool import close_pools

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def contexts() -> Iterator[None]:
    """Answers keep what their templates were given."""
    setup_test_environment()
    yield
    teardown_test_environment()


@pytest.fixture
def live(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that commits as it goes. The console's own pool is closed with it."""
    with connect(autocommit=True) as opened:
        yield opened
    close_pools()


@pytest.fixture
def staff(live: object, workspace_id: int) -> Callable[..., str]:
    """`staff("analyst")` is the e-mail of a new member of staff of that role, whose password is `PASSWORD`."""
    from tessera.access import actions

    def make(role: str = "owner", *, workspace: int = workspace_id) -> str:
        email = f"{role}{workspace}@example.com"
        actions.create_staff(email=email, role=role, workspace_id=workspace, password=PASSWORD)
        return email

    return make


def log_in(client: Client, email: str, password: str = PASSWORD, **extra: Any) -> Any:
    return client.post("/login", {"email": email, "password": password}, **extra)


@pytest.fixture
def desk(staff: Callable[..., str]) -> Callable[..., Client]:
    """`desk("support")` is a client with a new member of staff of that role logged in."""

    def open_desk(role: str = "owner", **where: Any) -> Client:
        client = Client()
        assert log_in(client, staff(role, **where)).status_code == 302
        return client

    return open_desk


@pytest.fixture
def source(live: object, workspace_id: int) -> Any:
    """A source with the id 1 … or whatever it gets; `.id` is what events are sent with."""
    from tessera.workspaces import actions

    return actions.create_source(workspace_id=workspace_id, name="Web shop", allowed_origins=["https://shop.example"])


@pytest.fixture
def stranger_workspace(live: object) -> int:
    """Another base of profiles."""
    from tessera.workspaces import actions

    return actions.create_workspace(slug="other", name="Other").id


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], int]:
    """How many statements something sends, through Django and through the pool alike."""
    sent: list[object] = []
    execute = psycopg.Cursor.execute

    def counted(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        sent.append(query)
        return execute(self, query, *args, **kwargs)

    def count(act: Callable[[], Any]) -> int:
        sent.clear()
        with monkeypatch.context() as patch:
            patch.setattr(psycopg.Cursor, "execute", counted)
            assert act().status_code == 200
        return len(sent)

    return count
