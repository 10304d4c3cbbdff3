"""`tessera erase`."""

from typing import Any

import psycopg
from typer.testing import CliRunner

from factories.people import ingest, message, root
from tessera.project.cli.app import app

Connection = psycopg.Connection[Any]


def test_a_person_is_erased_by_command_when_it_is_confirmed(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"email": "ana@example.com"})])
    run = CliRunner().invoke

    no = run(app, ["erase", "email:ana@example.com"], input="n\n")
    still = root(live, "user_id", "ana")
    yes = run(app, ["erase", "email:ana@example.com", "--suppress", "--yes"])

    assert (no.exit_code, still is not None) == (1, True)
    assert (yes.exit_code, root(live, "user_id", "ana")) == (0, None)
    assert "2 identifiers are kept out" in yes.output
    assert live.execute("SELECT actor, action FROM access_auditentry ORDER BY id DESC LIMIT 1").fetchone() == (
        "command line",
        "erase_person",
    )
