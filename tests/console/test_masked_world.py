"""What a whole workspace tells who must not see personal data: imports, exports, duplicates, audit, quality and all."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.test import Client

from console.readings import Reading, endpoints, screens
from factories.world import World

Live = psycopg.Connection[Any]

UNSEEN = ("zqxjkv", "60077788", "1980-02-0", "garcía", "fernández", "anagarc", "annagarc")
"""Whole values of people: names, contacts, a birthday, what was written about them."""


@pytest.fixture
def world(live: Live, workspace_id: int) -> World:
    made = World(live, workspace_id)
    made.grow(2)
    return made


def told_to(client: Client, readings: list[Reading]) -> dict[tuple[str, str], list[str]]:
    """Where what is not to be seen was told."""
    found = {}
    for one in readings:
        text = one.ask(client).told.lower()
        if leaks := [value for value in UNSEEN if value in text]:
            found[(one.name, one.address.partition("?")[2])] = leaks
    return found


@pytest.mark.parametrize("role", ["admin", "marketer", "support", "developer", "analyst"])
def test_no_screen_tells_who_does_not_see_people(
    role: str, desk: Callable[..., Client], world: World, workspace_id: int
) -> None:
    from tessera.access import staffing
    from tessera.access.queries import staff_by_email

    seeing, blind = desk("owner"), desk(role)
    member = staff_by_email(f"{role}{workspace_id}@example.com")
    assert member is not None
    staffing.change_staff(
        member.account_id,
        workspace_id=workspace_id,
        change=staffing.Change(role, sees_pii=False),
        by=staffing.COMMAND_LINE,
    )
    walked = screens(seeing, world)

    assert told_to(blind, walked) == {}
    assert {"person", "history", "people", "live", "duplicate"} <= {name for name, _ in told_to(seeing, walked)}


def test_no_endpoint_tells_a_key_that_does_not_see_people(world: World, workspace_id: int) -> None:
    from tessera.access.actions import create_api_key
    from tessera.access.scopes import SCOPES, SEE_PII

    def client(*scopes: str) -> Client:
        token = create_api_key(workspace_id=workspace_id, name="k", scopes=scopes).token
        return Client(headers={"Authorization": f"Bearer {token}"})

    seeing, blind = client(*SCOPES), client(*(scope for scope in SCOPES if scope != SEE_PII))
    walked = list(endpoints(world))

    assert told_to(blind, walked) == {}
    told = {name for name, _ in told_to(seeing, walked)}
    assert {"get_person", "list_events", "list_relations", "export_person", "import_errors", "list_audit"} <= told
