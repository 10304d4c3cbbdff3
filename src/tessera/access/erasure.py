"""What the house's own books say of somebody: audit details lose their values, remembered answers go."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg

from tessera.access.requests import opened_answer
from tessera.foundation.redaction import Redactor, without_texts
from tessera.foundation.sealed import CannotUnseal

Connection = psycopg.Connection[Any]

_ENTRIES: Final = """
SELECT id, target, detail::text FROM access_auditentry
 WHERE workspace_id = %(workspace)s
   AND (target = ANY(%(targets)s) OR EXISTS (
        SELECT 1 FROM unnest(%(values)s::text[]) AS said (value)
         WHERE strpos(lower(target || ' ' || detail::text), said.value) > 0))
"""
_ANSWERS: Final = """
SELECT r.api_key_id, r.idempotency_key, r.body FROM access_rememberedreply r JOIN access_apikey k ON k.id = r.api_key_id
 WHERE k.workspace_id = %(workspace)s AND r.body IS NOT NULL
   AND CASE WHEN get_byte(r.body, 0) IN (91, 123)  -- a document as it is; else sealed, to be opened here
            THEN EXISTS (SELECT 1 FROM unnest(%(values)s::text[]) AS said (value)
                          WHERE strpos(lower(convert_from(r.body, 'UTF8')), said.value) > 0)
            ELSE true END
"""
_FORGET: Final = "DELETE FROM access_rememberedreply WHERE api_key_id = %s AND idempotency_key = %s"


def erase_audit_details(
    connection: Connection, *, workspace_id: int, profiles: Sequence[UUID], redactor: Redactor
) -> int:
    """Blot values out of the audit trail; who did what to which profile id, and when, stays. Returns how many entries.

    Of entries about the person every text goes, whatever it says; of others what names the person.
    """
    ids = [str(profile) for profile in profiles]
    targets = [f"profile:{profile}" for profile in ids]
    searched = {"workspace": workspace_id, "targets": targets, "values": _searched(redactor) + ids}
    changed = 0
    for entry, target, text in connection.execute(_ENTRIES, searched).fetchall():
        detail = msgspec.json.decode(text)
        about_them = target in targets or any(profile in text for profile in ids)
        cleaned = without_texts(detail) if about_them else redactor.document(detail)
        blotted = target if about_them else redactor.text(target)
        if cleaned != detail or blotted != target:
            connection.execute(
                "UPDATE access_auditentry SET target = %s, detail = %s WHERE id = %s",
                (blotted, msgspec.json.encode(cleaned).decode(), entry),
            )
            changed += 1
    return changed


def erase_answers(connection: Connection, *, workspace_id: int, profiles: Sequence[UUID], redactor: Redactor) -> int:
    """Forget the answers kept for Idempotency-Keys that speak of the person; returns how many.

    A program that repeats such a request has it carried out, on nobody: the person is not found.
    """
    values = _searched(redactor) + [str(profile) for profile in profiles]
    rows = connection.execute(_ANSWERS, {"workspace": workspace_id, "values": values}).fetchall()
    gone = [(api_key_id, key) for api_key_id, key, body in rows if _speaks_of(values, api_key_id, key, bytes(body))]
    with connection.cursor() as cursor:
        cursor.executemany(_FORGET, gone)
    return len(gone)


def _speaks_of(values: Sequence[str], api_key_id: int, key: str, body: bytes) -> bool:
    """What nobody can open any more (the key was changed) can be given to nobody either, so it goes too."""
    try:
        text = opened_answer(api_key_id, key, body).decode().lower()
    except CannotUnseal:
        return True
    return any(value in text for value in values)


def _searched(redactor: Redactor) -> list[str]:
    """As they stand inside JSON text: a quote or backslash in a value is escaped there."""
    return sorted(msgspec.json.encode(value).decode()[1:-1] for value in redactor.values if len(value) > 2)
