"""Secrets are made once, whoever comes first, and kept from others."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tessera.foundation.errors import SetupError
from tessera.foundation.secrets import secret, secret_file


def test_a_secret_stays_the_same_and_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "console"

    first = secret_file(path)

    assert secret_file(path) == first
    assert len(first) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["console"]


def test_two_installations_have_different_secrets(tmp_path: Path) -> None:
    assert secret_file(tmp_path / "a") != secret_file(tmp_path / "b")


def test_rivals_get_the_same_secret(tmp_path: Path) -> None:
    """Eight processes ask at once for a secret that is not there yet, forty times over."""
    program = (
        "import sys, pathlib; from tessera.foundation.secrets import secret_file; sys.stdin.readline();"
        "[print(secret_file(pathlib.Path(sys.argv[1]) / str(n))) for n in range(40)]"
    )
    rivals = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(8)
    ]
    for rival in rivals:
        assert rival.stdin is not None
        rival.stdin.write("go\n")
        rival.stdin.flush()

    answers = [rival.communicate(timeout=60)[0].split() for rival in rivals]

    assert len(answers[0]) == 40
    assert all(answer == answers[0] for answer in answers)


def test_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_SECRET_CONSOLE", "from the vault")

    assert secret("console") == "from the vault"


def test_a_secret_cannot_leave_its_folder() -> None:
    with pytest.raises(ValueError, match="a secret's name"):
        secret("../postgres/password")


def test_an_emptied_secret_is_not_silently_replaced(tmp_path: Path) -> None:
    (tmp_path / "console").write_text("")

    with pytest.raises(SetupError, match="is empty; delete it"):
        secret_file(tmp_path / "console")
