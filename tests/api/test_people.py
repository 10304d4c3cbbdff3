"""Finding people and reading what is known of them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import md5
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from factories import people
from factories.analysis import Analysis
from tessera.audience.warehouse.engines.duck import DuckEngine


def test_a_person_is_read_whole(api, ana):
    assert {(i["kind"], i["value"]) for i in ana["identifiers"]} == {
        ("anonymous_id", "a-1"),
        ("user_id", "u-1"),
        ("email", "ana@example.com"),
    }
    assert ana["attributes"] == {"email": "ana@example.com", "first_name": "Ana", "last_name": "Lee", "plan": "pro"}
    assert ana["events"]["Order Completed"]["count"] == 2
    assert ana["events"]["Order Completed"]["first_at"] == "2026-10-02T10:00:00Z"
    assert ana["events"]["Order Completed"]["last_at"] == "2026-10-03T10:00:00Z"
    assert (ana["purchases"]["count"], ana["purchases"]["revenue"]) == (2, 60.0)
    assert ana["md5"] == md5(ana["profile_id"].encode(), usedforsecurity=False).hexdigest()
    assert ana["person_id"] == ana["profile_id"]
    assert ana["status"] == "subscribed"


def test_somebody_without_an_email_has_a_placeholder(guest):
    assert guest["email"] == f"{guest['profile_id']}@localhost"
    assert guest["email_is_placeholder"] is True


def test_every_name_of_a_person_leads_to_them(api, ana, guest):
    api.post("profiles/merge", keep=ana["profile_id"], absorb=guest["profile_id"], reason="one customer")
    names = [
        ana["profile_id"],
        guest["profile_id"],
        guest["profile_id"].upper(),
        f"profile_id:{guest['profile_id']}",
        f"md5:{guest['md5']}",
        f"xxh:{ana['xxh']}",
        "email:ANA@example.com",
        "user_id:u-1",
        "anonymous_id:g-1",
    ]

    assert {api.get(f"profiles/{quote(name)}").data["person_id"] for name in names} == {ana["person_id"]}
    listed = [api.get("profiles", identifier=name).data["profiles"] for name in names if ":" in name]
    assert [[one["person_id"] for one in page] for page in listed] == [[ana["person_id"]]] * len(listed)
    person = api.get(f"profiles/{guest['profile_id']}").data
    assert {member["profile_id"] for member in person["members"]} == {ana["profile_id"], guest["profile_id"]}


def test_an_identifier_may_hold_slashes_and_colons(api, send):
    external = [{"id": "a/b:c/events", "type": "crm", "collection": "users", "encoding": "none"}]
    send(people.message(anonymousId="x-1", context={"externalIds": external}))

    person = api.get("profiles/external:crm:a%2Fb%3Ac%2Fevents?")
    found = api.get("profiles", identifier="external:crm:a/b:c/events").data["profiles"]

    assert len(found) == 1
    assert person.status_code == 404  # ends like the history's address, so it must be asked for by identifier=
    assert api.get("profiles/anonymous_id:x-1").data["person_id"] == found[0]["person_id"]


def test_people_are_paged_newest_first(api, send):
    for number in range(5):
        send(people.message(anonymousId=f"p-{number}"))

    first = api.get("profiles", limit=2).data
    second = api.get("profiles", limit=2, next=first["next"]).data
    third = api.get("profiles", limit=2, next=second["next"]).data

    pages = [*first["profiles"], *second["profiles"], *third["profiles"]]
    expected = [api.get(f"profiles/anonymous_id:p-{number}").data["profile_id"] for number in (4, 3, 2, 1, 0)]
    assert [one["profile_id"] for one in pages] == expected
    assert third["next"] is None


@pytest.mark.parametrize("text", ["ana", "LEE ana", "ana@exa", "u-1", "Lée"])
def test_search_finds_by_the_beginning_of_names_and_identifiers(api, ana, guest, text):
    assert [one["person_id"] for one in api.get("profiles", search=text).data["profiles"]] == [ana["person_id"]]


def test_search_for_nothing_lists_everybody(api, ana, guest):
    listed = api.get("profiles", search=" ").data["profiles"]
    assert {one["person_id"] for one in listed} == {ana["person_id"], guest["person_id"]}
    assert api.get("profiles", search="nobody of this name").data == {"profiles": [], "next": None}


def test_history_is_paged_newest_first(api, ana):
    first = api.get(f"profiles/{ana['profile_id']}/events", limit=3).data
    second = api.get(f"profiles/{ana['profile_id']}/events", limit=3, before=first["next"]).data

    assert [event["name"] for event in first["events"]] == ["Order Completed", "Order Completed", "Identified"]
    assert [event["name"] for event in second["events"]] == ["Page Viewed"]
    assert second["next"] is None
    assert first["events"][0]["body"]["properties"] == {"revenue": 30.1, "currency": "EUR"}
    assert first["events"][0]["occurred_at"] == "2026-10-03T10:00:00Z"


def test_an_export_is_a_file_with_everything_and_leaves_a_trace(api, ana, live):
    response = api.get("profiles/user_id:u-1/export")

    assert response["Content-Disposition"] == f'attachment; filename="person-{ana["person_id"]}.json"'
    assert response.data["profile"] == ana
    assert [event["name"] for event in response.data["events"]] == [
        "Order Completed",
        "Order Completed",
        "Identified",
        "Page Viewed",
    ]
    entries = live.execute("SELECT actor, target FROM access_auditentry WHERE action = 'export_person'").fetchall()
    assert entries == [("api-key:crm", f"profile:{ana['person_id']}")]


def test_refusals_say_why_two_people_are_apart(api, send):
    send(people.message(userId="u-1", anonymousId="shared"))
    send(people.message(userId="u-2", anonymousId="shared"))

    (refusal,) = api.get("profiles/user_id:u-2/refusals").data["refusals"]

    assert refusal["rule"] == "limit:user_id"
    assert (refusal["dropped_kind"], refusal["dropped_value"]) == ("anonymous_id", "shared")
    assert api.get("profiles/user_id:u-1").data["person_id"] != api.get("profiles/user_id:u-2").data["person_id"]


def test_the_workspace_in_numbers_names_and_sources(api, ana, live, workspace_id):
    from tessera.events.catalogue import add_up
    from tessera.workspaces.actions import create_source

    add_up(live)
    create_source(workspace_id=workspace_id, name="Shop", allowed_origins=["https://shop.example"])

    stats = api.get("stats").data
    assert stats.pop("counted_at").endswith("Z")
    assert stats == {"people": 1, "profiles": 1, "events": 4, "waiting": 0}
    events = api.get("catalogue", kind="event").data["entries"]
    assert [(entry["name"], entry["volume"]) for entry in events] == [
        ("Identified", 1),
        ("Order Completed", 2),
        ("Page Viewed", 1),
    ]
    assert {entry["kind"] for entry in api.get("catalogue").data["entries"]} == {"event", "property", "attribute"}
    (source,) = api.get("sources").data["sources"]
    assert (source["name"], source["allowed_origins"]) == ("Shop", ["https://shop.example"])


@contextmanager
def _counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """Statements sent, by whichever connection."""
    sent: list[Any] = []
    plain = psycopg.Cursor.execute

    def execute(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        sent.append(query)
        return plain(self, query, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Cursor, "execute", execute)
        yield lambda: len(sent)


def test_the_list_costs_the_same_for_one_person_and_for_three(api, send, monkeypatch):
    send(people.message(anonymousId="p-1"))
    api.get("profiles")
    with _counted(monkeypatch) as one:
        assert len(api.get("profiles").data["profiles"]) == 1
    send(people.message(anonymousId="p-2"), people.message(anonymousId="p-3"))
    with _counted(monkeypatch) as three:
        assert len(api.get("profiles").data["profiles"]) == 3
    assert one() == three() > 0


def test_a_person_costs_the_same_with_one_profile_and_with_three(api, ana, send, monkeypatch):
    address = f"profiles/{ana['profile_id']}"
    with _counted(monkeypatch) as one:
        assert len(api.get(address).data["members"]) == 1
    send(people.message(anonymousId="p-2"), people.message(anonymousId="p-3"))
    for name in ("anonymous_id:p-2", "anonymous_id:p-3"):
        assert api.post("profiles/merge", keep=ana["profile_id"], absorb=name, reason="same").status_code == 200
    with _counted(monkeypatch) as three:
        assert len(api.get(address).data["members"]) == 3
    assert one() == three() > 0


def test_personal_data_is_kept_by_no_cache(api, ana):
    response = api.get(f"profiles/{ana['profile_id']}")
    assert response["Cache-Control"] == "no-store"
    assert json.loads(response.content) == ana


def test_older_events_come_from_the_warehouse(api, live, send, ana):
    """What retention dropped is read where the analyst answers; else the answer says that it is incomplete."""
    analysis = Analysis(live, DuckEngine(None))
    analysis.archive(most=1_000)
    before = api.get(f"profiles/{ana['profile_id']}/events").data
    assert analysis.drop_history() >= len(before["events"])
    send(people.message(userId="u-1", event="Came Back"))

    analysis.go_away()
    away = api.get(f"profiles/{ana['profile_id']}/events").data
    with analysis.answering():
        there = api.get(f"profiles/{ana['profile_id']}/events").data
        export = api.get(f"profiles/{ana['profile_id']}/export").data

    assert ([one["name"] for one in away["events"]], away["incomplete"]) == (["Came Back"], True)
    assert there == before | {"events": away["events"] + before["events"]}
    assert (export["events"], export["incomplete"]) == (there["events"], False)
