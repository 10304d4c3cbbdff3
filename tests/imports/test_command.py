"""`tessera import`, as an operator types it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from factories.people import owner, people
from tessera.imports import queries


@pytest.fixture
def tessera(database: str, tmp_path: Path) -> Any:
    """Runs a command; gives (exit code, stdout, stderr)."""
    import os

    surroundings = {**os.environ, "TESSERA_DATABASE_URL": database, "NO_COLOR": "1", "COLUMNS": "200"}

    def run(*words: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "tessera", *words]
        done = subprocess.run(
            command, env=surroundings, capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_a_file_goes_in_and_comes_back(
    tessera: Any, live: psycopg.Connection[Any], workspace_id: int, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text("correo;nombre\nana@example.com;Ana\nnonsense;Luis\n")
    errors = tmp_path / "errors.csv"

    code, out, _ = tessera("import", str(file), "--dry-run")
    assert (code, out) == (3, "2 rows: 1 would be created, 0 updated, 0 unchanged, 0 skipped, 1 refused, 0 warnings\n")
    assert queries.imports(live, workspace_id).imports == []

    code, out, _ = tessera(
        "import", str(file), "--errors", str(errors), "--map", "email=correo", "--map", "plan=nombre"
    )
    assert code == 3
    assert out.startswith("2 rows: 1 created, 0 updated")
    assert "invalid_key" in errors.read_text(encoding="utf-8-sig")
    assert owner(live, "email", "ana@example.com") is not None
    (made,) = queries.imports(live, workspace_id).imports
    assert made.plan is not None
    assert [column.target for column in made.plan.columns] == ["email", "attribute:plan"]

    code, out, _ = tessera("import", "--list")
    assert (code, str(made.id) in out) == (0, True)
    code, out, _ = tessera("import", "--undo", str(made.id))
    assert (code, people(live)) == (0, {})
    assert "1 people" in out


def test_a_plan_may_come_from_a_file(tessera: Any, live: psycopg.Connection[Any], tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("id,e\n7,ana@example.com\n")
    plan = {
        "match": "external:shop",
        "columns": [{"name": "id", "target": "external:shop"}, {"name": "e", "target": "email"}],
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    code, _, _ = tessera("import", "people.csv", "--mapping", "plan.json")
    assert (code, owner(live, "external:shop", "7") is not None) == (0, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["import", "no-such.csv"], "cannot read no-such.csv"),
        (["import", "photo.csv"], "this is no text"),
        (["import", "people.csv", "--match", "phone"], "to match by phone a column must go there"),
        (["import", "people.csv", "--map", "email=nothing"], "--map takes TARGET=COLUMN"),
        (["import", "people.csv", "--policy", "maybe"], "this is no plan of an import"),
        (["import", "--undo", "01234567-89ab-7def-8123-456789abcdef"], "there is no import"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(tessera: Any, tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "people.csv").write_text("email\nana@example.com\n")
    (tmp_path / "photo.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    code, out, err = tessera(*words)
    assert (code, out) == (1, "")
    assert said in err
    assert len(err.splitlines()) == 1
