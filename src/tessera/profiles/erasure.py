"""Forgetting what we know of somebody: states, search words, pictures, relations of theirs and with them."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import psycopg

from tessera.events.event import Identifier
from tessera.identity.rules import PROFILE
from tessera.profiles.person import values_of
from tessera.profiles.state import State, decode_state
from tessera.profiles.store import read_stored, words_of

Connection = psycopg.Connection[Any]

_OWN: Final = ("profiles_state", "profiles_search", "profiles_avatar")
_WORDS: Final = "(workspace_id, token, profile_id) IN (SELECT * FROM unnest(%s::int[], %s::text[], %s::uuid[]))"
"""By the whole key, as the table has no other index: a person's words are those of their state, always."""
_TO_THEM: Final = """
DELETE FROM profiles_relation r USING unnest(%s::text[], %s::text[]) AS named (kind, value)
 WHERE r.workspace_id = %s AND r.other_value = named.value AND r.other_kind = named.kind
RETURNING r.profile_id
"""
_SAID_OF_THEM: Final = """
SELECT r.profile_id FROM profiles_relation r JOIN unnest(%s::text[], %s::text[]) AS named (kind, value)
    ON r.other_value = named.value AND r.other_kind = named.kind
 WHERE r.workspace_id = %s
"""
_TELLING: Final = ("email", "phone", "name", "username", "address", "website", "avatar")


def erase_profiles(
    connection: Connection, *, workspace_id: int, profiles: Sequence[UUID], identifiers: Sequence[Identifier]
) -> tuple[dict[str, int], set[UUID]]:
    """Forget these profiles, which are one whole person; counts per table, and who said they are related to them.

    The caller holds every lane.
    """
    words = connection.execute(f"DELETE FROM profiles_search WHERE {_WORDS}", _word_keys(connection, profiles))  # noqa: S608
    counts = {"profiles_search": words.rowcount}
    counts |= {
        table: connection.execute(f"DELETE FROM {table} WHERE profile_id = ANY(%s)", (list(profiles),)).rowcount  # noqa: S608
        for table in ("profiles_state", "profiles_avatar")
    }
    said = connection.execute("DELETE FROM profiles_relation WHERE profile_id = ANY(%s)", (list(profiles),)).rowcount
    near = connection.execute(_TO_THEM, (*_ends(profiles, identifiers), workspace_id)).fetchall()
    return counts | {"profiles_relation": said + len(near)}, {row[0] for row in near} - set(profiles)


def related_to(
    connection: Connection, *, workspace_id: int, profiles: Sequence[UUID], identifiers: Sequence[Identifier]
) -> set[UUID]:
    """Who said they are related to them, as `erase_profiles` would name them."""
    rows = connection.execute(_SAID_OF_THEM, (*_ends(profiles, identifiers), workspace_id))
    return {row[0] for row in rows} - set(profiles)


def _ends(profiles: Sequence[UUID], identifiers: Sequence[Identifier]) -> tuple[list[str], list[str]]:
    """Kinds and values of all that a relation may call these profiles."""
    ends = [*identifiers, *((PROFILE, str(profile)) for profile in profiles)]
    return [kind for kind, _ in ends], [value for _, value in ends]


def count_profiles_of(connection: Connection, profiles: Sequence[UUID]) -> dict[str, int]:
    """What `erase_profiles` would forget of these profiles' own."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM profiles_state WHERE profile_id = ANY(%(profiles)s)),"
        " %(words)s::bigint,"
        " (SELECT count(*) FROM profiles_avatar WHERE profile_id = ANY(%(profiles)s)),"
        " (SELECT count(*) FROM profiles_relation WHERE profile_id = ANY(%(profiles)s)"
        "     OR other_kind = 'profile_id' AND other_value = ANY(%(profiles)s::text[]))",
        {"profiles": list(profiles), "words": len(_word_keys(connection, profiles)[0])},
    ).fetchone()
    assert row is not None
    return dict(zip((*_OWN, "profiles_relation"), row, strict=True))


def _word_keys(connection: Connection, profiles: Sequence[UUID]) -> tuple[list[int], list[str], list[UUID]]:
    """The keys of these profiles' search words: workspaces, words, profiles."""
    keys = [
        (stored.workspace_id, word, profile)
        for profile, stored in read_stored(connection, profiles).items()
        for word in sorted(words_of(decode_state(stored.state)))
    ]
    return [key[0] for key in keys], [key[1] for key in keys], [key[2] for key in keys]


def telling_values(state: State) -> list[str]:
    """The texts that name a person in other people's papers, beside identifiers: contacts, the full name, addresses."""
    known = values_of(state.attributes)
    texts = [known.get(name) for name in _TELLING]
    first, last = known.get("first_name"), known.get("last_name")
    if isinstance(first, str) and isinstance(last, str):
        texts.append(f"{first} {last}")
    if state.activity is not None:
        texts.append(state.activity.ip)
    if state.registration is not None:
        texts.append(state.registration.ip)
    return [text for text in texts if isinstance(text, str) and len(text) <= 500]
