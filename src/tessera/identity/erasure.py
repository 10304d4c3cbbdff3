"""Forgetting who somebody was: their profiles, identifiers, merges, refusals, and what is said of them elsewhere."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from tessera.events.event import Identifier
from tessera.foundation.arrays import texts
from tessera.foundation.redaction import Redactor

Connection = psycopg.Connection[Any]

_OF_REFUSALS = "identity_refusal WHERE profile_id = ANY(%(profiles)s) OR other_id = ANY(%(profiles)s)"
_REFUSALS = f"DELETE FROM {_OF_REFUSALS} RETURNING profile_id"  # noqa: S608 -- constants
_REFUSALS_BY_VALUE = """
DELETE FROM identity_refusal r
 USING unnest(%b::text[], %b::text[]) AS named (kind, value)
 WHERE r.workspace_id = %s AND r.dropped_value = named.value AND r.dropped_kind = named.kind
RETURNING r.profile_id
"""
_OF_MERGES = """
identity_merge WHERE kept_id = ANY(%(profiles)s) OR absorbed_id = ANY(%(profiles)s)
    OR kept_link = ANY(%(profiles)s) OR absorbed_link = ANY(%(profiles)s)
"""
_MERGES = f"DELETE FROM {_OF_MERGES} RETURNING kept_id, absorbed_id, kept_link, absorbed_link"  # noqa: S608 -- as above
_NEAR = f"""
SELECT profile_id FROM {_OF_REFUSALS}
UNION
SELECT r.profile_id FROM identity_refusal r
  JOIN unnest(%(kinds)s::text[], %(values)s::text[]) AS named (kind, value)
    ON r.dropped_value = named.value AND r.dropped_kind = named.kind
 WHERE r.workspace_id = %(workspace)s
UNION
SELECT unnest(ARRAY[kept_id, absorbed_id, kept_link, absorbed_link]) FROM {_OF_MERGES}
"""  # noqa: S608 -- constants


def neighbours_of(
    connection: Connection, *, workspace_id: int, profiles: Sequence[UUID], identifiers: Sequence[Identifier]
) -> set[UUID]:
    """The other people's profiles that `erase_identity` would name."""
    named = {"kinds": [kind for kind, _ in identifiers], "values": [value for _, value in identifiers]}
    rows = connection.execute(_NEAR, {"workspace": workspace_id, "profiles": list(profiles), **named})
    return {row[0] for row in rows} - set(profiles)


def erase_identity(
    connection: Connection, *, workspace_id: int, profiles: Sequence[UUID], identifiers: Sequence[Identifier]
) -> tuple[dict[str, int], set[UUID]]:
    """Forget these profiles, which are one whole person; counts per table, and the other people's profiles that were
    once linked to them or kept apart from them: their history may name the person.

    The caller holds every lane and these profiles.
    """
    members = set(profiles)
    values = {"profiles": list(profiles)}
    apart = [row[0] for row in connection.execute(_REFUSALS, values)]
    kinds, names = [kind for kind, _ in identifiers], [value for _, value in identifiers]
    apart += [row[0] for row in connection.execute(_REFUSALS_BY_VALUE, (texts(kinds), texts(names), workspace_id))]
    merges = connection.execute(_MERGES, values).fetchall()
    neighbours = {profile for row in merges for profile in row} | set(apart)
    held = connection.execute("DELETE FROM identity_identifier WHERE profile_id = ANY(%(profiles)s)", values)
    gone = connection.execute("DELETE FROM identity_profile WHERE id = ANY(%(profiles)s)", values)
    counts = {
        "identity_identifier": held.rowcount,
        "identity_merge": len(merges),
        "identity_refusal": len(apart),
        "identity_profile": gone.rowcount,
    }
    return counts, neighbours - members


_EVIDENCE = {
    "identity_merge": (
        "SELECT kept_id, merge_id, evidence::text FROM identity_merge"
        " WHERE kept_id = ANY(%(profiles)s) OR absorbed_id = ANY(%(profiles)s)",
        "UPDATE identity_merge SET evidence = %s WHERE kept_id = %s AND merge_id = %s",
    ),
    "identity_refusal": (
        "SELECT profile_id, rule, dropped_kind, dropped_value, evidence::text FROM identity_refusal"
        " WHERE profile_id = ANY(%(profiles)s)",
        "UPDATE identity_refusal SET evidence = %s"
        " WHERE profile_id = %s AND rule = %s AND dropped_kind = %s AND dropped_value = %s",
    ),
}


def redact_evidence(connection: Connection, profiles: Sequence[UUID], redactor: Redactor) -> int:
    """Blot the person out of what these profiles' own merges and refusals rest on; returns how many rows changed.

    An event that joined two others may have carried the person's identifier too, left out by a rule.
    """
    changed = 0
    for reading, writing in _EVIDENCE.values():
        for *key, text in connection.execute(reading, {"profiles": list(profiles)}).fetchall():
            evidence = msgspec.json.decode(text)
            blotted = redactor.document(evidence)
            if blotted != evidence:
                connection.execute(writing, (msgspec.json.encode(blotted).decode(), *key))
                changed += 1
    return changed


def count_identity(connection: Connection, profiles: Sequence[UUID]) -> dict[str, int]:
    """What `erase_identity` would forget of these profiles' own."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM identity_identifier WHERE profile_id = ANY(%(profiles)s)),"
        " (SELECT count(*) FROM identity_merge WHERE kept_id = ANY(%(profiles)s) OR absorbed_id = ANY(%(profiles)s)),"
        " (SELECT count(*) FROM identity_refusal WHERE profile_id = ANY(%(profiles)s) OR other_id = ANY(%(profiles)s))",
        {"profiles": list(profiles)},
    ).fetchone()
    assert row is not None
    return dict(zip(("identity_identifier", "identity_merge", "identity_refusal"), row, strict=True))
