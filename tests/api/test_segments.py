"""Segments by program: conditions in two forms, who is in, why, and lists by hand."""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any
from uuid import UUID, uuid4

import jsonschema_rs
import psycopg
import pytest
from django.db import connections

from factories.analysis import Analysis
from factories.people import message, root
from tessera.audience.warehouse.engines.duck import DuckEngine

SPAIN = 'country = "ES"'
BUYERS = 'did("Order Completed", total > 100) >= 2'


@pytest.fixture
def analysis(live: psycopg.Connection[Any]) -> Iterator[Analysis]:
    engine = DuckEngine(None)
    at_work = Analysis(live, engine)
    with at_work.answering():
        yield at_work
    engine.close()


@pytest.fixture
def people(send: Callable[..., None], live: psycopg.Connection[Any], analysis: Analysis) -> dict[str, UUID]:
    """Ana and Luis of Spain, of whom Ana buys, and Maya of Mexico."""
    lands = {"ana": "ES", "luis": "ES", "maya": "MX"}
    send(
        *(
            message("identify", userId=name, traits={"country": land, "email": f"{name}@example.com"})
            for name, land in lands.items()
        ),
        *(message(userId="ana", event="Order Completed", properties={"total": total}) for total in (120, 20, 300)),
    )
    analysis.settle(most=1000)
    return {name: found for name in lands if (found := root(live, "user_id", name))}


def made(api: Any, name: str, **fields: Any) -> dict[str, Any]:
    answer = api.post("segments", name=name, **fields)
    assert answer.status_code == 200, answer.data
    return dict(answer.data)


def ids(answer: Any) -> set[UUID]:
    return {UUID(member["person_id"]) for member in answer.data["members"]}


def test_a_condition_is_sent_in_either_form_and_answered_in_both(api: Any) -> None:
    by_text = made(api, "Spain", text='  country="ES"', folder="Lands", tags=["core", "core"])
    by_json = made(api, "Spain again", condition=by_text["condition"])

    assert (by_text["text"], by_text["kind"], by_text["freshness"]) == (SPAIN, "dynamic", "asked")
    assert (by_text["tags"], by_text["folder"], by_text["created_by"]) == (["core"], "Lands", "api-key:crm")
    assert (by_json["text"], by_json["condition"]) == (SPAIN, by_text["condition"])
    assert api.get(f"segments/{by_text['id']}").data == by_text
    schema = api.get("segments/condition-schema").data
    assert jsonschema_rs.Draft202012Validator(schema).is_valid(by_text["condition"])
    assert not jsonschema_rs.Draft202012Validator(schema).is_valid({"version": 1, "condition": {"is": "x"}})


def test_a_text_that_is_no_condition_is_told_with_the_place(api: Any) -> None:
    answer = api.post("segments", name="Spain", text=f"{SPAIN}\nand age >< 3")

    assert (answer.status_code, answer.data["code"]) == (422, "invalid_condition")
    assert (answer.data["line"], answer.data["column"]) == (2, 10)
    assert answer.data["hint"] == "and age >< 3\n         ^"
    wrong = api.post("segments", name="Spain", condition={"version": 1, "condition": {"is": "all", "of": [{}]}})
    assert (wrong.status_code, wrong.data["code"]) == (422, "invalid_condition")
    assert "$.condition" in wrong.data["detail"]
    both = api.post("segments", name="Spain", text=SPAIN, condition={"version": 1})
    assert (both.status_code, both.data["code"]) == (422, "invalid_request")
    assert api.get("segments").data == {"segments": [], "next": None}


