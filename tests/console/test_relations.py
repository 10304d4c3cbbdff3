"""Relations on the card: searched for, added, removed and brought back."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.test import Client

from factories.people import ingest, message, root

Live = psycopg.Connection[Any]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def two(live: Live, workspace_id: int) -> tuple[UUID, UUID]:
    ingest(
        live,
        workspace_id,
        [
            message("identify", userId="ana", traits={"firstName": "Ana"}),
            message("identify", userId="bo", traits={"firstName": "Bo", "email": "bo@example.com"}),
        ],
    )
    ana, bo = root(live, "user_id", "ana"), root(live, "user_id", "bo")
    assert ana is not None
    assert bo is not None
    return ana, bo


def shown(client: Client, person: UUID) -> list[tuple[str, str | None]]:
    page = client.get(f"/people/{person}/relations", headers=HTMX)
    return [(line.label, line.facts.other.name) for line in page.context["lines"]]


def test_a_relation_is_added_removed_and_brought_back_from_both_sides(
    desk: Callable[..., Client], two: tuple[UUID, UUID]
) -> None:
    ana, bo = two
    client = desk("marketer")
    found = client.get(f"/people/{ana}/relations/candidates", {"q": "bo"}, headers=HTMX)
    assert [one.profile_id for one in found.context["candidates"]] == [bo]

    client.post(f"/people/{ana}/relations/add", {"type": "parent_of", "to": str(bo)}, headers=HTMX)
    assert (shown(client, ana), shown(client, bo)) == ([("Parent of", "Bo")], [("Child of", "Ana")])

    mine = {"type": "parent_of", "to": str(ana), "outgoing": "0", "properties": "{}"}
    removed = client.post(f"/people/{bo}/relations/remove", mine, headers=HTMX)
    assert "Undo" in removed.text
    assert (shown(client, ana), shown(client, bo)) == ([], [])

    client.post(f"/people/{bo}/relations/add", mine, headers=HTMX)
    assert (shown(client, ana), shown(client, bo)) == ([("Parent of", "Bo")], [("Child of", "Ana")])


def test_somebody_not_seen_yet_may_be_related(desk: Callable[..., Client], two: tuple[UUID, UUID]) -> None:
    client = desk()
    found = client.get(f"/people/{two[0]}/relations/candidates", {"q": "new@example.com"}, headers=HTMX)
    assert found.context["unseen"] == "email:new@example.com"

    client.post(f"/people/{two[0]}/relations/add", {"type": "household", "to": "email:new@example.com"}, headers=HTMX)

    page = client.get(f"/people/{two[0]}/relations", headers=HTMX)
    assert "not seen yet" in page.text


def test_what_will_not_do_is_said(live: Live, desk: Callable[..., Client], two: tuple[UUID, UUID]) -> None:
    client = desk()
    for wrong in (
        {"type": "parent_of", "to": str(two[0])},
        {"type": "nonsense", "to": str(two[1])},
        {"type": "parent_of"},
        {"type": "parent_of", "to": "email:x@example.com", "outgoing": "0"},
        {"type": "parent_of", "to": "email:broken"},
    ):
        answer = client.post(f"/people/{two[0]}/relations/add", wrong, headers=HTMX)
        assert answer.context["refused"], wrong
    assert shown(client, two[0]) == []
    assert live.execute("SELECT count(*) FROM access_auditentry WHERE action ~ 'relation'").fetchone() == (0,)


def test_a_stranger_sees_no_relations(
    desk: Callable[..., Client], two: tuple[UUID, UUID], stranger_workspace: int
) -> None:
    stranger = desk("owner", workspace=stranger_workspace)
    assert stranger.get(f"/people/{two[0]}/relations").status_code == 404
    assert stranger.post(f"/people/{two[0]}/relations/add", {"type": "follows", "to": str(two[1])}).status_code == 404


def test_the_section_costs_the_same_for_one_and_for_three_relations(
    live: Live, workspace_id: int, desk: Callable[..., Client], two: tuple[UUID, UUID], statements: Callable[..., int]
) -> None:
    client, counts = desk(), []
    for number in range(3):
        ingest(live, workspace_id, [message(userId=f"friend-{number}")])
        client.post(f"/people/{two[0]}/relations/add", {"type": "follows", "to": f"user_id:friend-{number}"})
        counts.append(statements(lambda: client.get(f"/people/{two[0]}/relations", headers=HTMX)))
    assert counts[0] == counts[2]
