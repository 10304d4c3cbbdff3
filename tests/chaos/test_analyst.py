"""The analyst killed at random moments under load, PostgreSQL too, and another one that waits to go on.

`TESSERA_ANALYST_KILLS=20` is the long form.
"""

import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from tessera.audience.conditions.registry import to_json
from tessera.audience.segments import actions
from tessera.audience.segments.records import NewSegment
from tessera.audience.segments.wording import names_in

from .analysis import is_fresh, segment_faults, warehouse_faults
from .clients import Clients, Writer
from .installation import Installation, wait_for
from .trial import settle

KILLS = int(os.environ.get("TESSERA_ANALYST_KILLS", "3"))
LONGEST_LIFE = 6.0
PEOPLE = 400
SEGMENTS = {
    "Anas": 'first_name = "Ana"',
    "Buyers": 'did("Order Completed", revenue > 500) >= 2',
    "Lookers": 'did("Product Viewed") >= 3 and not did("Order Completed") >= 4 in 30 days',
    "Anas who buy": 'segment("Anas") and segment("Buyers")',
}
Connection = psycopg.Connection[Any]


class OfKnownPeople(Writer):
    """Everybody says who they are: nobody is merged, so that who entered and who left can be told one by one."""

    def _message(self) -> dict[str, Any]:
        message = super()._message()
        person = self._random.randrange(PEOPLE)
        message.pop("anonymousId")
        if message["type"] == "alias":
            message = {**message, "type": "track", "event": "Product Viewed"}
        if message["type"] == "identify":
            message["traits"] = {"firstName": self._random.choice(("Ana", "Ann"))}
        return {**message, "userId": f"user-{person}", "timestamp": datetime.now(UTC).isoformat()}


def keep_segments(connection: Connection, workspace_id: int) -> None:
    for name, text in SEGMENTS.items():
        condition = to_json(names_in(connection, workspace_id).read(text))
        new = NewSegment(name=name, condition=condition, keep_fresh=True)
        with connection.transaction():
            actions.create(connection, workspace_id=workspace_id, new=new, actor="chaos", now=datetime.now(UTC))


def kill_now_and_then(installation: Installation, clients: Clients, rnd: Random) -> list[str]:
    """Whoever leads is killed, another goes on, and the dead one comes back to wait; once PostgreSQL dies as well."""
    led = []
    for turn in range(KILLS):
        wait_for("an analyst to lead", lambda: installation.leading_analyst() is not None)
        served = len(clients.acknowledged)
        wait_for("clients to be served", lambda seen=served: len(clients.acknowledged) > seen)  # type: ignore[misc]
        time.sleep(rnd.uniform(0, LONGEST_LIFE))
        leader = installation.leading_analyst()
        if leader is None:  # it starts anew after PostgreSQL was away
            continue
        if turn == KILLS // 2:
            installation.kill_postmaster(rnd)
            installation.start_postgres()
        installation.kill_analyst(leader)
        print(f"chaos: killed {leader} after {len(clients.acknowledged)} messages", flush=True)
        installation.start_analyst(leader)
        led.append(leader)
    return led


@pytest.mark.chaos
def test_the_warehouse_and_segments_are_right_whenever_the_analyst_is_killed(state_folder: Path) -> None:
    seed = time.time_ns() % 1_000_000
    print(f"chaos: seed {seed}")
    installation = Installation(state_folder / "home")
    try:
        write_key = installation.start()
        with psycopg.connect(installation.dsn, autocommit=True) as connection:
            ((workspace_id,),) = connection.execute("SELECT id FROM workspaces_workspace").fetchall()
            keep_segments(connection, workspace_id)
        installation.start_analyst("analyst")
        installation.start_analyst("standby")
        clients = Clients(installation.collect_url, write_key, seed=seed, writer=OfKnownPeople)
        clients.start()
        try:
            led = kill_now_and_then(installation, clients, Random(seed))
        finally:
            clients.stop()
        settle(installation)
        with suppress(TimeoutError):  # what it did not come to is told below
            wait_for("the analyst to catch up", lambda: _is_at_rest(installation, workspace_id), seconds=90)
        installation.expect_all_alive()
        ended = installation.stop_analysts()
        with psycopg.connect(installation.dsn, autocommit=True, options="-c timezone=UTC") as connection:
            file = installation.home / "warehouse" / "tessera.duckdb"
            faults = [*warehouse_faults(connection, file, workspace_id), *segment_faults(connection, workspace_id)]
            ((moves,),) = connection.execute("SELECT count(*) FROM events_history WHERE name LIKE 'Segment %'")
    finally:
        installation.end()

    assert [*installation.deaths, *clients.complaints, *faults] == [], f"seed {seed}"
    assert ended == [0, 0]
    assert len(led) >= KILLS - 1
    assert len(set(led)) == 2, "the one that waited never led"
    print(f"chaos: {len(clients.acknowledged)} messages, {moves} people entered or left")
    assert moves > 50
    assert len(clients.acknowledged) > 200


def _is_at_rest(installation: Installation, workspace_id: int) -> bool:
    with suppress(psycopg.OperationalError), psycopg.connect(installation.dsn, autocommit=True) as connection:
        row = connection.execute(
            "SELECT behind FROM audience_analyst WHERE seen_at > now() - interval '3 seconds'"
            " ORDER BY seen_at DESC LIMIT 1"
        ).fetchone()
        return row == (0,) and is_fresh(connection, workspace_id)
    return False
