"""What imports keep of people when their work is done, and how it is forgotten: files, and rows that were wrong."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from tessera.events.event import Identifier
from tessera.foundation.redaction import LEAST
from tessera.foundation.settings import settings
from tessera.imports import store
from tessera.imports.plan import FileFormat
from tessera.imports.reading import FileRefused, decoded, unpacked
from tessera.imports.records import FileGone, ImportView
from tessera.imports.sniffing import recognise

Connection = psycopg.Connection[Any]
ERROR_DAYS: Final = 30
IMPORT_DAYS: Final = 365
"""After so long an import that is over is forgotten, and cannot be undone any more; the audit trail keeps the fact."""
_ENDED: Final = ("finished", "undone", "cancelled")
_ON_THEIR_WAY: Final = ("checking", "queued", "running", "paused")
LEAST_SILENCE: Final = timedelta(days=1)
_OVERLAP: Final = 1_000
_SEPARATORS: Final = str.maketrans("", "", " -.()/\u00a0")
TOO_LATE: Final = "file_dropped_old"
MOST_SEARCHED: Final = 20_000_000
"""Bytes, unpacked, of a file that is searched for somebody: whoever searches holds every lane meanwhile."""
UNREAD: Final = "file_dropped_unread"
GONE: Final = "file_dropped_erased"


class PassedFile(NamedTuple):
    """A whole file in which these words were not found, read like this."""

    import_id: UUID
    chosen: FileFormat
    words: tuple[str, ...]


def pass_over_files(
    connection: Connection, workspace_id: int, identifiers: Sequence[Identifier], profile_ids: Sequence[UUID]
) -> frozenset[PassedFile]:
    """The files that `erase_traces` need not search, as they do not name the person; waits for nobody.

    A file that has come in whole never changes, but how it is read may be chosen anew.
    """
    words = _words(identifiers, profile_ids)
    return frozenset(
        PassedFile(found.id, found.plan.format, words)
        for found in store.files_there(connection, workspace_id)
        if found.plan and found.state not in (*_ENDED, "uploading") and not _why_not_kept(connection, found, words)
    )


def erase_traces(
    connection: Connection,
    workspace_id: int,
    identifiers: Sequence[Identifier],
    profile_ids: Sequence[UUID],
    passed: Collection[PassedFile] = (),
) -> dict[str, int]:
    """Forget somebody: the caller is in the transaction that erases them, and holds every lane. Counts by table.

    Files of imports that have ended are dropped, whoever is in them: nobody needs them any more. Of those that are
    still to be carried out, the ones that name the person or are too large to search are dropped, and their imports
    fail and say so; those that were `passed` are not searched again. Rows that were wrong lose their content where they
    name the person; that they were wrong stays.
    """
    words = _words(identifiers, profile_ids)
    files = 0
    for found in store.with_files(connection, workspace_id):
        if found.state in _ENDED:
            files += store.drop_file(connection, found.id)
        elif found.plan and PassedFile(found.id, found.plan.format, words) in passed:
            continue
        elif problem := _why_not_kept(connection, found, words):
            files += store.drop_file(connection, found.id)
            store.change(connection, found.id, problem=problem, wanted="")
            if found.state != "undoing":
                store.set_state(connection, found.id, "failed")
    rows = store.blank_problems(connection, workspace_id, words)
    return {"imports_chunk": files, "imports_error": rows}


def _words(identifiers: Sequence[Identifier], profile_ids: Sequence[UUID]) -> tuple[str, ...]:
    return tuple(sorted({value.lower() for _, value in identifiers} | {str(profile) for profile in profile_ids}))


def _why_not_kept(connection: Connection, found: ImportView, words: Sequence[str]) -> str:
    """Empty unless the file may name the person. One that is too large to search, or cannot be read, is taken to."""
    if found.size > MOST_SEARCHED:
        return UNREAD
    if found.state == "uploading":
        there, expected = store.holes(connection, found.id)
        if there != expected:  # what lies behind a hole would not be seen
            return UNREAD
        if not there:
            return ""
    with suppress(FileRefused, FileGone):
        return GONE if _found(_text_of(connection, found), words) else ""
    return UNREAD


def _text_of(connection: Connection, found: ImportView) -> Iterator[str]:
    """The file, unpacked and decoded; one that is still coming in has no plan yet and is read by its first bytes.

    Raises `FileRefused`, `FileGone`.
    """
    blocks = iter(store.file_blocks(connection, found.id))
    head = next(blocks, b"")
    chosen = found.plan.format if found.plan else recognise(head)
    read = unpacked(chain((head,), blocks), gzipped=chosen.gzipped, most=MOST_SEARCHED)
    return decoded(read, chosen.encoding)


def _found(texts: Iterable[str], words: Sequence[str]) -> bool:
    """Also where a word is cut by two blocks. Numbers are looked for without the signs people put between digits, and
    by their last eight digits: at home nobody writes the country's code."""
    pattern = _pattern([word for word in words if not word.startswith("+")])
    digits = [word[-8:] for word in words if word.startswith("+")]
    piece, cut = "", 0
    for text in texts:
        piece, cut = piece[-_OVERLAP:] + text.lower(), max(cut, len(piece) > _OVERLAP)
        # What touches an end of the piece may be part of a longer word there; the next piece shows all of it.
        if any(one.start() >= cut and one.end() < len(piece) for one in pattern.finditer(piece)):
            return True
        if digits:
            squeezed = piece.translate(_SEPARATORS)
            if any(number in squeezed for number in digits):
                return True
    return any(one.start() >= cut for one in pattern.finditer(piece))


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    """Whole words, as `Redactor` has them; short ones only where they are all of a cell: a 7 is in every file."""
    long = "|".join(re.escape(word) for word in words if len(word) >= LEAST)
    short = "|".join(re.escape(word) for word in words if len(word) < LEAST)
    parts = [rf"(?<![\w.+@-])(?:{long})(?![\w@-]|\.\w)"] if long else []
    parts += [rf"(?<![^,;:|\t\r\n\"])(?:{short})(?![^,;}}|\t\r\n\"])"] if short else []
    return re.compile("|".join(parts) or r"(?!)")


def forget_old(connection: Connection, *, now: datetime) -> dict[str, int]:
    """Drop files some days after their import has ended (`TESSERA_IMPORT_KEEP_DAYS`) or was left lying unfinished, and
    what was wrong with rows after thirty days, and imports that are over after a year. Counts by table.

    An import on its way of which nothing was heard for so long (a day at least) fails: it cannot go on without it.
    """
    kept = timedelta(days=settings().import_keep_days)
    silent = max(kept, LEAST_SILENCE)
    files = 0
    with connection.transaction():
        for import_id, state in store.old_files(connection, before=now - kept, silent_before=now - silent):
            files += store.drop_file(connection, import_id)
            if state in _ON_THEIR_WAY:
                store.set_state(connection, import_id, "failed", problem=TOO_LATE, wanted="", finished_at=now)
        rows = store.drop_problems(connection, before=now - timedelta(days=ERROR_DAYS))
        imports = store.forget_imports(connection, before=now - timedelta(days=IMPORT_DAYS))
    return {"imports_chunk": files, "imports_error": rows, "imports_import": imports}
