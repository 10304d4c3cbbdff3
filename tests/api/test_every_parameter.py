"""Every parameter of every endpoint that reads, with values nobody expects: answered or refused, never broken."""

from typing import Any
from urllib.parse import quote

import psycopg

from console.readings import filled
from factories.world import World
from tessera.api.schema import openapi

NUMBERS = ["-1", "0", "9" * 400, "-" + "9" * 40, "1e9", "NaN", "1_0", "1.5"]
TEXTS = ["", "\0", "a\0b", "é" * 36, "\ud7ff", "\U0010ffff", "'", "%", "../..", "x" * 5_000, "eyJ9", "null", "email:\0"]
MOMENTS = ["2026-13-45T99:99:99Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
MOMENTS += ["2026-11-21T12:00:00+23:59", "2026-11-21T12:00:00-16:00", "0001-01-01T00:00:00+16:00"]
REQUIRED = {"kind": "attribute", "name": "gender", "person": "user_id:main"}

PARAMETERS = [
    (path, operations["get"], parameter)
    for path, operations in openapi()["paths"].items()
    if "get" in operations
    for parameter in operations["get"]["parameters"]
    if parameter["in"] in ("path", "query")
]


def test_no_parameter_breaks_an_endpoint(
    live: psycopg.Connection[Any], api: Any, workspace_id: int, without_limit: None, analyst: None
) -> None:
    world = World(live, workspace_id)
    world.grow()
    broken: dict[tuple[str, str, str], int] = {}
    for path, operation, parameter in PARAMETERS:
        for value in NUMBERS + TEXTS + MOMENTS:
            status = ask(api, path, operation, parameter, value, world.ids).status_code
            if status not in (200, 404, 405, 409, 422):
                broken[(operation["operationId"], parameter["name"], value[:20])] = status

    assert broken == {}
    assert len(PARAMETERS) > 60


def ask(api: Any, path: str, operation: Any, parameter: Any, value: str, ids: dict[str, Any]) -> Any:
    """The call with one parameter odd and the others as they should be; the answer is held against its schema."""
    name = parameter["name"]
    declared = [one["name"] for one in operation["parameters"] if one["in"] == "query" and one.get("required")]
    query = {one: REQUIRED[one] for one in declared}
    if parameter["in"] == "path":
        path = path.replace("{" + name + "}", quote(value, safe="").replace("{", "%7B"))
    else:
        query[name] = value
    return api.get(filled(path, ids).removeprefix("/api/v1/"), **query)
