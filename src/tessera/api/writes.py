"""How a change is carried out: once, whole, and with the same answer for whoever asks again.

What is done, its audit entry and the answer that is remembered for its Idempotency-Key commit together. A process
that dies on any line leaves either all of them or none.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid5

import psycopg
from django.db import connection as django_connection
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from tessera.access.audit import record_audit_on
from tessera.access.queries import ApiKeyGrant
from tessera.access.requests import (
    Claim,
    RememberedAnswer,
    claim_request,
    opened_answer,
    release_claim,
    remember_answer,
    sealed_answer,
)
from tessera.api.door import grant_of
from tessera.api.problems import CONTENT_TYPE, Refused, encode, problem_of
from tessera.foundation.errors import TesseraError
from tessera.foundation.ids import uuid7
from tessera.foundation.pool import pool

Connection = psycopg.Connection[Any]
Act = Callable[[Connection], object]
"""Does the work on a connection inside a transaction and returns the document to answer with."""

Run = Callable[[Connection, Act, Claim | None], bytes]

MOST_TRIES: Final = 3
LONGEST_KEY: Final = 255
_REQUESTS: Final = UUID("0199e000-0000-7000-8000-000000000001")
_FINAL: Final = frozenset({404, 409})
"""Refusals that are remembered: the work was tried and its outcome is known. Others leave the key free."""


def carry_out(request: HttpRequest, act: Act, *, run: Run | None = None) -> HttpResponse:
    """Do `act` in one transaction, at most once per Idempotency-Key. Raises what `act` raises.

    `run` is the kind of transaction: the pool's own when none is given, or `with_models`.
    """
    key = _idempotency_key(request)
    run = run or _done
    with pool().connection() as connection:
        if key is None:
            return _answered(200, run(connection, act, None))
        claim = claim_request(
            connection,
            api_key_id=grant_of(request).api_key_id,
            key=key,
            digest=_digest(request),
            now=datetime.now(UTC),
        )
        if isinstance(claim, RememberedAnswer):
            response = _answered(claim.status, opened_answer(grant_of(request).api_key_id, key, claim.body))
            response["Idempotency-Replayed"] = "true"
            return response
        return _answered(*_done_under(connection, claim, act, run))


def note(connection: Connection, grant: ApiKeyGrant, action: str, profile: UUID, **detail: object) -> None:
    """The audit entry of a change to a person, in the change's transaction."""
    record_audit_on(
        connection,
        workspace_id=grant.workspace_id,
        actor=grant.actor,
        action=action,
        target=f"profile:{profile}",
        detail=detail,
    )


def with_models(_connection: Connection, act: Act, claim: Claim | None) -> bytes:
    """For what a room does through Django's models: the remembered answer commits in Django's transaction.

    The answer may hold a new secret (a key, a link), so what is remembered of it is sealed.
    """
    with transaction.atomic():
        django_connection.ensure_connection()
        body = encode(act(django_connection.connection))
        if claim is not None:
            remember_answer(django_connection.connection, claim, status=200, body=sealed_answer(claim, body))
        return body


def after(first: Callable[[], object]) -> Run:
    """For what another process has to do first: `first` is called outside any transaction, then all goes on as ever.

    `first` must come to the same whether it is done once or twice.
    """

    def run(connection: Connection, act: Act, claim: Claim | None) -> bytes:
        first()
        return _done(connection, act, claim)

    return run


def named_by_request(request: HttpRequest) -> UUID:
    """An id for what a request makes: the same one each time for a request that has an Idempotency-Key."""
    key = _idempotency_key(request)
    if key is None:
        return uuid7()
    return uuid5(_REQUESTS, f"{grant_of(request).api_key_id}\n{key}\n{_digest(request).hex()}")


def _done_under(connection: Connection, claim: Claim, act: Act, run: Run) -> tuple[int, bytes]:
    try:
        return 200, run(connection, act, claim)
    except TesseraError as refusal:
        document = problem_of(refusal)
        if document.status in _FINAL:
            with suppress(TesseraError):  # the claim was taken over: its holder's answer counts
                remember_answer(connection, claim, status=document.status, body=encode(document))
        else:
            release_claim(connection, claim)
        raise
    except BaseException:
        with suppress(psycopg.Error):  # where the connection died too, the claim is abandoned and may be taken over
            release_claim(connection, claim)
        raise


def _done(connection: Connection, act: Act, claim: Claim | None) -> bytes:
    """Rivals may make PostgreSQL refuse one of two transactions; a second try is all that needs."""
    for _ in range(MOST_TRIES - 1):
        with suppress(psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            return _in_transaction(connection, act, claim)
    return _in_transaction(connection, act, claim)


def _in_transaction(connection: Connection, act: Act, claim: Claim | None) -> bytes:
    with connection.transaction():
        body = encode(act(connection))
        if claim is not None:
            remember_answer(connection, claim, status=200, body=body)
        return body


def _idempotency_key(request: HttpRequest) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise Refused("invalid_idempotency_key", f"an Idempotency-Key is 1 to {LONGEST_KEY} printable ASCII characters")
    return key


def _digest(request: HttpRequest) -> bytes:
    """Stands for the request: the same key may only come again with the very same one."""
    line = f"{request.method} {request.get_full_path()}\n"
    return sha256(line.encode() + request.body).digest()


def _answered(status: int, body: bytes) -> HttpResponse:
    return HttpResponse(body, status=status, content_type="application/json" if status < 400 else CONTENT_TYPE)
