"""Secrets of this installation: made at random when first asked for, then kept under the home. No Django."""

import contextlib
import os
import re
import secrets
from pathlib import Path

from tessera.foundation.errors import SetupError
from tessera.foundation.settings import settings

_RANDOM_BYTES = 48
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")


def secret(name: str) -> str:
    """The secret called `name`: `TESSERA_SECRET_<NAME>` where it is set, else a random text kept under the home.

    Machines that share a database must share their secrets, hence the variable. Raises `SetupError` when the
    file can neither be read nor written.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"a secret's name is lower-case letters, digits, - and _: {name!r}")
    given = os.environ.get(f"TESSERA_SECRET_{name.upper().replace('-', '_')}", "").strip()
    return given or secret_file(settings().home / "secrets" / name)


def secret_file(path: Path) -> str:
    """The text in `path` (mode 0600), made at random when the file is missing.

    The file appears whole or not at all, and the first of two rivals wins: both get the same text.
    """
    try:
        if text := _read(path):
            return text
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_once(path, secrets.token_urlsafe(_RANDOM_BYTES))
        text = _read(path)
    except OSError as error:
        raise SetupError(f"cannot keep a secret in {path}: {error.strerror}") from None
    if not text:
        raise SetupError(f"{path} is empty; delete it to have a new secret made")
    return text


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""


def _write_once(path: Path, text: str) -> None:
    """`link` refuses to replace, so a rival's file stays; `rename` would overwrite it."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
