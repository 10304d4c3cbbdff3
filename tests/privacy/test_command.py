"""`tessera erase`."""

import json
import os
import subprocess
import sys
from typing import Any

import psycopg
from typer.testing import CliRunner

from factories.people import NOON, ingest, message, root
from tessera.privacy.requests import TASK, ask_to_erase
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


def test_the_job_is_known_to_the_process_that_does_jobs(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message(userId="ana")])
    asked = ask_to_erase(
        live, workspace_id=workspace_id, references=["user_id:ana"], actor="eva", reason="", suppress=True, now=NOON
    )
    arguments = json.dumps({"workspace_id": workspace_id, "erasure_id": str(asked.id)})

    command = [sys.executable, "-m", "tessera", "job", TASK, arguments]
    subprocess.run(command, env=dict(os.environ), check=True, timeout=60)

    assert root(live, "user_id", "ana") is None
    assert live.execute("SELECT status, suppressed FROM privacy_erased").fetchone() == ("done", 1)
