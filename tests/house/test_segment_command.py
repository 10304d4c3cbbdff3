"""`tessera segment`: what an operator asks of segments, and what they are told."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from factories.analysis import Analysis
from factories.people import ingest, message, root
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.foundation.database import connect

Run = Callable[..., Any]
Connection = psycopg.Connection[Any]
SPAIN = 'country = "ES"'


@pytest.fixture
def live(database: str) -> Iterator[Connection]:
    with connect(autocommit=True) as opened:
        yield opened


@pytest.fixture
def analysis(live: Connection, workspace_id: int) -> Iterator[Analysis]:
    lands = {"ana": "ES", "luis": "ES", "maya": "MX"}
    told = [
        message(
            "identify", userId=name, anonymousId=f"a-{name}", traits={"country": land, "email": f"{name}@a.example"}
        )
        for name, land in lands.items()
    ]
    ingest(live, workspace_id, told)
    engine = DuckEngine(None)
    at_work = Analysis(live, engine)
    at_work.settle(most=1000)
    with at_work.answering():
        yield at_work
    engine.close()


def test_a_segment_is_made_counted_and_listed(tessera: Run, analysis: Analysis, live: Connection) -> None:
    made = tessera("segment", "create", "Spain", SPAIN, "--folder", "Lands", "--tag", "core", "--keep-fresh")
    assert made.returncode == 0, made.stderr
    assert tessera("segment", "count", "spain").stdout == "2\n"
    assert tessera("segment", "count", "--text", 'segment("Spain") and sessions() > 5').stdout == "0\n"
    tessera("segment", "create", "Friends")
    listed = tessera("segment", "list").stdout
    (line,) = [line for line in listed.splitlines() if "Spain" in line]
    assert line.split() == ["Spain", "Lands", "core", "kept", "fresh", made.stdout.strip()]
    (line,) = [line for line in listed.splitlines() if "Friends" in line]
    assert line.split()[1:4] == ["by", "hand", "0"]
    noted = live.execute("SELECT action, actor FROM access_auditentry WHERE target LIKE 'segment:%'").fetchall()
    assert noted == [("create_segment", "command line")] * 2


def test_members_are_named_and_a_person_is_explained(tessera: Run, analysis: Analysis, live: Connection) -> None:
    tessera("segment", "create", "Spain", SPAIN)
    tessera("segment", "create", "Regulars", 'segment("Spain") and not did("Order Completed") >= 2')
    ana = root(live, "user_id", "ana")

    told = tessera("segment", "members", "Regulars").stdout
    assert {UUID(line.strip()) for line in told.splitlines()[3:] if line.strip()} == {
        ana,
        root(live, "user_id", "luis"),
    }
    assert len(tessera("segment", "members", "Regulars", "--limit", "1").stdout.split()) == len(told.split()) - 1
    explained = tessera("segment", "explain", "Regulars", "email:maya@a.example").stdout
    assert explained.splitlines() == [
        '✗ segment("Spain") and not did("Order Completed") >= 2',
        '├── ✗ segment("Spain")',
        '│   └── ✗ country = "ES"',
        '└── ✓ not did("Order Completed") >= 2',
        '    └── ✗ did("Order Completed") >= 2',
    ]
    assert tessera("segment", "explain", "user_id:ana", "--text", SPAIN).stdout == f"✓ {SPAIN}\n"


def test_the_list_goes_to_a_file_without_personal_data_unless_asked(
    tessera: Run, analysis: Analysis, live: Connection, tmp_path: Path
) -> None:
    tessera("segment", "create", "Spain", SPAIN)
    out = tmp_path / "spain.csv"
    done = tessera("segment", "export", "Spain", "--out", str(out))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "2 people\n")
    rows = list(csv.DictReader(io.StringIO(out.read_bytes().decode())))
    assert {(row["person_id"], row["user_id"]) for row in rows} == {
        (str(root(live, "user_id", name)), name) for name in ("ana", "luis")
    }
    assert list(rows[0]) == ["person_id", "entered_at", "user_id", "external"]
    bare = [
        json.loads(line) for line in tessera("segment", "export", "Spain", "--format", "ndjson").stdout.splitlines()
    ]
    assert {named["kind"] for row in bare for named in row["identifiers"]} == {"user_id", "anonymous_id"}
    with_all = tessera("segment", "export", "Spain", "--pii").stdout
    assert {row["email"] for row in csv.DictReader(io.StringIO(with_all))} == {"ana@a.example", "luis@a.example"}
    noted = live.execute("SELECT detail FROM access_auditentry WHERE action = 'export_to_file' ORDER BY id").fetchall()
    assert [(row[0]["rows"], row[0]["personal_data"]) for row in noted] == [(2, False), (2, False), (2, True)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "Spain", "country ="), "line 1, column 10: a value is expected"),
        (("create", "x" * 300), "length <= 200"),
        (("count", "Nowhere"), "no segment named Nowhere"),
        (("create", "\udcff"), "not UTF-8"),
        (("list", "--workspace", "\udcff"), "not UTF-8"),
        (("export", "Nowhere", "--format", "xlsx"), "no format xlsx; there is csv, ndjson"),
        (("explain", "user_id:nobody", "--text", SPAIN), "nobody in this workspace is called that"),
        (("count", "--text", SPAIN), "no analyst answers: start one with `tessera up` or `tessera analyst`"),
    ],
)
def test_what_cannot_be_is_one_line(tessera: Run, database: str, words: tuple[str, ...], said: str) -> None:
    done = tessera("segment", *words)

    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert said in done.stderr