def test_segments_are_called_by_name_in_the_text(api: Any) -> None:
    spain = made(api, "Spain", text=SPAIN)
    odd = made(api, str(uuid4()), text=SPAIN)
    both = made(api, "Both", text=f'segment("SPAIN") and not segment("{odd["name"]}")')

    assert both["text"] == f'segment("Spain") and not segment("{odd["id"]}")'
    assert both["condition"]["condition"]["of"][0] == {"is": "segment", "segment_id": spain["id"]}
    renamed = api.patch(f"segments/{spain['id']}", name="España").data
    assert (renamed["name"], renamed["version"]) == ("España", 1)
    assert api.get(f"segments/{both['id']}").data["text"].startswith('segment("España")')
    unknown = api.post("segments", name="None", text='segment("Portugal")')
    assert (unknown.status_code, unknown.data["column"]) == (422, 9)
    used = api.get(f"segments/{spain['id']}/used-by").data["segments"]
    assert used == [{"id": both["id"], "name": "Both", "archived": False}]
    refused = api.delete(f"segments/{spain['id']}")
    assert (refused.status_code, refused.data["code"]) == (409, "segment_in_use")
    circle = api.patch(f"segments/{spain['id']}", text='segment("Both")')
    assert (circle.status_code, circle.data["code"]) == (409, "segment_circle")


def test_the_list_is_filtered_and_paged(api: Any) -> None:
    for n in range(5):
        made(api, f"S{n}", folder="odd" if n % 2 else "", tags=[f"t{n}"], text=SPAIN if n < 3 else None)
    first = api.get("segments", limit=2).data
    second = api.get("segments", limit=2, next=first["next"]).data
    last = api.get("segments", limit=2, next=second["next"]).data

    def names(**query: Any) -> list[str]:
        return [each["name"] for each in api.get("segments", **query).data["segments"]]

    assert [each["name"] for page in (first, second, last) for each in page["segments"]] == [
        "S4",
        "S3",
        "S2",
        "S1",
        "S0",
    ]
    assert last["next"] is None
    assert names(folder="odd") == ["S3", "S1"]
    assert names(folder="") == ["S4", "S2", "S0"]
    assert names(tag="t2", kind="dynamic") == ["S2"]
    assert names(kind="static") == ["S4", "S3"]
    assert api.post(f"segments/{first['segments'][0]['id']}/archive").data["archived_at"] is not None
    assert names(archived="true") == ["S4"]
    assert api.get("segments", next="x").data["code"] == "invalid_cursor"
    assert api.get("segments", colour="red").data["code"] == "unknown_parameter"


def test_what_is_not_given_stays(api: Any) -> None:
    kept = made(api, "Spain", text=SPAIN, keep_fresh=True, every_minutes=30, description="all", tags=["a"])
    assert (kept["freshness"], kept["every_minutes"], kept["current"]) == ("kept", 30, False)

    changed = api.patch(f"segments/{kept['id']}", text='country = "MX"').data
    assert (changed["version"], changed["description"], changed["tags"]) == (2, "all", ["a"])
    daily = api.patch(f"segments/{kept['id']}", every_minutes=None, description="").data
    assert (daily["every_minutes"], daily["description"], daily["text"]) == (None, "", 'country = "MX"')
    assert api.patch(f"segments/{kept['id']}", keep_fresh=False).data["freshness"] == "asked"
    assert api.patch(f"segments/{kept['id']}", name=" ").status_code == 422
    static = made(api, "List")
    refused = api.patch(f"segments/{static['id']}", text=SPAIN)
    assert (refused.status_code, refused.data["code"]) == (409, "wrong_segment")


def test_a_preview_counts_and_says_what_each_part_removes(api: Any, people: dict[str, UUID]) -> None:
    told = api.post("segments/preview", text=f"{SPAIN} and {BUYERS}").data

    assert (told["people"], told["total"]) == (1, 3)
    assert [(step["text"], step["left"], step["alone"]) for step in told["funnel"]] == [(SPAIN, 2, 2), (BUYERS, 1, 1)]
    assert told["sample"] == [str(people["ana"])]
    bare = api.post("segments/preview", condition=told["condition"], funnel=False, sample=0).data
    assert (bare["people"], bare["funnel"], bare["sample"]) == (1, None, [])
    assert api.post("segments/preview").data["code"] == "invalid_request"
    assert api.get("segments").data["segments"] == []


