"""What imports keep of people when their work is done, and how it is forgotten: files, and rows that were wrong."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from tessera.events.event import Identifier
from tessera.foundation.redaction import LEAST
from tessera.foundation.settings import settings
from tessera.imports import store
from tessera.imports.plan import Plan
from tessera.imports.reading import FileRefused, decoded, unpacked
from tessera.imports.records import FileGone, ImportView

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


def erase_traces(
    connection: Connection, workspace_id: int, identifiers: Sequence[Identifier], profile_ids: Sequence[UUID]
) -> dict[str, int]:
    """Forget somebody: the caller is in the transaction that erases them, and holds every lane. Counts by table.

    Files of imports that have ended are dropped, whoever is in them: nobody needs them any more. Of those that are
    still to be carried out, the ones that name the person or are too large to search are dropped, and their imports
    fail and say so. Rows that were wrong lose their content where they name the person; that they were wrong stays.
    """
    words = sorted({value.lower() for _, value in identifiers} | {str(profile) for profile in profile_ids})
    files = 0
    for found in store.with_files(connection, workspace_id):
        if found.state in _ENDED:
            files += store.drop_file(connection, found.id)
        elif problem := _why_not_kept(connection, found, words):
            files += store.drop_file(connection, found.id)
            store.change(connection, found.id, problem=problem, wanted="")
            if found.state != "undoing":
                store.set_state(connection, found.id, "failed")
    rows = store.blank_problems(connection, workspace_id, words)
    return {"imports_chunk": files, "imports_error": rows}


def _why_not_kept(connection: Connection, found: ImportView, words: Sequence[str]) -> str:
    """Empty unless the file may name the person. One that is too large to search, or cannot be read, is taken to."""
    if found.size > MOST_SEARCHED:
        return UNREAD
    chosen = (found.plan or Plan()).format
    blocks = store.file_blocks(connection, found.id)
    with suppress(FileRefused, FileGone):
        read = unpacked(blocks, gzipped=chosen.gzipped, most=MOST_SEARCHED)
        return GONE if _found(decoded(read, chosen.encoding), words) else ""
    return UNREAD


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
