"""Nothing that is read asks the database more often because there is more to tell: all is walked, nothing left out."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import psycopg
import pytest
from django.test import Client

from console.conftest import log_in
from console.readings import UNREAD, Reading, endpoints, screens
from factories.world import World, add_passkey, at_home

Live = psycopg.Connection[Any]
Count = Callable[[Callable[[], Any]], int]


@pytest.fixture
def world(live: Live, workspace_id: int) -> World:
    made = World(live, workspace_id)
    made.grow()
    return made


LESS_FOR_MORE = {
    "new_export": "looks for a second page until its preview is full",
    "duplicate": "looks from the beginning of the queue where no pair comes after this one",
}
"""What asks less often where there is more."""

ONE_THING = {
    *("edit_segment", "segment_why", "new_list"),
    *("catalogue_entry", "rehearse_entry", "attributes", "attribute", "avatar", "erase", "erasure", "member"),
    *("import_file", "import_sample", "import", "import_progress", "import_errors", "duplicates_run", "export_row"),
    *("answer_funnel", "answer_retention", "answer_trend", "answer_rfm", "answer_lifecycle", "saved_answer"),
    *(
        "new_import",
        "suppressions",
        "preferences",
        "styleguide",
        "prove",
        "invite",
        "new_api_key",
        "join",
        "minutes",
        "password",
    ),
    *("get_avatar", "get_erasure", "get_stats", "get_source", "get_export", "get_import", "inspect_import"),
    *("get_segment", "count_segment", "segment_sizes", "explain_segment", "get_analyst", "get_condition_schema"),
    *("get_report", "get_report_schema"),
    *("segment_export", "get_segment_export", "list_segment_deliveries"),
    *("check_suppressions", "get_duplicates_run", "rehearse_declaration", "get_catalogue_entry"),
}
"""What tells of one thing or of figures, however many there are. Everything else must have told more of three."""


class Told(NamedTuple):
    statements: int
    letters: int


def measured(client: Client, readings: Iterable[Reading], statements: Count) -> dict[tuple[str, str, bool], Told]:
    """Each is asked twice: what a process learns once is not the price of a row."""
    found = {}
    for one in readings:
        letters = len(one.ask(client).told)
        sent = statements(lambda one=one: one.ask(client))  # type: ignore[misc]
        found[(one.name, one.address.partition("?")[2], one.htmx)] = Told(sent, letters)
    return found


def compare(little: dict[tuple[str, str, bool], Told], much: dict[tuple[str, str, bool], Told]) -> None:
    assert little.keys() == much.keys()
    dearer = {name: (little[name], much[name]) for name in little if little[name].statements < much[name].statements}
    assert dearer == {}
    cheaper = {name[0] for name in little if little[name].statements > much[name].statements}
    assert cheaper <= set(LESS_FOR_MORE)
    grown = {name[0] for name in little if little[name].letters + 30 < much[name].letters}
    assert {name for name, *_ in little} - grown <= ONE_THING


def test_every_screen_asks_as_often_for_one_as_for_three(
    staff: Callable[..., str], world: World, statements: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    email, client = staff("owner"), Client()
    log_in(client, email)
    with at_home(monkeypatch):
        add_passkey(email)
        little = measured(client, screens(client, world), statements)
        add_passkey(email)
        add_passkey(email)
        world.grow(2)
        much = measured(client, screens(client, world), statements)

    assert not {name for name, *_ in little} & set(UNREAD)
    assert len(little) > 60
    compare(little, much)


def test_every_endpoint_asks_as_often_for_one_as_for_three(world: World, statements: Count, workspace_id: int) -> None:
    from tessera.access.actions import create_api_key
    from tessera.access.scopes import SCOPES

    token = create_api_key(workspace_id=workspace_id, name="all", scopes=SCOPES).token
    client = Client(headers={"Authorization": f"Bearer {token}"})
    little = measured(client, endpoints(world), statements)
    world.grow(2)

    assert len(little) > 25
    compare(little, measured(client, endpoints(world), statements))
