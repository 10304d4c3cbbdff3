"""What stands around every screen: the menu, the palette, toasts, one's own settings; and the first page."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.http import HttpResponse
from django.test import Client

from factories.people import ingest, message, root
from tessera.console.toasts import toast_now


def test_the_first_page_asks_as_much_of_one_source_as_of_three(
    live: psycopg.Connection[Any], desk: Callable[..., Client], workspace_id: int, statements: Any
) -> None:
    from tessera.workspaces import actions

    client = desk("analyst")
    client.get("/")
    one = statements(lambda: client.get("/"))
    for number in range(3):
        source = actions.create_source(workspace_id=workspace_id, name=f"Shop {number}", allowed_origins=["*"])
        ingest(live, workspace_id, [message(userId=f"u-{number}")], source_id=source.id)

    assert statements(lambda: client.get("/")) == one


def test_the_chart_comes_alone_for_the_page_that_has_it(desk: Callable[..., Client]) -> None:
    page = desk("analyst").get("/minutes").content.decode()

    assert page.startswith("<p")
    assert "<svg" in page


def test_the_palette_finds_people_screens_and_actions(
    live: psycopg.Connection[Any], desk: Callable[..., Client], workspace_id: int
) -> None:
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"name": "Sofia Ana"})])
    client = desk("owner")

    found = client.get("/palette", {"q": "so"}).content.decode()

    assert f"/people/{root(live, 'user_id', 'ana')}" in found
    assert "/sources" in found  # a screen whose name begins with it
    assert "/live" not in found
    assert "/sources/new" in client.get("/palette", {"q": "make sou"}).content.decode()
    assert "/sources/new" not in desk("analyst").get("/palette", {"q": "make sou"}).content.decode()


def test_the_palette_shows_nobody_of_another_workspace(
    live: psycopg.Connection[Any], desk: Callable[..., Client], stranger_workspace: int
) -> None:
    ingest(live, stranger_workspace, [message("identify", userId="eve", traits={"name": "Evelina"})])

    assert "Evelina" not in desk().get("/palette", {"q": "evelina"}).content.decode()


def test_times_are_shown_in_the_zone_one_chose(
    live: psycopg.Connection[Any], desk: Callable[..., Client], workspace_id: int
) -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    ingest(live, workspace_id, [message(userId="ana", timestamp=noon.isoformat())])
    client, colleague = desk("owner"), desk("marketer")
    before = client.get("/people").content.decode()

    answer = client.post("/settings", {"language": "en", "time_zone": "Asia/Bangkok"})
    after = client.get("/people").content.decode()

    assert answer.status_code == 302
    assert 'data-time-zone="Asia/Bangkok"' in after
    assert "12:00" in before
    assert "7 p.m." in after or "19:00" in after
    assert "12:00" in colleague.get("/people").content.decode()  # nobody else's clock was changed


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "UTC\0"])
def test_a_zone_that_is_none_is_refused(zone: str, desk: Callable[..., Client]) -> None:
    client = desk()

    answer = client.post("/settings", {"language": "en", "time_zone": zone})

    assert answer.status_code == 400
    assert "data-time-zone" not in client.get("/").content.decode().split(">")[1]


@pytest.mark.parametrize(("language", "home"), [("es", "Inicio"), ("en", "Home")])
def test_the_language_one_chose_stays(language: str, home: str, desk: Callable[..., Client]) -> None:
    client = desk()

    client.post("/settings", {"language": language, "time_zone": ""})

    page = client.get("/").content.decode()
    assert f'<html lang="{language}">' in page
    assert f"<h1>{home}</h1>" in page


def test_a_toast_for_the_page_that_is_open_survives_any_language() -> None:
    response = toast_now(HttpResponse(), "Сохранено “ok”", undo_url="/undo")

    assert response["HX-Trigger"].isascii()


def test_the_styleguide_stands(desk: Callable[..., Client]) -> None:
    assert desk("analyst").get("/styleguide").status_code == 200


def test_the_first_page_tells_of_what_nobody_uses_to_those_who_can_do_something(
    live: psycopg.Connection[Any], desk: Callable[..., Client], workspace_id: int, source: Any
) -> None:
    from tessera.access import actions as access
    from tessera.workspaces import actions

    silent = actions.create_source(workspace_id=workspace_id, name="Forgotten till", allowed_origins=[])
    fresh = actions.create_source(workspace_id=workspace_id, name="Made today", allowed_origins=[])
    access.create_api_key(workspace_id=workspace_id, name="old", scopes=["profiles:read"])
    live.execute("UPDATE workspaces_source SET created_at = now() - interval '2 days' WHERE id <> %s", (fresh.id,))
    live.execute("UPDATE access_apikey SET created_at = now() - interval '2 days'")
    access.create_api_key(workspace_id=workspace_id, name="new", scopes=["profiles:read"])
    ingest(live, workspace_id, [message(userId="ana")], source_id=source.id)

    def told(role: str) -> list[str]:
        return [line.what for line in desk(role).get("/").context["problems"]]

    assert told("developer") == ["Forgotten till has never sent anything.", "1 API key was never used."]
    assert told("analyst") == []
    assert silent.id != fresh.id


def test_the_first_page_says_how_many_people_are_new(
    live: psycopg.Connection[Any], desk: Callable[..., Client], workspace_id: int
) -> None:
    ingest(live, workspace_id, [message(userId=f"u-{number}") for number in range(3)])

    page = desk("analyst").get("/")
    assert "3 new in 30 days" in page.text
    assert (len(page.context["days"].bars), page.context["days"].bars[-1].value) == (30, 3)
    assert "New people per day" in page.text


def test_of_very_many_new_people_only_days_that_were_counted_whole_are_drawn() -> None:
    from datetime import UTC, date, datetime

    from tessera.console.views.home import _days
    from tessera.identity.queries import NewPeople

    days = {date(2026, 11, 20): 4, date(2026, 11, 21): 5, date(2026, 11, 22): 1}
    chart = _days(NewPeople(days, datetime(2026, 11, 20, 9, tzinfo=UTC)), date(2026, 11, 22))

    assert [(bar.label, bar.value) for bar in chart.bars] == [(date(2026, 11, 21), 5), (date(2026, 11, 22), 1)]


def test_the_menu_and_the_palette_ask_for_what_their_screens_ask_for() -> None:
    from django.urls import resolve, reverse

    from tessera.console.navigation import GROUPS, MAIN
    from tessera.console.views.palette import ACTIONS

    places = [*MAIN, *(place for group in GROUPS for place in group.places)]
    offered = {entry.view: entry.needs for entry in (*places, *ACTIONS) if entry.view}

    assert offered == {view: resolve(reverse(view)).func.ability for view in offered}
    letters = [place.keys for place in places if place.keys]
    assert len(letters) == len(set(letters))
