"""`tessera export`: people and history straight into a file."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest

from factories.people import ingest, message

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def people(database: str, workspace_id: int) -> None:
    with psycopg.connect(database, autocommit=True, options="-c timezone=UTC") as connection:
        said = [message("identify", userId=f"u-{n}", traits={"email": f"u{n}@example.com"}) for n in range(3)]
        ingest(connection, workspace_id, [*said, message(userId="u-1", event="Order Completed")])


def test_people_go_to_a_file(tessera: Run, tmp_path: Path, database: str) -> None:
    out = tmp_path / "people.parquet"
    done = tessera("export", "people", "--format", "parquet", "--out", str(out))

    assert (done.returncode, done.stderr.strip()) == (0, "3 rows")
    assert pq.read_table(out).num_rows == 3
    assert [path.name for path in tmp_path.iterdir()] == ["people.parquet"]
    with psycopg.connect(database) as connection:
        noted = connection.execute("SELECT actor FROM access_auditentry WHERE action = 'export_to_file'").fetchall()
    assert noted == [("command line",)]


def test_history_goes_to_the_standard_output(tessera: Run) -> None:
    words = ("--format", "ndjson", "--person", "user_id:u-1", "--event", "Order Completed")
    done = tessera("export", "history", *words)

    (event,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (event["name"], event["body"]["userId"]) == ("Order Completed", "u-1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("people", "--format", "xlsx"), "xlsx"),
        (("people", "--person", "nobody"), "nobody"),
        (("people", "--workspace", "none"), "no workspace none"),
        (("people", "--out", "/nowhere/at/all.csv"), "cannot write"),
        (("history", "--occurred-from", "2026-02-01", "--occurred-to", "2026-01-01"), "before"),
    ],
)
def test_what_cannot_be_is_one_line(tessera: Run, words: tuple[str, ...], said: str) -> None:
    done = tessera("export", *words)

    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_reader_who_has_enough_is_in_the_audit_trail(on_database: dict[str, str], database: str) -> None:
    command = [sys.executable, "-m", "tessera", "export", "people", "--format", "ndjson"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=on_database) as done:
        assert done.stdout is not None
        done.stdout.close()
        done.wait(120)
    with psycopg.connect(database) as connection:
        noted = connection.execute("SELECT detail FROM access_auditentry WHERE action = 'export_to_file'").fetchall()
    assert [(row[0]["what"], row[0]["broken_off"]) for row in noted] == [("people", True)]