def test_members_are_paged_whether_they_are_stored_or_not(
    api: Any, people: dict[str, UUID], analysis: Analysis, live: psycopg.Connection[Any]
) -> None:
    asked, kept = made(api, "Asked", text=SPAIN), made(api, "Kept", text=SPAIN, keep_fresh=True)
    assert api.get(f"segments/{kept['id']}/count").data == {"people": 2, "evaluated": True}
    analysis.settle()

    for segment in (asked, kept):
        first = api.get(f"segments/{segment['id']}/members", limit=1)
        rest = api.get(f"segments/{segment['id']}/members", limit=1, next=first.data["next"])
        assert ids(first) | ids(rest) == {people["ana"], people["luis"]}
        assert rest.data["next"] is None
        stored = segment is kept
        assert (first.data["members"][0]["entered_at"] is not None) == stored
        assert api.get(f"segments/{segment['id']}/count").data == {"people": 2, "evaluated": not stored}
    cursor = api.get(f"segments/{kept['id']}/members", limit=1).data["next"]
    assert api.get(f"segments/{asked['id']}/members", next=cursor).data["code"] == "invalid_cursor"
    static = made(api, "List")
    for segment in (asked, kept, static):
        for odd in ("evaluated:x", "stored:x", "x", f"evaluated:{segment['id']}x"):
            assert api.get(f"segments/{segment['id']}/members", next=odd).data["code"] == "invalid_cursor"
    sizes = api.get(f"segments/{kept['id']}/sizes").data["sizes"]
    assert [each["size"] for each in sizes] == [2]


def test_automatic_exports_are_among_its_uses_and_outlive_it_until_they_are_deleted(api: Any) -> None:
    segment = made(api, "Spain", text=SPAIN, keep_fresh=True)["id"]
    place = {"to": "webhook", "url": "https://lake.example.com/in"}
    export = api.post(f"segments/{segment}/exports", name="Lake", destination=place).data["export"]
    used = api.get(f"segments/{segment}/used-by").data
    assert used == {
        "segments": [], "reports": [], "exports": [{"id": export["export_id"], "name": "Lake", "state": "active"}]
    }  # fmt: skip
    refused = api.patch(f"segments/{segment}", keep_fresh=False)
    assert (refused.status_code, refused.data["code"]) == (409, "segment_in_use")
    (told,) = (
        path["patch"]["responses"]["409"]["content"]["application/problem+json"]["examples"]
        for address, path in api.get("openapi.json").data["paths"].items()
        if address.endswith("/segments/{id}")
    )
    assert "segment_in_use" in told

    assert api.delete(f"segments/{segment}").status_code == 200
    assert [each["name"] for each in api.get(f"segments/{segment}/exports").data["exports"]] == ["Lake"]
    assert api.delete(f"segments/{segment}/exports/{export['export_id']}").data["deleted"]
    assert api.get(f"segments/{segment}/exports").status_code == 404


def test_a_list_is_kept_by_hand_and_each_is_told(api: Any, people: dict[str, UUID]) -> None:
    friends = made(api, "Friends")["id"]
    named = ["email:ana@example.com", str(people["luis"]), "user_id:ana", "nobody@example.com"]
    added = api.post(f"segments/{friends}/members/add", key="k-1", people=named)
    again = api.post(f"segments/{friends}/members/add", key="k-1", people=named)

    assert [each["result"] for each in added.data["results"]] == ["done", "done", "done", "unknown_person"]
    assert (added.data["done"], added.data["already"], added.data["unknown"]) == (3, 0, 1)
    assert (again.data, again["Idempotency-Replayed"]) == (added.data, "true")
    assert api.post(f"segments/{friends}/members/add", people=["user_id:ana"]).data["already"] == 1
    removed = api.post(f"segments/{friends}/members/remove", people=["luis@example.com", "user_id:maya"]).data
    assert [each["result"] for each in removed["results"]] == ["done", "already"]
    assert ids(api.get(f"segments/{friends}/members")) == {people["ana"]}
    assert api.get(f"segments/{friends}/count").data == {"people": 1, "evaluated": False}
    dynamic = made(api, "Spain", text=SPAIN)["id"]
    assert api.post(f"segments/{dynamic}/members/add", people=["user_id:ana"]).data["code"] == "wrong_segment"
    assert api.post(f"segments/{friends}/members/add", people=["x"] * 10_001).status_code == 422


