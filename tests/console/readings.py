"""Everything that can be read of a workspace, console and API, for tests that walk all of it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.test import Client

from console.addresses import address_of, console_patterns
from factories.world import World

HTMX = {"HX-Request": "true"}

QUERIES: dict[str, list[str]] = {
    "people": ["", "?q=other", "?q=main"],
    "history": ["", "?name=Event+1"],
    "attribute": ["", "?name=plan"],
    "merge": ["", "?q=other"],
    "relation_candidates": ["?q=other"],
    "segment_candidates": ["?q=other"],
    "segments": ["", "?kind=static", "?q=list"],
    "catalogue": ["", "?kind=attribute", "?kind=property&parent=Event+1", "?kind=attribute&q=own"],
    "catalogue_entry": ["?kind=event&name=Event+1", "?kind=attribute&name=gender", "?kind=attribute&name=plan"],
    "rehearse_entry": ["?kind=attribute&name=gender&action=declare&type=number"],
    "problems": ["", "?show=acknowledged"],
    "live": ["", "?show=rejected"],
    "live_rows": ["", "?show=rejected"],
    "palette": ["", "?q=other", "?q=peop"],
    "report_trend": ["", "?event=Event+1"],
    "audit": ["", "?action=create_api_key"],
}
"""What a screen is asked for where its plain address does not show all its rows."""

_KINDS = ("funnel", "retention", "trend", "rfm", "lifecycle")
UNREAD: dict[str, str] = {
    **dict.fromkeys((*(f"csv_{kind}" for kind in _KINDS), "saved_csv"), "is a file that the analyst makes"),
    "login": "leads on who is in",
    "logout": "lets out by POST alone",
    "second_step": "is for who gave the password and owes the second step",
    "totp": "is for who began to set up an authenticator app",
    "edit_tab": "is about one's own tabs: `main` is walked by its own tests",
}
"""Screens that answer to GET, but not with 200 for somebody who is logged in; and why."""


class Reading(NamedTuple):
    """One way to read a screen or an endpoint."""

    name: str
    address: str
    htmx: bool = False

    def ask(self, client: Client) -> Any:
        """The answer, read to its end."""
        answer = client.get(self.address, headers=HTMX if self.htmx else {})
        told = b"".join(answer.streaming_content) if answer.streaming else answer.content
        answer.told = told.decode(errors="replace")  # type: ignore[attr-defined]
        return answer


def screens(client: Client, world: World) -> list[Reading]:
    """Every screen there is that answers to GET, as a page and as a fragment where it is both.

    A screen that cannot be read and is not in `UNREAD` fails the test that walks.
    """
    found = []
    for pattern in console_patterns():
        name, address = str(pattern.name), address_of(pattern, world.values)
        ways = [Reading(name, address + query, way) for query in QUERIES.get(name, [""]) for way in (False, True)]
        statuses = {way: way.ask(client).status_code for way in ways}
        readable = [way for way, status in statuses.items() if status == 200]
        assert readable or name in UNREAD or set(statuses.values()) == {405}, (name, statuses)
        found += readable
    return found


def endpoints(world: World) -> Iterator[Reading]:
    """Every endpoint that is read, about what the world has."""
    from tessera.api.schema import openapi

    queries = {
        "/api/v1/catalogue/rehearsal": "?kind=attribute&name=gender&type=number",
        "/api/v1/segments/{id}/explain": "?person=user_id:main",
    }
    for path, operations in openapi()["paths"].items():
        if "get" in operations:
            yield Reading(operations["get"]["operationId"], filled(path, world.ids) + queries.get(path, ""))


def filled(path: str, ids: dict[str, Any]) -> str:
    of = {"profiles": "profile_id", "exports": "export_id", "imports": "import_id", "duplicates": "run_id"}
    of |= {"segments": "segment_id", "reports": "report_id"}
    id_ = ids.get(of.get(path.split("/")[3], ""), "")
    rest = {"kind": "attribute", "name": "gender", "id": id_}
    return path.format(**{**ids, **rest})
