"""The SQL of profile states and search words: read and written once per batch of events."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

import psycopg

from tessera.foundation.json_columns import Verbatim, verbatim_cursor
from tessera.profiles.registers import value_of
from tessera.profiles.state import State, decode_state, encode_state

Connection = psycopg.Connection[Any]

_LOCK = "SELECT profile_id, state FROM profiles_state WHERE profile_id = ANY(%b) ORDER BY profile_id FOR UPDATE"
_READ = "SELECT profile_id, state FROM profiles_state WHERE profile_id = ANY(%b)"
_WRITE = """
INSERT INTO profiles_state (profile_id, workspace_id, state, updated_at)
SELECT id, workspace_id, state, now()
  FROM unnest(%b::uuid[], %b::int[], %b::json[]) AS new (id, workspace_id, state)
ON CONFLICT (profile_id) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at
"""
_ADD_WORDS = """
INSERT INTO profiles_search (workspace_id, token, profile_id)
SELECT * FROM unnest(%b::int[], %b::text[], %b::uuid[]) ON CONFLICT DO NOTHING
"""
_DROP_WORDS = """
DELETE FROM profiles_search s USING unnest(%b::int[], %b::text[], %b::uuid[]) AS old (workspace_id, token, profile_id)
 WHERE s.workspace_id = old.workspace_id AND s.token = old.token AND s.profile_id = old.profile_id
"""
SEARCHED: Final = ("first_name", "last_name", "name", "username", "company", "phone")
MAX_WORDS: Final = 20
_WORD = re.compile(r"[^\W_]+")


def lock_states(connection: Connection, profiles: Collection[UUID]) -> dict[UUID, State]:
    """The states of these profiles, locked in id order until the transaction ends."""
    return _decoded(connection, _LOCK, sorted(profiles))


def read_states(connection: Connection, profiles: Collection[UUID]) -> dict[UUID, State]:
    return _decoded(connection, _READ, list(profiles))


def _decoded(connection: Connection, statement: str, profiles: list[UUID]) -> dict[UUID, State]:
    if not profiles:
        return {}
    with verbatim_cursor(connection) as cursor:
        rows = cursor.execute(statement, (profiles,)).fetchall()
    return {profile: decode_state(text) for profile, text in rows}


def write_states(connection: Connection, states: Mapping[UUID, tuple[int, State]]) -> None:
    """Write (workspace, state) of each profile. The caller holds those that exist locked."""
    if not states:
        return
    ids = sorted(states)
    workspaces = [states[profile][0] for profile in ids]
    texts = [Verbatim(encode_state(states[profile][1])) for profile in ids]
    connection.execute(_WRITE, (ids, workspaces, texts))


def words_of(state: State) -> frozenset[str]:
    """The words a person is searched by, beside identifiers: names without accents or capitals, digits of the phone."""
    words: dict[str, None] = {}
    for name in SEARCHED:
        register = state.attributes.get(name)
        value = value_of(register) if register else None
        if type(value) is str:
            words.update(dict.fromkeys(search_words(value[:255])))
    return frozenset(list(words)[:MAX_WORDS])


def search_words(text: str) -> list[str]:
    """A text as the words it is found by."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return [word[:64] for word in _WORD.findall("".join(char for char in plain if not unicodedata.combining(char)))]


def change_words(
    connection: Connection, before: Mapping[UUID, frozenset[str]], states: Mapping[UUID, tuple[int, State]]
) -> None:
    """Bring the search words of these profiles up to date; writes only what changed."""
    add: list[tuple[int, str, UUID]] = []
    drop: list[tuple[int, str, UUID]] = []
    for profile, (workspace, state) in states.items():
        words, known = words_of(state), before.get(profile, frozenset())
        add += [(workspace, word, profile) for word in words - known]
        drop += [(workspace, word, profile) for word in known - words]
    for statement, rows in ((_ADD_WORDS, sorted(add)), (_DROP_WORDS, sorted(drop))):
        if rows:
            connection.execute(statement, [list(column) for column in zip(*rows, strict=True)])
