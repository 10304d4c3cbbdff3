"""Files in a folder of this machine, below a root that the operator opened. No name leads out of it."""

import os
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from tessera.deliveries.records import InvalidSegmentExport
from tessera.foundation.settings import settings

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def place_of(path: str) -> tuple[Path, tuple[str, ...]]:
    """The root a folder lies below, and the way from there. Raises `InvalidSegmentExport`."""
    wanted = PurePosixPath(path)
    if "\0" in path or ".." in wanted.parts or not wanted.is_absolute():
        raise InvalidSegmentExport("a folder is named by its whole path, without ..")
    for root in settings().export_roots:
        if wanted.is_relative_to(root):
            return root, wanted.relative_to(root).parts
    raise InvalidSegmentExport("no automatic export may write there; TESSERA_EXPORT_ROOTS says where they may")


def write_file(path: str, name: str, body: bytes) -> None:
    """Write `name` (its folders are made) below the folder: whole or not at all, and again over what is there.

    Every step from the root is taken from the folder before it and never through a link. Raises `OSError`,
    `InvalidSegmentExport`.
    """
    root, way = place_of(path)
    *folders, file = PurePosixPath(name).parts
    held = os.open(root, _DIRECTORY)
    try:
        for step in (*way, *folders):
            held = _enter(held, step)
        _write(held, file, body)
    finally:
        os.close(held)


def _enter(held: int, step: str) -> int:
    """The folder inside, made where it is missing; lets go of the one before."""
    with suppress(FileExistsError):
        os.mkdir(step, 0o750, dir_fd=held)
        os.fsync(held)
    inner = os.open(step, _DIRECTORY | os.O_NOFOLLOW, dir_fd=held)
    os.close(held)
    return inner


def _write(folder: int, file: str, body: bytes) -> None:
    draft = f".{file}.part"
    with suppress(FileNotFoundError):
        os.unlink(draft, dir_fd=folder)  # of one that was killed in the middle
    handle = os.open(draft, _NEW, 0o640, dir_fd=folder)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        os.rename(draft, file, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft, dir_fd=folder)
        raise
    os.fsync(folder)
