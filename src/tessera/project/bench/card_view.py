"""The process that `tessera bench card` measures: a member of staff who opens one card again and again.

Started with the profile's id, that of somebody in the middle of all, and the number of rounds; prints one JSON object.
"""

import os
import sys
import time
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

import msgspec

from tessera.project.bench.card import WARM_UP, Timed

_SHOWN = """
SELECT lane, position, recorded_at, event_id FROM events_history WHERE profile_id = %s
 ORDER BY occurred_at DESC, lane DESC, position DESC LIMIT 21
"""


def bare_reads(connection: Any, profile: UUID) -> list[tuple[str, tuple[Any, ...]]]:
    """A statement by primary key for each row that the card shows."""
    keys = connection.execute(
        "SELECT workspace_id, value, kind FROM identity_identifier WHERE profile_id = %s", (profile,)
    )
    identifier = "SELECT * FROM identity_identifier WHERE workspace_id = %s AND value = %s AND kind = %s"
    row = "SELECT * FROM events_history WHERE lane = %s AND position = %s AND recorded_at = %s"
    reads: list[tuple[str, tuple[Any, ...]]] = [
        ("SELECT * FROM identity_profile WHERE id = %s", (profile,)),
        ("SELECT * FROM profiles_state WHERE profile_id = %s", (profile,)),
        *((identifier, key) for key in keys.fetchall()),
    ]
    shown = connection.execute(_SHOWN, (profile,)).fetchall()
    return reads + [(row, tuple(key[:3])) for key in shown]


def log_in() -> Any:
    """A client whose member of staff may see everything."""
    from django.test import Client

    from tessera.access.actions import create_staff
    from tessera.workspaces import queries

    password = token_urlsafe()
    (workspace,) = queries.workspaces()
    create_staff(email="bench@example.com", role="owner", workspace_id=workspace.id, password=password)
    client = Client()
    client.post("/login", {"email": "bench@example.com", "password": password})
    return client


def pages_of(client: Any, middle: UUID, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each request for the pages that grow with people; `middle` is somebody in the middle of them."""
    addresses = {
        "people": "/people",
        "people_in_the_middle": f"/people?before={middle}",
        "search_a_name_of_all": "/people?q=ana",
        "search_two_names": "/people?q=ana+name7",
        "search_an_address": "/people?q=person00000123",
    }
    found: dict[str, list[float]] = {name: [] for name in addresses}
    for turn in range(3 + max(1, rounds // 10)):
        for name, address in addresses.items():
            began = time.perf_counter()
            answer = client.get(address)
            assert answer.status_code == 200, (address, answer.status_code)
            if turn >= 3:
                found[name].append((time.perf_counter() - began) * 1000)
    return found


def measure(profile: UUID, middle: UUID, rounds: int) -> Timed:
    """Cards and bare reads in turns, after a warm-up."""
    from tessera.foundation.pool import pool

    client, cards, cpus, bares = log_in(), [], [], []
    with pool().connection() as connection:
        reads = bare_reads(connection, profile)
        for turn in range(WARM_UP + rounds):
            cpu, began = time.process_time(), time.perf_counter()
            answer = client.get(f"/people/{profile}")
            between, cpu = time.perf_counter(), time.process_time() - cpu
            for statement, parameters in reads:
                connection.execute(statement, parameters).fetchall()
            ended = time.perf_counter()
            if turn >= WARM_UP:
                cpus.append(cpu * 1000)
                cards.append((between - began) * 1000)
                bares.append((ended - between) * 1000)
    assert answer.status_code == 200, answer.status_code
    counted = sum(counter.count for counter in _person(profile).events.values())
    pages = pages_of(client, middle, rounds)
    return Timed(cards, cpus, bares, len(reads), len(answer.content), counted, pages)


def _person(profile: UUID) -> Any:
    from tessera.console.views.card import find_person

    return find_person(1, profile)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tessera.project.settings")
    import django

    django.setup()
    timed = measure(UUID(sys.argv[1]), UUID(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(msgspec.json.encode(timed).decode() + "\n")


if __name__ == "__main__":
    main()
