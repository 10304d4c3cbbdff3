"""What is told of the analyst."""

from typing import Any

import psycopg
import pytest

from tessera.audience.queries import AnalystState, analyst_state

SAY = """
INSERT INTO audience_analyst (id, engine, leads, behind, lag_ms, seen_at)
VALUES (gen_random_uuid(), %s, %s, %s, %s, now() - make_interval(secs => %s))
"""


def test_nobody_ever_was_an_analyst(connection: psycopg.Connection[Any]) -> None:
    assert analyst_state(connection) == AnalystState(running=False, engine=None, behind=None, lag_ms=None, seen_at=None)


@pytest.mark.parametrize(("ago", "running"), [(5, True), (300, False)])
def test_the_one_that_leads_speaks(connection: psycopg.Connection[Any], ago: int, running: bool) -> None:
    for said in (("OldEngine", True, 9, 9000, 900), ("DuckEngine", True, 3, 1200, ago), ("Waits", False, 8, 8, 0)):
        connection.execute(SAY, said)
    state = analyst_state(connection)
    assert (state.running, state.engine, state.behind, state.lag_ms) == (running, "duckdb", 3, 1200)