def test_a_snapshot_is_made_once_and_stays(
    api: Any, people: dict[str, UUID], analysis: Analysis, send: Callable[..., None], live: psycopg.Connection[Any]
) -> None:
    spain = made(api, "Spain", text=SPAIN)["id"]
    first = api.post(f"segments/{spain}/snapshot", key="k-1", name="Spain in November")
    live.execute("DELETE FROM access_rememberedreply")  # as if the process died before it remembered its answer
    again = api.post(f"segments/{spain}/snapshot", key="k-1", name="Spain in November")
    other = api.post(f"segments/{spain}/snapshot", name="Spain in November")
    send(message("identify", userId="maya", traits={"country": "ES"}))
    analysis.settle()

    assert (first.data["kind"], first.data["size"]) == ("static", 2)
    assert again.data == first.data
    assert (other.status_code, other.data["code"]) == (409, "segment_name_taken")
    assert ids(api.get(f"segments/{first.data['id']}/members")) == {people["ana"], people["luis"]}
    copy = api.post(f"segments/{first.data['id']}/duplicate", name="Copy").data
    assert (copy["kind"], copy["size"]) == ("static", 2)
    of_static = api.post(f"segments/{copy['id']}/snapshot", name="Copy of the copy").data
    assert (of_static["kind"], of_static["size"]) == ("static", 2)
    assert api.post(f"segments/{spain}/refresh").data["size"] == 3
    noted = live.execute("SELECT action FROM access_auditentry WHERE target LIKE 'segment:%'").fetchall()
    assert [row[0] for row in noted] == ["create_segment"] * 4


def test_a_person_is_explained_part_by_part(api: Any, people: dict[str, UUID]) -> None:
    spain = made(api, "Spain", text=SPAIN)["id"]
    friends = made(api, "Friends")["id"]
    told = api.post("segments/explain", person="user_id:luis", text=f'segment("Spain") and {BUYERS}').data

    assert (told["person_id"], told["holds"]) == (str(people["luis"]), False)
    inner, bought = told["verdict"]["parts"]
    assert (inner["segment"], inner["segment_id"], inner["holds"]) == ("Spain", spain, True)
    assert [(part["text"], part["holds"]) for part in inner["parts"]] == [(SPAIN, True)]
    assert (bought["text"], bought["holds"]) == (BUYERS, False)
    assert api.get(f"segments/{spain}/explain", person="user_id:maya").data["holds"] is False
    assert api.get(f"segments/{friends}/explain", person="user_id:ana").data["holds"] is False
    api.post(f"segments/{friends}/members/add", people=["user_id:ana"])
    assert api.get(f"segments/{friends}/explain", person="user_id:ana").data["holds"] is True
    found = api.get("profiles/user_id:ana/segments").data["segments"]
    assert [(each["name"], each["since"] is None) for each in found] == [("Friends", False), ("Spain", True)]
    assert api.get("profiles/user_id:maya/segments").data == {"segments": []}
    assert api.get(f"segments/{spain}/explain", person="user_id:nobody").status_code == 404
    assert api.post("segments/explain", person="ana", text=SPAIN).status_code == 404


def test_segments_come_and_go(api: Any) -> None:
    spain = made(api, "Spain", text=SPAIN)["id"]
    assert api.post(f"segments/{spain}/archive").data["archived_at"] is not None
    other = made(api, "Spain", text=SPAIN)["id"]
    assert api.post(f"segments/{spain}/restore").data["code"] == "segment_name_taken"
    assert api.delete(f"segments/{other}").data == {"id": other, "deleted": True}
    assert api.post(f"segments/{spain}/restore").data["archived_at"] is None
    assert api.delete(f"segments/{other}").status_code == 404


