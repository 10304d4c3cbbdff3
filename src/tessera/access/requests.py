"""What is remembered of an API key's requests: how many it made this minute, and the answers it must get again.

Everything is decided by one statement each, so rivals cannot slip between a look and a write.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from msgspec import Struct

from tessera.foundation.errors import TesseraError
from tessera.foundation.sealed import seal, unseal

Connection = psycopg.Connection[Any]

KEPT: Final = timedelta(hours=24)
"""How long an answer is given again (`ledgers.forget_old` deletes it afterwards)."""

ABANDONED: Final = timedelta(seconds=60)
"""A claim without an answer for so long belongs to a process that died; the next one to ask takes it over."""


class IdempotencyKeyReused(TesseraError):
    """The key stands for another request."""

    code = "idempotency_key_reused"


class RequestInProgress(TesseraError):
    """The same request is being carried out at this moment."""

    code = "request_in_progress"


class AnswerErased(TesseraError):
    """The request was carried out; what was answered spoke of somebody who has been erased since."""

    code = "answer_erased"


class RequestsMade(Struct, frozen=True):
    """`made` counts this request too; `resets_in` is whole seconds until the count starts anew."""

    made: int
    resets_in: int


class Claim(Struct, frozen=True):
    """The right to carry out a request. `claimed_at` tells it from the claim of whoever takes over."""

    api_key_id: int
    key: str
    claimed_at: datetime


class RememberedAnswer(Struct, frozen=True):
    """What was answered the first time."""

    status: int
    body: bytes


_COUNT: Final = """
INSERT INTO access_requestwindow AS known (api_key_id, minute, requests) VALUES (%s, %s, 1)
ON CONFLICT (api_key_id, minute) DO UPDATE SET requests = known.requests + 1 RETURNING requests
"""


def count_request(connection: Connection, api_key_id: int, *, now: datetime) -> RequestsMade:
    """Count one request of this key in the minute of `now`, for every process that serves the key."""
    minute, second = divmod(int(now.timestamp()), 60)
    row = connection.execute(_COUNT, (api_key_id, minute)).fetchone()
    assert row is not None
    return RequestsMade(made=row[0], resets_in=60 - second)


_CLAIM: Final = """
INSERT INTO access_rememberedreply AS known (api_key_id, idempotency_key, request_digest, created_at)
VALUES (%(api_key)s, %(key)s, %(digest)s, %(now)s)
ON CONFLICT (api_key_id, idempotency_key) DO UPDATE
   SET request_digest = excluded.request_digest, created_at = excluded.created_at, status = NULL, body = NULL
 WHERE known.created_at <= %(forgotten)s
    OR (known.status IS NULL AND known.created_at <= %(abandoned)s AND known.request_digest = excluded.request_digest)
RETURNING created_at
"""
_LOOK: Final = """
SELECT request_digest, status, body FROM access_rememberedreply WHERE api_key_id = %s AND idempotency_key = %s
"""


def claim_request(
    connection: Connection, *, api_key_id: int, key: str, digest: bytes, now: datetime
) -> Claim | RememberedAnswer:
    """Claim the request named by an Idempotency-Key, or get the answer it had.

    `digest` stands for the request itself. Raises `IdempotencyKeyReused`, `RequestInProgress` and
    `AnswerErased`. The connection must autocommit: a claim that rivals cannot see is none.
    """
    values = {
        "api_key": api_key_id,
        "key": key,
        "digest": digest,
        "now": now,
        "forgotten": now - KEPT,
        "abandoned": now - ABANDONED,
    }
    if connection.execute(_CLAIM, values).fetchone():
        return Claim(api_key_id, key, now)
    row = connection.execute(_LOOK, (api_key_id, key)).fetchone()
    if row is None or (row[0] == digest and row[1] is None):  # no row: its holder gave it up a moment ago
        raise RequestInProgress("the same request is being carried out; ask again in a moment")
    if row[0] != digest:
        raise IdempotencyKeyReused("this Idempotency-Key was sent with another request before; use a new one")
    if row[2] is None:
        raise AnswerErased("this was carried out before; its answer spoke of somebody who has been erased since")
    return RememberedAnswer(row[1], bytes(row[2]))


_REMEMBER: Final = """
UPDATE access_rememberedreply SET status = %s, body = %s
 WHERE api_key_id = %s AND idempotency_key = %s AND created_at = %s AND status IS NULL
"""


def remember_answer(connection: Connection, claim: Claim, *, status: int, body: bytes) -> None:
    """Keep the answer, in the transaction of what was done, so that the two are true together or not at all.

    Raises `RequestInProgress` when the claim was taken over meanwhile: what was done must then be rolled back.
    """
    values = (status, body, claim.api_key_id, claim.key, claim.claimed_at)
    if connection.execute(_REMEMBER, values).rowcount == 0:
        raise RequestInProgress("the request took so long that another one took over; ask again")


def sealed_answer(claim: Claim, body: bytes) -> bytes:
    """For `remember_answer` where the answer holds a new secret (a key, a link)."""
    return seal(body, context=_context(claim.api_key_id, claim.key))


def opened_answer(api_key_id: int, key: str, body: bytes) -> bytes:
    """The answer as it was given, kept sealed or not: a document begins with a brace, a sealed one never does.

    Raises `CannotUnseal`.
    """
    return body if body.startswith((b"{", b"[")) else unseal(body, context=_context(api_key_id, key))


def _context(api_key_id: int, key: str) -> str:
    return f"{api_key_id}:{key}"


def release_claim(connection: Connection, claim: Claim) -> None:
    """Nothing was done and nothing is remembered: the key may be used again at once."""
    connection.execute(
        "DELETE FROM access_rememberedreply"
        " WHERE api_key_id = %s AND idempotency_key = %s AND created_at = %s AND status IS NULL",
        (claim.api_key_id, claim.key, claim.claimed_at),
    )
