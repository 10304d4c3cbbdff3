"""Every screen with every field it reads, filled with what nobody should send: answered or refused, never broken."""

import inspect
import re
import sys
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.test import Client
from django.urls import URLPattern

from console.addresses import address_of, console_patterns
from factories.world import World

Live = psycopg.Connection[Any]
ODD = ["", "\0", "-1", "9" * 400, "é%'", "x" * 20_000, "[[[[", "2026-13-45", "0001-01-01"]
READ = re.compile(r'(?:GET|POST)(?:\.get|\.getlist)?[\[(]"(\w+)"')
DECLARED = re.compile(r"^    (\w+) = (?:forms\.)?\w*Field\(", re.MULTILINE)


def fields_of(pattern: URLPattern) -> list[str]:
    """The names a view reads, as its module and what that takes from the console's other modules spell them."""
    view = inspect.unwrap(pattern.callback)
    module = sys.modules[view.__module__]
    sources = {inspect.getsource(module)}
    for value in vars(module).values():
        home = getattr(value, "__module__", None) or getattr(value, "__name__", "")
        if isinstance(home, str) and home.startswith("tessera.console.") and home in sys.modules:
            sources.add(inspect.getsource(sys.modules[home]))
    return sorted({name for text in sources for found in (READ, DECLARED) for name in found.findall(text)})


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_field_of_any_screen_breaks_it(
    method: str, live: Live, desk: Callable[..., Client], workspace_id: int
) -> None:
    world = World(live, workspace_id)
    world.grow()
    client = desk("owner")
    client.raise_request_exception = False
    broken: dict[tuple[str, str, str], int] = {}
    answered = set()
    for pattern in console_patterns():
        if pattern.name == "logout":
            continue
        for sent in every_way(fields_of(pattern)):
            answer = ask(client, method, address_of(pattern, world.values), sent)
            if answer.status_code == 405:
                break
            answered.add(pattern.name)
            if answer.status_code >= 500:
                broken[(str(pattern.name), " ".join(sent)[:60], next(iter(sent.values()), "")[:20])] = (
                    answer.status_code
                )

    assert broken == {}
    assert len(answered) > 50
    assert client.get("/people").status_code == 200, "still logged in, so all of it was asked from inside"


def every_way(fields: list[str]) -> list[dict[str, str]]:
    """All fields odd in the same way, and one at a time the character that no text of the database may hold."""
    return [dict.fromkeys(fields, value) for value in ODD] + [{name: "\0"} for name in fields]


def ask(client: Client, method: str, address: str, sent: dict[str, str]) -> Any:
    return client.get(address, sent) if method == "GET" else client.post(address, sent)
