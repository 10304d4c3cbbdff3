"""Joining two people by hand and taking them apart again."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.test import Client

from factories.people import ingest, message, people, root

Live = psycopg.Connection[Any]


@pytest.fixture
def two(live: Live, workspace_id: int, source: Any) -> tuple[UUID, UUID]:
    """Ana of the shop and Ana of the till, who are one."""
    ingest(
        live,
        workspace_id,
        [
            message("identify", userId="ana", traits={"email": "ana@example.com", "firstName": "Ana"}),
            message("identify", anonymousId="till-7", traits={"phone": "+34600000001", "lastName": "García"}),
        ],
        source_id=source.id,
    )
    shop, till = root(live, "user_id", "ana"), root(live, "anonymous_id", "till-7")
    assert shop is not None
    assert till is not None
    return shop, till


def undo_of(answer: Any) -> str:
    """Where the toast's button leads that takes back what was just done."""
    found = re.search(r'data-toast>.*?action="([^"]+)"', answer.text)
    return found.group(1) if found else ""


def test_the_other_one_is_found_and_shown_beside(desk: Callable[..., Client], two: tuple[UUID, UUID]) -> None:
    shop, till = two
    client = desk()

    found = client.get(f"/people/{shop}/merge", {"q": "García"}, headers={"HX-Request": "true"})
    preview = client.get(f"/people/{shop}/merge/{till}")

    assert [one.profile_id for one in found.context["candidates"]] == [till]
    assert client.get(f"/people/{shop}/merge", {"q": "ana"}).context["candidates"] == []
    shown = {label: (left and left.value, right and right.value) for label, left, right in preview.context["rows"]}
    assert shown["First name"] == ("Ana", None)
    assert shown["Phone"] == (None, "+34600000001")


def test_merged_and_split_again(
    live: Live, desk: Callable[..., Client], two: tuple[UUID, UUID], workspace_id: int
) -> None:
    from tessera.access.queries import audit_entries

    shop, till = two
    client, before = desk("marketer"), people(live)

    merged = client.post(f"/people/{shop}/merge/{till}", {"keep": str(till), "reason": "same phone"}, follow=True)

    assert merged.redirect_chain == [(f"/people/{till}", 302)]
    assert "They are one person now." in merged.text
    (story,) = merged.context["merges"]
    assert (story.actor, story.reason, story.kept, story.absorbed) == (
        "marketer1@example.com",
        "same phone",
        till,
        shop,
    )
    assert {one.facts.value for one in merged.context["identifiers"]["first"]} >= {"ana", "till-7"}

    split = client.post(f"/people/{till}/split/{story.merge_id}", follow=True)

    assert "The merge is undone" in split.text
    assert f'href="/people/{shop}"' in split.text
    (story,) = split.context["merges"]
    assert story.undone_by == "marketer1@example.com"
    assert people(live) == before
    assert [entry.action for entry in audit_entries(workspace_id)][:2] == ["split_profiles", "merge_profiles"]


def test_a_merge_needs_a_reason(live: Live, desk: Callable[..., Client], two: tuple[UUID, UUID]) -> None:
    shop, till = two

    answer = desk().post(f"/people/{shop}/merge/{till}", {"keep": str(shop), "reason": " "})

    assert answer.status_code == 400
    assert root(live, "anonymous_id", "till-7") == till


def test_somebody_else_cannot_be_kept(desk: Callable[..., Client], two: tuple[UUID, UUID]) -> None:
    shop, till = two

    answer = desk().post(f"/people/{shop}/merge/{till}", {"keep": str(uuid4()), "reason": "x"})

    assert "Select a valid choice." in answer.text


def test_a_refusal_is_said_and_proves_nothing_changed(
    live: Live, desk: Callable[..., Client], two: tuple[UUID, UUID], workspace_id: int, source: Any
) -> None:
    from tessera.access.queries import audit_entries

    ingest(live, workspace_id, [message("identify", userId="bob")], source_id=source.id)
    shop, bob = two[0], root(live, "user_id", "bob")
    before = people(live)

    answer = desk().post(f"/people/{shop}/merge/{bob}", {"keep": str(shop), "reason": "a mistake"})

    assert "They stay apart. Two different user IDs are two people." in answer.text
    assert people(live) == before
    assert "merge_profiles" not in {entry.action for entry in audit_entries(workspace_id)}


