"""The SQL of profile states and search words: read and written once per batch of events."""

import re
import unicodedata
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from tessera.foundation.arrays import Packed, documents, large, texts, uuids, whole
from tessera.foundation.errors import Outdated
from tessera.foundation.ids import in_order
from tessera.foundation.json_columns import verbatim_cursor
from tessera.profiles.registers import value_of
from tessera.profiles.state import State, decode_state

Connection = psycopg.Connection[Any]

_READ = """
SELECT profile_id, workspace_id, version, state FROM profiles_state WHERE profile_id = ANY(%b) ORDER BY profile_id
"""
WRITE_STATES = """
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


class Stored(NamedTuple):
    """A state as it stands in the table, encoded. `version` counts its writes: each insists on the one before."""

    workspace_id: int
    version: int
    state: bytes


Refold = Callable[[UUID, Stored | None], Stored]
"""What becomes of a profile's state: (its id, the state as it stands or None) → the state to write."""

CHUNK: Final = 128


def rewrite(connection: Connection, profiles: Collection[UUID], refold: Refold) -> None:
    """Read these states, have each made anew, write them over the versions they were read at, in id order.

    In chunks down a pipeline: while one is folded here, the database reads the next and writes the last.
    Raises `Outdated` (roll back then) where a rival wrote one meanwhile.
    """
    ids = in_order(profiles)
    chunks = [ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK)]
    with connection.pipeline():
        reading = [_verbatim(connection, _READ, (uuids(chunk),)) for chunk in chunks]
        writing = []
        for chunk, cursor in zip(chunks, reading, strict=True):
            known = _stored(cursor)
            made = [refold(profile, known.get(profile)) for profile in chunk]
            workspaces, versions, states = zip(*made, strict=True)
            rows = (uuids(chunk), whole(workspaces), large(versions), documents(states))
            writing.append(connection.execute(WRITE_STATES, rows))
    if sum(cursor.rowcount for cursor in writing) != len(ids):
        raise Outdated


def read_stored(connection: Connection, profiles: Collection[UUID]) -> dict[UUID, Stored]:
    """States as they stand, encoded, of those that have one."""
    return _stored(_verbatim(connection, _READ, (uuids(profiles),))) if profiles else {}


def read_states(connection: Connection, profiles: Collection[UUID]) -> dict[UUID, State]:
    if not profiles:
        return {}
    found = _stored(_verbatim(connection, _READ, (uuids(profiles),)))
    return {profile: decode_state(stored.state) for profile, stored in found.items()}


def _verbatim(connection: Connection, statement: str, parameters: tuple[Packed, ...]) -> psycopg.Cursor[Any]:
    return verbatim_cursor(connection).execute(statement, parameters)


def _stored(cursor: psycopg.Cursor[Any]) -> dict[UUID, Stored]:
    return {row[0]: Stored._make(row[1:]) for row in cursor.fetchall()}


def words_of(state: State) -> frozenset[str]:
    """The words a person is searched by, beside identifiers: names without accents or capitals, digits of the phone."""
    attributes = state.attributes
    if not attributes:
        return frozenset()
    words: list[str] = []
    for name in SEARCHED:
        register = attributes.get(name)
        if register is None:
            continue
        value = value_of(register) if register.operations else register.value
        if type(value) is str:
            words += (search_words if name != "phone" else _words_in)(value[:255])
    return frozenset(words) if len(words) <= MAX_WORDS else frozenset(list(dict.fromkeys(words))[:MAX_WORDS])


@lru_cache(maxsize=20_000)
def search_words(text: str) -> tuple[str, ...]:
    """A text as the words it is found by: first names and last names come again and again."""
    return _words_in(text)


def _words_in(text: str) -> tuple[str, ...]:
    if text.isascii():
        letters = text.lower()
    else:
        plain = unicodedata.normalize("NFKD", text.casefold())
        letters = "".join(char for char in plain if not unicodedata.combining(char))
    return tuple(word[:64] for word in _WORD.findall(letters))


class WordChanges:
    """The search words that a batch adds and drops."""

    def __init__(self) -> None:
        self._add: list[tuple[int, str, UUID]] = []
        self._drop: list[tuple[int, str, UUID]] = []

    def note(self, workspace_id: int, profile: UUID, before: frozenset[str], after: frozenset[str]) -> None:
        self._add += [(workspace_id, word, profile) for word in after - before]
        self._drop += [(workspace_id, word, profile) for word in before - after]

    def write(self, connection: Connection) -> None:
        if self._add:
            workspaces, words, profiles = zip(*sorted(self._add), strict=True)
            connection.execute(_ADD_WORDS, (whole(workspaces), texts(words), uuids(profiles)))
        if self._drop:
            with connection.cursor() as cursor:
                cursor.executemany(_DROP_WORD, sorted(self._drop))