def test_without_the_analyst_the_rest_goes_on(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tessera.audience.questions.WITHOUT_A_SIGN", 0.05)
    spain = made(api, "Spain", text=SPAIN)["id"]

    away = [
        api.post("segments/preview", text=SPAIN),
        api.get(f"segments/{spain}/count"),
        api.get(f"segments/{spain}/members"),
        api.post(f"segments/{spain}/refresh", key="k-1"),
        api.post(f"segments/{spain}/snapshot", name="Now", key="k-2"),
    ]
    assert {(each.status_code, each.data["code"]) for each in away} == {(503, "analyst_away")}
    assert {each["Retry-After"] for each in away} == {"2"}
    assert [each["name"] for each in api.get("segments").data["segments"]] == ["Spain"]
    state = api.get("analyst").data
    assert state == {"running": False, "engine": None, "behind": None, "lag_ms": None, "seen_at": None}


def test_who_waits_for_the_analyst_keeps_nobody_else_waiting(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three times as many ask as the pool has connections; lists are answered before the first of them gives up."""
    monkeypatch.setattr("tessera.audience.questions.WITHOUT_A_SIGN", 6.0)
    monkeypatch.setattr("tessera.audience.asking.WITHOUT_A_SIGN", 0.2)

    def preview(_: int) -> str:
        try:
            return str(api.post("segments/preview", text=SPAIN).data["detail"])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(24) as threads:
        asked = [threads.submit(preview, n) for n in range(24)]
        wait(asked, return_when=FIRST_COMPLETED)
        listed = [api.get("segments").status_code for _ in range(20)]
        gave_up = {each.result() for each in asked if each.done()}
        details = [each.result() for each in asked]

    assert listed == [200] * 20
    assert {detail[:13] for detail in gave_up} == {"too many wait"}
    assert sum(detail.startswith("the analyst did not answer") for detail in details) == 4


def test_strangers_and_keys_without_the_scope_get_nothing(
    api: Any, stranger: Any, key: Callable[..., Any], people: dict[str, UUID]
) -> None:
    spain = made(api, "Spain", text=SPAIN)["id"]
    reading = key("audience:read")

    paths = ["", "/count", "/members", "/sizes", "/used-by", "/explain?person=user_id:ana"]
    for path in paths:
        assert stranger.get(f"segments/{spain}{path}").status_code == 404, path
        assert reading.get(f"segments/{spain}{path}").status_code == 200, path
        assert key("profiles:write").get(f"segments/{spain}{path}").data["code"] == "missing_scope", path
    for path in ("archive", "restore", "refresh", "duplicate", "snapshot", "members/add", "members/remove"):
        body = {"people": ["x"]} if "members" in path else {"name": "x"} if path in ("duplicate", "snapshot") else {}
        assert stranger.post(f"segments/{spain}/{path}", **body).status_code == 404, path
        assert reading.post(f"segments/{spain}/{path}", **body).data["code"] == "missing_scope", path
    assert stranger.patch(f"segments/{spain}", name="Mine").status_code == 404
    assert stranger.delete(f"segments/{spain}").status_code == 404
    assert stranger.post("segments", name="Mine", text=f'segment("{spain}")').data["code"] == "invalid_condition"
    assert stranger.get("profiles/user_id:ana/segments").status_code == 404
    assert stranger.get("segments").data["segments"] == []
    assert reading.get(f"segments/{spain}").data["name"] == "Spain"


def test_a_key_without_personal_data_asks_for_it_by_whole_values_only(
    api: Any, key: Callable[..., Any], people: dict[str, UUID]
) -> None:
    masked, trusted = key("audience:write"), key("audience:write", "pii:read")
    for text in ('email starts with "a"', 'not email contains "b"', 'identifier("email") ends with ".com"'):
        for path, body in (
            ("segments/preview", {"text": text}),
            ("segments/explain", {"text": text, "person": "user_id:ana"}),
            ("segments", {"name": f"Who {text}", "text": text}),
        ):
            refused = masked.post(path, **body)
            assert (refused.status_code, refused.data["code"]) == (403, "missing_scope"), (path, text)
            assert trusted.post(path, **body).status_code in (200, 201), (path, text)
    assert masked.post("segments/preview", text='email = "ana@example.com"').status_code == 200
    report = {
        "report": "trend",
        "step": {"event": "Order Completed"},
        "period": {"op": "in_last", "days": 7},
        "breakdown": {"by": "attribute", "path": ["email"]},
    }
    assert masked.post("reports/run", **report).data["code"] == "missing_scope"
    assert trusted.post("reports/run", **report).status_code == 200
