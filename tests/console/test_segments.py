"""Segments at the screen: their list, what is done to one, people by hand, the page of one."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from factories.people import ingest, message, root
from tessera.audience.conditions.registry import to_json
from tessera.audience.segments import actions, queries
from tessera.audience.segments.records import NewSegment, Segment
from tessera.audience.text.reader import from_text

Live = psycopg.Connection[Any]
Desk = Callable[..., Client]


def made(live: Live, workspace_id: int, name: str, text: str | None = None, **about: Any) -> Segment:
    """A segment by a condition, or a list."""
    new = NewSegment(name=name, condition=to_json(from_text(text)) if text else None, **about)
    with live.transaction():
        return actions.create(live, workspace_id=workspace_id, new=new, actor="ana", now=datetime.now(UTC))


def people(live: Live, workspace_id: int, *users: str) -> list[UUID]:
    said = [
        message("identify", userId=user, traits={"email": f"{user}@example.com", "country": "ES"}) for user in users
    ]
    ingest(live, workspace_id, said)
    return [UUID(str(root(live, "user_id", user))) for user in users]


def members(live: Live, segment: Segment) -> set[UUID]:
    return {one.person_id for one in queries.members_page(live, segment).members}


def flashes(answer: Any) -> str:
    return " ".join(str(one) for one in answer.context["messages"])


def test_an_empty_list_says_what_to_do(live: Live, desk: Desk) -> None:
    page = desk("marketer").get("/segments").text
    assert "Build the first segment" in page
    assert "Build the first segment" not in desk("developer").get("/segments").text


def test_the_list_is_narrowed_by_every_filter(live: Live, workspace_id: int, desk: Desk) -> None:
    made(live, workspace_id, "Spain", 'country = "ES"', folder="Places", tags=("south",))
    made(live, workspace_id, "Friends", folder="People")
    kept = made(live, workspace_id, "Recent", "@last_seen_at in last 7 days", keep_fresh=True)
    client = desk("analyst")

    def named(query: str) -> list[str]:
        return [line.facts.name for line in client.get(f"/segments?{query}").context["lines"]]

    assert named("") == ["Recent", "Friends", "Spain"]  # by folder, then by name
    assert named("q=SPA") == ["Spain"]
    assert named("folder=People") == ["Friends"]
    assert named("tag=south") == ["Spain"]
    assert named("kind=static") == ["Friends"]
    assert named("freshness=kept") == ["Recent"]
    assert named("archived=1") == []
    client.post(f"/segments/{kept.id}/archive")
    assert (named("archived=1"), named("")) == (["Recent"], ["Friends", "Spain"])
    assert "No segment is like that" in client.get("/segments?q=zzz").text


def test_very_many_segments_come_page_by_page(live: Live, workspace_id: int, desk: Desk) -> None:
    for number in range(103):
        made(live, workspace_id, f"List {number:03}")
    client = desk()
    first = client.get("/segments?kind=static")
    rest = client.get(first.context["next"])
    names = [line.facts.name for page in (first, rest) for line in page.context["lines"]]
    assert names == [f"List {number:03}" for number in range(103)]
    assert rest.context["next"] == ""


def test_a_list_is_made_of_what_is_pasted_and_uploaded(live: Live, workspace_id: int, desk: Desk) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    ana, luis, eva = people(live, workspace_id, "ana", "luis", "eva")
    said = {
        "name": "Friends",
        "folder": "By hand",
        "tags": "vip, north , vip",
        "items": f"ana@example.com\nnobody@example.com\n{luis}\nana",
        "file": SimpleUploadedFile("list.csv", "\ufeffemail;name\r\nEVA@example.com;Eva\r\n".encode()),
    }
    answer = desk("marketer").post("/segments/new-list", said)
    (segment,) = queries.all_segments(live, workspace_id)
    assert (segment.name, segment.folder, segment.tags, segment.size) == ("Friends", "By hand", ("north", "vip"), 3)
    assert members(live, segment) == {ana, luis, eva}
    told = answer.context
    assert (told["done"], told["already"], told["unknown"]) == (4, 0, ["nobody@example.com"])

    taken = desk("analyst").post(f"/segments/{segment.id}/list", {"items": "ana\nluis\nxx", "do": "remove"})
    assert (taken.context["done"], taken.context["unknown_count"]) == (2, 1)
    assert members(live, segment) == {eva}


def test_a_list_too_long_to_be_taken_whole_is_not_taken_in_part(live: Live, workspace_id: int, desk: Desk) -> None:
    people(live, workspace_id, "ana")
    segment, client = made(live, workspace_id, "Friends"), desk()
    lines = "ana\n\n" + "x\n" * 100_000
    for address in ("/segments/new-list", f"/segments/{segment.id}/list"):
        file = SimpleUploadedFile("list.csv", lines.encode())
        answer = client.post(address, {"name": "Long", "file": file}, follow=True)
        assert "These are 100,001 lines. At most 100,000 are taken at once" in answer.text
    assert members(live, segment) == set()
    assert [one.name for one in queries.all_segments(live, workspace_id)] == ["Friends"]


def test_three_members_cost_as_many_statements_as_one(
    live: Live, workspace_id: int, desk: Desk, statements: Callable[[Callable[[], Any]], int]
) -> None:
    people(live, workspace_id, "ana", "luis", "eva")
    segment, client = made(live, workspace_id, "Friends"), desk("analyst")
    address = f"/segments/{segment.id}/members"
    client.post(f"/segments/{segment.id}/list", {"items": "ana"})
    client.get(address)
    one = statements(lambda: client.get(address))
    client.post(f"/segments/{segment.id}/list", {"items": "luis\neva"})
    assert statements(lambda: client.get(address)) == one
    assert len(client.get(address).context["members"]) == 3


def test_one_person_is_taken_out_and_brought_back(live: Live, workspace_id: int, desk: Desk) -> None:
    (ana,) = people(live, workspace_id, "ana")
    segment, client = made(live, workspace_id, "Friends"), desk()
    assert client.post(f"/segments/{segment.id}/people/{ana}/add").status_code == 302
    assert members(live, segment) == {ana}
    page = client.post(f"/segments/{segment.id}/people/{ana}/remove", follow=True)
    assert members(live, segment) == set()
    assert f"/segments/{segment.id}/people/{ana}/add" in page.text  # the toast's way back
    nobody = "01932a5e-0000-7000-8000-000000000000"
    assert client.post(f"/segments/{segment.id}/people/{nobody}/add").status_code == 404


def test_refusals_name_who_is_in_the_way(live: Live, workspace_id: int, desk: Desk) -> None:
    one = made(live, workspace_id, "One", 'country = "ES"')
    made(live, workspace_id, "Two", f'segment("{one.id}")')
    client = desk()
    for deed in ("archive", "delete"):
        answer = client.post(f"/segments/{one.id}/{deed}", follow=True)
        assert "“Two”" in flashes(answer)
    assert queries.segment_by_id(live, workspace_id, one.id).archived_at is None
    again = client.post("/segments/new-list", {"name": "two"})
    assert again.status_code == 400
    assert "There is a segment of that name already." in again.text
    page = client.get(f"/segments/{one.id}").text
    assert "Two" in page
    circle = {"text": 'segment("Two")', "side": "text", "name": "One", "do": "save"}
    assert "One → Two → One" in client.post(f"/segments/{one.id}/edit", circle).text


def test_what_ends_with_a_segment_is_said_before(live: Live, workspace_id: int, desk: Desk) -> None:
    from tessera.audience.insight import saved

    people(live, workspace_id, "ana")
    one = made(live, workspace_id, "One", 'country = "ES"', keep_fresh=True)
    asked = {"report": "trend", "period": {"op": "in_last", "days": 3}, "step": {"event": "a"}}
    asked["people"] = {"is": "segment", "segment_id": str(one.id)}
    new = saved.NewReport(name="<b>Orders</b>", request=json.dumps(asked).encode())
    with live.transaction():
        report = saved.save(live, workspace_id=workspace_id, new=new, actor="ana", now=datetime.now(UTC))
    owner, hook = desk(), {"name": "Hook", "to": "webhook", "url": "https://lake.example.com/in", "when": "change"}
    owner.post("/segment-exports/new", hook | {"segment": str(one.id), "format": "csv", "identifiers": ["email"]})
    page = owner.get(f"/segments/{one.id}").text
    assert f'href="/reports/saved/{report.id}"' in page
    assert f'href="/segment-exports?segment={one.id}"' in page
    dialogs = {name: page.split(f'<dialog id="{name}"')[1].split("</dialog>")[0] for name in ("archive", "delete")}
    assert "These kept reports go on asking about it: “&lt;b&gt;Orders&lt;/b&gt;”." in dialogs["archive"]
    assert "To these kept reports nobody is in it any more: “&lt;b&gt;Orders&lt;/b&gt;”." in dialogs["delete"]
    assert "Its automatic exports end." in dialogs["delete"]
    masked = desk("analyst").get(f"/segments/{one.id}").text
    assert f'href="/reports/saved/{report.id}"' in masked
    assert "/segment-exports" not in masked  # who may not export is told of none


def test_a_segment_is_duplicated_archived_taken_back_and_deleted(live: Live, workspace_id: int, desk: Desk) -> None:
    (ana,) = people(live, workspace_id, "ana")
    segment, client = made(live, workspace_id, "Friends"), desk("analyst")
    client.post(f"/segments/{segment.id}/list", {"items": "ana"})
    client.post(f"/segments/{segment.id}/duplicate", {"name": ""})
    copy = next(one for one in queries.all_segments(live, workspace_id) if one.id != segment.id)
    assert (copy.name, members(live, copy)) == ("Copy of Friends", {ana})
    client.post(f"/segments/{copy.id}/archive")
    assert queries.segment_by_id(live, workspace_id, copy.id).archived_at is not None
    client.post(f"/segments/{copy.id}/restore")
    assert queries.segment_by_id(live, workspace_id, copy.id).archived_at is None
    client.post(f"/segments/{copy.id}/snapshot", {"name": "Then"})
    assert {one.name for one in queries.all_segments(live, workspace_id)} == {"Friends", "Copy of Friends", "Then"}
    client.post(f"/segments/{copy.id}/delete")
    assert client.get(f"/segments/{copy.id}").status_code == 404
    noted = live.execute("SELECT action FROM access_auditentry WHERE target = %s", (f"segment:{copy.id}",)).fetchall()
    assert {row[0] for row in noted} == {"create_segment", "archive_segment", "restore_segment", "delete_segment"}


def test_freshness_is_switched(live: Live, workspace_id: int, desk: Desk) -> None:
    segment, client = made(live, workspace_id, "Spain", 'country = "ES"'), desk()
    client.post(f"/segments/{segment.id}/freshness", {"keep_fresh": "1", "every_minutes": "15"})
    now = queries.segment_by_id(live, workspace_id, segment.id)
    assert (now.freshness, now.every_minutes) == ("kept", 15)
    client.post(f"/segments/{segment.id}/freshness", {"keep_fresh": "0", "every_minutes": "15"})
    now = queries.segment_by_id(live, workspace_id, segment.id)
    assert (now.freshness, now.every_minutes) == ("asked", None)


def test_a_page_tells_the_condition_the_sizes_and_the_changes(live: Live, workspace_id: int, desk: Desk) -> None:
    from tessera.audience.segments import store

    segment = made(live, workspace_id, "Spain", 'country = "ES" and @last_seen_at in last 7 days', description="South")
    for hour, size in ((9, 4), (10, 6)):
        store.note_size(live, segment, size, datetime.now(UTC).replace(hour=hour, minute=0))
    owner = desk().get(f"/segments/{segment.id}")
    assert owner.context["chart"]["size"] == [4, 6]
    assert "made a segment" in owner.text
    assert owner.context["text"] == 'country = "ES"\nand @last_seen_at in last 7 days'
    analyst = desk("analyst").get(f"/segments/{segment.id}")
    assert "made a segment" not in analyst.text
    assert "country" in analyst.context["sentence"].lower()


def test_without_an_analyst_all_but_counting_works(live: Live, workspace_id: int, desk: Desk) -> None:
    segment, client = made(live, workspace_id, "Spain", 'country = "ES"'), desk()
    assert "the analyst is not running" in client.get(f"/segments/{segment.id}/members").text
    assert "the analyst is not running" in client.post(f"/segments/{segment.id}/refresh", follow=True).text
    assert "the analyst is not running" in client.post("/segments/count", {"text": 'country = "ES"'}).text
    assert "the analyst is not running" in client.post("/segments/preview", {"text": 'country = "ES"'}).text
    client.post(f"/segments/{segment.id}/snapshot")
    assert [one.name for one in queries.all_segments(live, workspace_id)] == ["Spain"]


def test_the_card_shows_segments_and_puts_into_lists(live: Live, workspace_id: int, desk: Desk) -> None:
    (ana,) = people(live, workspace_id, "ana")
    made(live, workspace_id, "Spain", 'country = "ES"')
    made(live, workspace_id, "Mexico", 'country = "MX"')
    friends, client = made(live, workspace_id, "Friends"), desk("analyst")
    address = f"/people/{ana}/segments"

    def shown() -> list[str]:
        return [one.name for one, _freshness in client.get(address).context["belongings"]]

    assert shown() == ["Spain"]
    put = client.post(f"{address}/change", {"segment": str(friends.id)}, headers={"HX-Request": "true"})
    assert "They are in “Friends” now." in put.text
    assert shown() == ["Friends", "Spain"]
    client.post(f"{address}/change", {"segment": str(friends.id), "do": "remove"})
    assert shown() == ["Spain"]
    assert client.get(f"/people/{ana}").status_code == 200


def test_the_catalogue_says_which_segments_use_a_name(live: Live, workspace_id: int, desk: Desk) -> None:
    from tessera.console.uses import by_segments

    made(live, workspace_id, "Spain", 'address.country = "ES"')
    made(live, workspace_id, "Buyers", 'did("Order Completed", total > 3)')
    asked = [("attribute", "", "address"), ("event", "", "Order Completed"), ("property", "Order Completed", "total")]
    assert [[use.text for use in by_segments(workspace_id, field)] for field in asked] == [
        ["The segment “Spain”"], ["The segment “Buyers”"], ["The segment “Buyers”"],
    ]  # fmt: skip
    assert by_segments(workspace_id, ("attribute", "", "country")) == []


def test_why_is_answered_for_lists_and_conditions(live: Live, workspace_id: int, desk: Desk) -> None:
    (ana,) = people(live, workspace_id, "ana")
    segment = made(live, workspace_id, "Spain", 'country = "ES" and not age > 40')
    friends, client = made(live, workspace_id, "Friends"), desk("support")
    answer = client.get(f"/segments/{segment.id}/why/{ana}")
    tree = answer.context["tree"]
    assert (answer.context["holds"], [part.holds for part in tree.parts]) == (True, [True, True])
    assert not client.get(f"/segments/{friends.id}/why/{ana}").context["holds"]
    found = client.get(f"/segments/candidates?segment={segment.id}&q=ana@example.com")
    assert f"/segments/{segment.id}/why/{ana}" in found.text


def test_a_stranger_finds_nothing(live: Live, workspace_id: int, desk: Desk, stranger_workspace: int) -> None:
    (ana,) = people(live, workspace_id, "ana")
    segment = made(live, workspace_id, "Friends")
    stranger = desk(workspace=stranger_workspace)
    for page in ("", "/edit", "/members", f"/why/{ana}"):
        assert stranger.get(f"/segments/{segment.id}{page}").status_code == 404, page
    for deed in ("duplicate", "archive", "restore", "delete", "freshness", "refresh", "snapshot", "list"):
        answer = stranger.post(f"/segments/{segment.id}/{deed}", {"items": "ana", "name": "x"})
        assert answer.status_code == 404, deed
    assert stranger.get(f"/people/{ana}/segments").status_code == 404
    assert stranger.post(f"/segments/explain/{ana}", {"text": "everyone"}).status_code == 404
    assert stranger.get("/segments").context["lines"] == []


@pytest.mark.parametrize("address", ["/segments?after=%00", "/segments?folder=%00x", "/segments/new?text=%22"])
def test_odd_addresses_break_nothing(live: Live, desk: Desk, address: str) -> None:
    assert desk().get(address).status_code == 200
