"""Contacts that are kept out: a keyed hash of each, asked by everything that would let an identifier in.

Source: reference semantics §6.2 (SUPPRESS, UNSUPPRESS; suppressed ids are blocked at ingestion). The key is the secret
`suppression`; machines that share a database must share it.
"""

import hmac
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import psycopg
from msgspec import Struct

from tessera.events.event import Identifier
from tessera.foundation.arrays import blobs
from tessera.foundation.errors import TesseraError
from tessera.foundation.secrets import secret
from tessera.foundation.settings import settings
from tessera.identity.rules import PREVIOUS, PROFILE

Connection = psycopg.Connection[Any]

SUPPRESSED: Final = "suppressed"
KEPT_OUT: Final = "this message carries an identifier that was asked to be kept out"
"""Says nothing about which one: the reason is read by people who must not learn it."""

_KEEPING: Final = """
SELECT asked.id FROM unnest(%s::int[]) AS asked (id)
 WHERE EXISTS (SELECT 1 FROM identity_suppression s WHERE s.workspace_id = asked.id)
"""
_FIND: Final = "SELECT digest FROM identity_suppression WHERE workspace_id = %s AND digest = ANY(%b::bytea[])"
_ADD: Final = """
INSERT INTO identity_suppression (workspace_id, digest, kind, added_at, added_by)
SELECT %s, new.digest, new.kind, %s, %s FROM unnest(%s::bytea[], %s::text[]) AS new (digest, kind)
 ORDER BY new.digest
ON CONFLICT DO NOTHING
"""


class Suppressed(TesseraError):
    """The identifier was asked to be kept out; only lifting that lets it in again."""

    code = SUPPRESSED


class Suppression(Struct, frozen=True):
    """That a contact is kept out, since when and who said so. The contact itself is not held."""

    kind: str
    added_at: datetime
    added_by: str


@cache
def _key_of(home: Path) -> bytes:
    return secret("suppression").encode()


def _key() -> bytes:
    """The installation's; read once per process (and home: tests move to another)."""
    return _key_of(settings().home)


def digest_of(workspace_id: int, identifier: Identifier) -> bytes:
    """What is kept of an identifier in its normal form: HMAC-SHA256 over workspace, kind and value."""
    return _digest(_key(), workspace_id, *identifier)


def _digest(key: bytes, workspace_id: int, kind: str, value: str) -> bytes:
    return hmac.digest(key, f"{workspace_id}\0{kind}\0{value}".encode(), "sha256")


def workspaces_that_keep_out(connection: Connection, workspaces: Collection[int]) -> frozenset[int]:
    """Which of these have any suppression at all: the one cheap question that every batch asks."""
    return frozenset(row[0] for row in connection.execute(_KEEPING, (list(workspaces),)))


def suppressed_among(connection: Connection, workspace_id: int, identifiers: Iterable[Identifier]) -> set[Identifier]:
    """Those that are kept out of this workspace: no hash is made where it keeps out nobody, else one statement.

    The name that an alias supersedes is looked for as a user_id and as an anonymous_id.
    """
    if not workspaces_that_keep_out(connection, [workspace_id]):
        return set()
    return _found(connection, workspace_id, set(identifiers))


def _found(connection: Connection, workspace_id: int, identifiers: Iterable[Identifier]) -> set[Identifier]:
    key = _key()
    by_digest: dict[bytes, Identifier] = {}
    for identifier in identifiers:
        kind, value = identifier
        if kind == PREVIOUS:
            for named in ("user_id", "anonymous_id"):
                by_digest[_digest(key, workspace_id, named, value)] = identifier
        elif kind != PROFILE:
            by_digest[_digest(key, workspace_id, kind, value)] = identifier
    rows = connection.execute(_FIND, (workspace_id, blobs(list(by_digest))))
    return {by_digest[bytes(digest)] for (digest,) in rows}


def suppressed_by_workspace(
    connection: Connection, carried: Mapping[int, Callable[[], set[Identifier]]]
) -> dict[int, set[Identifier]]:
    """As `suppressed_among` for a batch of several workspaces; what a workspace's messages carry is only gathered
    where it keeps out anybody.
    """
    keeping = workspaces_that_keep_out(connection, carried)
    return {workspace: _found(connection, workspace, carried[workspace]()) for workspace in keeping}


def suppress(
    connection: Connection, *, workspace_id: int, identifiers: Collection[Identifier], actor: str, now: datetime
) -> int:
    """Keep these out from now on; returns how many were not kept out before."""
    if not identifiers:
        return 0
    digests = [digest_of(workspace_id, identifier) for identifier in identifiers]
    kinds = [kind for kind, _ in identifiers]
    return connection.execute(_ADD, (workspace_id, now, actor, digests, kinds)).rowcount


def lift(connection: Connection, *, workspace_id: int, identifier: Identifier) -> bool:
    """Let the identifier in again; false where it was not kept out."""
    cursor = connection.execute(
        "DELETE FROM identity_suppression WHERE workspace_id = %s AND digest = %s",
        (workspace_id, digest_of(workspace_id, identifier)),
    )
    return cursor.rowcount == 1


def find_suppression(connection: Connection, *, workspace_id: int, identifier: Identifier) -> Suppression | None:
    """Whether this very identifier is kept out."""
    row = connection.execute(
        "SELECT kind, added_at, added_by FROM identity_suppression WHERE workspace_id = %s AND digest = %s",
        (workspace_id, digest_of(workspace_id, identifier)),
    ).fetchone()
    return Suppression(*row) if row else None


def count_suppressions(connection: Connection, workspace_id: int) -> dict[str, int]:
    """How many are kept out, by kind."""
    rows = connection.execute(
        "SELECT kind, count(*) FROM identity_suppression WHERE workspace_id = %s GROUP BY kind ORDER BY kind",
        (workspace_id,),
    )
    return dict(rows.fetchall())