def test_one_merge_is_undone_once(desk: Callable[..., Client], two: tuple[UUID, UUID]) -> None:
    shop, till = two
    client = desk()
    merged = client.post(f"/people/{shop}/merge/{till}", {"keep": str(shop), "reason": "same"}, follow=True)
    undo = f"/people/{shop}/split/{merged.context['merges'][0].merge_id}"

    client.post(undo)

    assert "This merge was undone already." in client.post(undo, follow=True).text


def test_a_merge_of_others_is_not_undone_from_here(
    live: Live, desk: Callable[..., Client], two: tuple[UUID, UUID], workspace_id: int, source: Any
) -> None:
    shop, till = two
    client = desk()
    merged = client.post(f"/people/{shop}/merge/{till}", {"keep": str(shop), "reason": "same"}, follow=True)
    ingest(live, workspace_id, [message(userId="bob")], source_id=source.id)
    bob = root(live, "user_id", "bob")

    assert client.post(f"/people/{bob}/split/{merged.context['merges'][0].merge_id}").status_code == 404
    assert root(live, "anonymous_id", "till-7") == shop


def test_people_of_another_workspace_cannot_be_drawn_in(
    live: Live, desk: Callable[..., Client], two: tuple[UUID, UUID], stranger_workspace: int
) -> None:
    ingest(live, stranger_workspace, [message(userId="eve")])
    (eve,) = live.execute("SELECT id FROM identity_profile WHERE workspace_id = %s", (stranger_workspace,)).fetchall()

    answer = desk().post(f"/people/{two[0]}/merge/{eve[0]}", {"keep": str(two[0]), "reason": "x"})

    assert answer.status_code == 404


def test_a_split_shows_first_what_would_move(live: Live, desk: Callable[..., Client], two: tuple[UUID, UUID]) -> None:
    shop, till = two
    client, before = desk(), people(live)
    merged = client.post(f"/people/{shop}/merge/{till}", {"keep": str(shop), "reason": "same"}, follow=True)
    merge = merged.context["merges"][0].merge_id
    together = people(live)

    preview = client.get(f"/people/{shop}/split/{merge}")

    stays, leaves = preview.context["sides"]
    assert (stays.profile_id, {one.value for one in stays.identifiers}) == (shop, {"ana", "ana@example.com"})
    assert (leaves.profile_id, {one.value for one in leaves.identifiers}) == (till, {"till-7", "+34600000001"})
    assert people(live) == together, "looking changes nothing"
    client.post(f"/people/{shop}/split/{merge}")
    assert people(live) == before
    again = client.get(f"/people/{shop}/split/{merge}", follow=True)
    assert "This merge was undone already." in again.text


def test_a_merge_and_a_split_can_be_taken_back_at_once(
    live: Live, desk: Callable[..., Client], two: tuple[UUID, UUID], workspace_id: int
) -> None:
    from tessera.access.queries import audit_entries

    shop, till = two
    client, apart = desk("support"), people(live)

    merged = client.post(f"/people/{shop}/merge/{till}", {"keep": str(shop), "reason": "same"}, follow=True)
    together = people(live)
    split = client.post(undo_of(merged), follow=True)
    assert people(live) == apart
    redo = undo_of(split)
    joined = client.post(redo, follow=True)

    assert people(live) == together
    assert [story.reason for story in joined.context["merges"]] == ["same", "same"]
    assert undo_of(joined)
    assert undo_of(client.get(f"/people/{shop}")) == "", "it is offered once"
    assert client.post(redo).status_code == 302
    assert [entry.action for entry in audit_entries(workspace_id)][:3] == [
        "merge_profiles",
        "split_profiles",
        "merge_profiles",
    ]


def test_what_is_together_cannot_be_merged_again(desk: Callable[..., Client], two: tuple[UUID, UUID]) -> None:
    shop, till = two
    client = desk()
    merged = client.post(f"/people/{shop}/merge/{till}", {"keep": str(shop), "reason": "same"}, follow=True)
    merge = merged.context["merges"][0].merge_id
    assert client.post(f"/people/{shop}/merge-again/{merge}").status_code == 404
    assert client.post(f"/people/{shop}/merge-again/{uuid4()}").status_code == 404
