"""States and search words by the thousand: packed beforehand, copied in when their turn comes."""

from collections.abc import Collection, Sequence
from struct import Struct as Packer
from typing import Any, Final
from uuid import UUID

import psycopg

from tessera.events.inbox import COPY_HEADER, COPY_TRAILER
from tessera.foundation.arrays import documents, large, postgres_micros, uuids, whole
from tessera.foundation.clock import Micros
from tessera.foundation.errors import Outdated
from tessera.profiles.state import decode_state
from tessera.profiles.store import WRITE_STATES, Stored, words_of

Connection = psycopg.Connection[Any]

_COPY_STATES: Final = (
    "COPY profiles_state (profile_id, workspace_id, version, state, updated_at) FROM STDIN (FORMAT BINARY)"
)
_COPY_WORDS: Final = "COPY profiles_search (workspace_id, token, profile_id) FROM STDIN (FORMAT BINARY)"
_STATE = Packer(">hi16siiiqi")
_NOW = Packer(">iq")
_WORD = Packer(">hiii")
_OWNER = Packer(">i16s")


class NewStates:
    """States of profiles that nobody knows yet, so that none of this can meet a rival."""

    def __init__(self, now: Micros) -> None:
        self._now = _NOW.pack(8, postgres_micros(now))
        self._states: list[bytes] = []
        self._words: list[tuple[str, bytes]] = []

    def add(self, profile: UUID, workspace_id: int, state: bytes, words: Collection[str]) -> None:
        raw = profile.bytes
        head = _STATE.pack(5, 16, raw, 4, workspace_id, 8, 1, len(state))
        self._states += (head, state, self._now)
        for word in words:
            text = word.encode()
            self._words.append((word, _WORD.pack(3, 4, workspace_id, len(text)) + text + _OWNER.pack(16, raw)))

    def packed(self) -> tuple[bytes, bytes]:
        """(states, words) as COPY takes them. Words are sorted: neighbours in the index are written together."""
        self._words.sort()
        states = b"".join((COPY_HEADER, *self._states, COPY_TRAILER)) if self._states else b""
        words = b"".join((COPY_HEADER, *[row for _, row in self._words], COPY_TRAILER)) if self._words else b""
        return states, words


def copy_new(connection: Connection, packed: tuple[bytes, bytes]) -> None:
    """Write what `NewStates` packed."""
    for statement, data in zip((_COPY_STATES, _COPY_WORDS), packed, strict=True):
        if data:
            with connection.cursor() as cursor, cursor.copy(statement) as copy:
                copy.write(data)


def write_over(connection: Connection, states: Sequence[tuple[UUID, Stored]]) -> None:
    """Write states over the versions before theirs, in id order. Raises `Outdated` where a rival wrote one."""
    if not states:
        return
    rows = sorted(states, key=lambda row: row[0].int)
    ids = uuids(profile for profile, _ in rows)
    workspaces, versions, encoded = zip(*(stored for _, stored in rows), strict=True)
    cursor = connection.execute(WRITE_STATES, (ids, whole(workspaces), large(versions), documents(encoded)))
    if cursor.rowcount != len(rows):
        raise Outdated


def related(connection: Connection, workspace_id: int, profiles: Collection[UUID]) -> set[UUID]:
    """Those of these profiles whom a relation names, at either end."""
    named = {str(profile): profile for profile in profiles}
    rows = connection.execute(
        "SELECT profile_id::text FROM profiles_relation WHERE profile_id = ANY(%(ids)s) UNION"
        " SELECT other_value FROM profiles_relation"
        "  WHERE workspace_id = %(workspace)s AND other_kind = 'profile_id' AND other_value = ANY(%(names)s)",
        {"workspace": workspace_id, "ids": list(profiles), "names": list(named)},
    )
    return {named[name] for (name,) in rows}


def take_states(connection: Connection, profiles: Collection[UUID]) -> None:
    """Remove the states and search words of profiles that are taken back."""
    ids = uuids(profiles)
    words = "DELETE FROM profiles_search WHERE workspace_id = %s AND token = ANY(%s) AND profile_id = %s"
    rows = connection.execute(
        "DELETE FROM profiles_state WHERE profile_id = ANY(%b::uuid[]) RETURNING profile_id, workspace_id, state::text",
        (ids,),
    ).fetchall()
    with connection.cursor() as cursor:
        cursor.executemany(
            words,
            [(workspace, list(words_of(decode_state(state))), profile) for profile, workspace, state in rows],
        )
