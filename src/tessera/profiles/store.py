"""The SQL of profile states and search words: read and written once per batch of events."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.foundation.errors import Outdated
from tessera.foundation.json_columns import Verbatim, verbatim_cursor
from tessera.profiles.registers import value_of
from tessera.profiles.state import State, decode_state, encode_state

Connection = psycopg.Connection[Any]

_READ = """
SELECT profile_id, workspace_id, version, state FROM profiles_state WHERE profile_id = ANY(%b) ORDER BY profile_id
"""
_WRITE = """
INSERT INTO profiles_state AS mine (profile_id, workspace_id, version, state, updated_at)
SELECT id, workspace_id, version, state, now()
  FROM unnest(%b::uuid[], %b::int[], %b::bigint[], %b::json[]) AS new (id, workspace_id, version, state)
ON CONFLICT (profile_id) DO UPDATE
   SET version = excluded.version, state = excluded.state, updated_at = excluded.updated_at
 WHERE mine.version = excluded.version - 1
"""
_ADD_WORDS = """
INSERT INTO profiles_search (workspace_id, token, profile_id)
SELECT * FROM unnest(%b::int[], %b::text[], %b::uuid[]) ON CONFLICT DO NOTHING
"""
_DROP_WORD = "DELETE FROM profiles_search WHERE workspace_id = %s AND token = %s AND profile_id = %s"
SEARCHED: Final = ("first_name", "last_name", "name", "username", "company", "phone")
MAX_WORDS: Final = 20
_WORD = re.compile(r"[^\W_]+")


class Versioned(Struct):
    """A state as it was read (or, version 0, is not there yet)."""

    workspace_id: int
    version: int
    state: State


def read_versions(connection: Connection, profiles: Collection[UUID]) -> dict[UUID, Versioned]:
    """The states of these profiles, unlocked, each with the version that `write_states` will insist on."""
    if not profiles:
        return {}
    with verbatim_cursor(connection) as cursor:
        rows = cursor.execute(_READ, (list(profiles),)).fetchall()
    return {profile: Versioned(workspace, version, decode_state(text)) for profile, workspace, version, text in rows}


def read_states(connection: Connection, profiles: Collection[UUID]) -> dict[UUID, State]:
    return {profile: found.state for profile, found in read_versions(connection, profiles).items()}


def write_states(connection: Connection, states: Mapping[UUID, Versioned]) -> None:
    """Write these states over the versions they were read at, in id order. Raises `Outdated` (roll back then)."""
    if not states:
        return
    ids = sorted(states)
    changed = [states[profile] for profile in ids]
    workspaces = [one.workspace_id for one in changed]
    versions = [one.version + 1 for one in changed]
    texts = [Verbatim(encode_state(one.state)) for one in changed]
    if connection.execute(_WRITE, (ids, workspaces, versions, texts)).rowcount != len(ids):
        raise Outdated


def words_of(state: State) -> frozenset[str]:
    """The words a person is searched by, beside identifiers: names without accents or capitals, digits of the phone."""
    attributes = state.attributes
    if not attributes:
        return frozenset()
    words: dict[str, None] = {}
    for name in SEARCHED:
        register = attributes.get(name)
        value = value_of(register) if register else None
        if type(value) is str:
            words.update(dict.fromkeys(search_words(value[:255])))
    return frozenset(list(words)[:MAX_WORDS])


@lru_cache(maxsize=20_000)
def search_words(text: str) -> tuple[str, ...]:
    """A text as the words it is found by."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    return tuple(word[:64] for word in _WORD.findall(letters))


def change_words(
    connection: Connection, before: Mapping[UUID, frozenset[str]], states: Mapping[UUID, Versioned]
) -> None:
    """Bring the search words of these profiles up to date; writes only what changed."""
    add: list[tuple[int, str, UUID]] = []
    drop: list[tuple[int, str, UUID]] = []
    for profile, one in states.items():
        words, known = words_of(one.state), before.get(profile, frozenset())
        add += [(one.workspace_id, word, profile) for word in words - known]
        drop += [(one.workspace_id, word, profile) for word in known - words]
    if add:
        connection.execute(_ADD_WORDS, [list(column) for column in zip(*sorted(add), strict=True)])
    if drop:
        with connection.cursor() as cursor:
            cursor.executemany(_DROP_WORD, sorted(drop))
