"""What the house's own books say of somebody: audit details lose their values, remembered answers their bodies."""

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg

from tessera.access.requests import opened_answer
from tessera.foundation.redaction import OUR_NAMES, Redactor, without_texts
from tessera.foundation.sealed import CannotUnseal

Connection = psycopg.Connection[Any]
AT_ONCE: Final = 5_000

_ENTRIES: Final = """
SELECT id, target, detail FROM (
       SELECT id, target, detail::text AS detail, lower(target || ' ' || detail::text) AS said
         FROM access_auditentry WHERE workspace_id = %(workspace)s OFFSET 0) AS entry
 WHERE target = ANY(%(targets)s) OR said LIKE ANY(%(patterns)s)
"""
"""OFFSET keeps PostgreSQL from making the text once more for every value that is looked for in it."""
_ANSWERS: Final = """
SELECT r.api_key_id, r.idempotency_key, r.body FROM access_rememberedreply r
  JOIN access_apikey k ON k.id = r.api_key_id
 WHERE k.workspace_id = %s AND r.body IS NOT NULL
"""
_EMPTY: Final = """
UPDATE access_rememberedreply r SET body = NULL FROM unnest(%s::bigint[], %s::text[]) AS said (api_key_id, key)
 WHERE r.api_key_id = said.api_key_id AND r.idempotency_key = said.key
"""
_FORGET: Final = "DELETE FROM access_rememberedreply WHERE api_key_id = %s AND idempotency_key = %s"


def erase_audit_details(
    connection: Connection, *, workspace_id: int, profiles: Sequence[UUID], contacts: Redactor
) -> int:
    """Blot values out of the audit trail; who did what to which profile id, and when, stays. Returns how many entries.

    Of entries about the person every text goes, whatever it says; of others what names the person by one of their
    `contacts`. Their names and other words of their own choosing are not looked for: whoever calls themselves
    `profile` would wipe the trail.
    """
    ids = [str(profile) for profile in profiles]
    targets = [f"profile:{profile}" for profile in ids]
    patterns = [f"%{_unmeant(value)}%" for value in _searched(contacts) + ids]
    searched = {"workspace": workspace_id, "targets": targets, "patterns": patterns}
    changed = 0
    for entry, target, text in connection.execute(_ENTRIES, searched).fetchall():
        detail = msgspec.json.decode(text)
        about_them = target in targets or any(profile in text for profile in ids)
        cleaned = without_texts(detail) if about_them else contacts.document(detail, keep=OUR_NAMES)
        blotted = target if about_them else _blotted_target(target, contacts)
        if cleaned != detail or blotted != target:
            connection.execute(
                "UPDATE access_auditentry SET target = %s, detail = %s WHERE id = %s",
                (blotted, msgspec.json.encode(cleaned).decode(), entry),
            )
            changed += 1
    return changed


def _blotted_target(target: str, contacts: Redactor) -> str:
    """What stands before the colon is ours: the kind of thing the entry is about."""
    kind, colon, rest = target.partition(":")
    return f"{kind}:{contacts.text(rest)}" if colon else contacts.text(target)


def erase_answers(connection: Connection, *, workspace_id: int, profiles: Sequence[UUID], redactor: Redactor) -> int:
    """Empty the answers kept for Idempotency-Keys that speak of the person; returns how many.

    That the request was carried out stays, so that a program that repeats it does not have it carried out again.
    """
    ids = [str(profile) for profile in profiles]
    found = [
        (api_key, key)
        for api_key, key, text in _answers(connection, workspace_id)
        if text is None or any(profile in text for profile in ids) or redactor.found_in_document(text)
    ]
    if found:
        api_keys, keys = zip(*found, strict=True)
        connection.execute(_EMPTY, (list(api_keys), list(keys)))
    return len(found)


def _answers(connection: Connection, workspace_id: int) -> Iterator[tuple[int, str, str | None]]:
    """(key, its Idempotency-Key, the answer). None for what nobody can open any more: it can be given to nobody."""
    with connection.cursor(name="remembered_answers") as rows:
        rows.itersize = AT_ONCE
        for api_key, key, body in rows.execute(_ANSWERS, (workspace_id,)):
            try:
                yield api_key, key, opened_answer(api_key, key, bytes(body)).decode(errors="replace")
            except CannotUnseal:
                yield api_key, key, None


def _unmeant(value: str) -> str:
    """As LIKE takes it to mean nothing but itself."""
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _searched(redactor: Redactor) -> list[str]:
    """As they stand inside JSON text: a quote or backslash in a value is escaped there."""
    return sorted(msgspec.json.encode(value).decode()[1:-1] for value in redactor.values if len(value) > 2)
