"""The edge as an ASGI application: `granian --interface asgi --loop uvloop --no-ws tessera.collect.app:app`.

Segment's HTTP tracking API, answered only after the events are committed. Read this file from top to bottom.
"""

import asyncio
import gc
import logging
from collections.abc import Mapping
from typing import Any, Final

from tessera.collect import health, settings_endpoint
from tessera.collect.acceptance import RejectedItem, judge_batch, message_id_of, row_of_call, write_key_in
from tessera.collect.answers import (
    Answer,
    Header,
    Problem,
    Send,
    answer,
    encode_json,
    no_content,
    problem_document,
    unavailable,
)
from tessera.collect.batcher import Batcher
from tessera.collect.cors import ANY_ORIGIN, preflight, shared_with
from tessera.collect.keys import KeyCache, Source
from tessera.collect.metrics import Tally, exposition
from tessera.collect.rejections import RejectionLog
from tessera.collect.requests import Receive, Request
from tessera.events.messages import Envelope, Rejected, encode_envelope
from tessera.foundation.addresses import client_address
from tessera.foundation.database import dsn
from tessera.foundation.settings import settings

log = logging.getLogger(__name__)

_TYPES: Final = ("identify", "track", "page", "screen", "group", "alias")
CALLS: Final = {f"/v1/{kind}": kind for kind in _TYPES} | {f"/v1/{kind[0]}": kind for kind in _TYPES}
BATCHES: Final = frozenset({"/v1/batch", "/v1/import", "/v1/b", "/beacon/v1/batch"})
METRICS_OF_CLIENTS: Final = "/v1/m"

_ACCEPTED_ONE: Final = b'{"success":true,"accepted":1,"rejected":[]}'
_ACCEPTED: Final = answer(200, _ACCEPTED_ONE)
_ACCEPTED_FROM_ANYWHERE: Final = answer(200, _ACCEPTED_ONE, headers=ANY_ORIGIN)
_MOST_ENVELOPES: Final = 5_000
_MAX_USER_AGENT: Final = 1_000
_MAX_FORWARDED = 500
_OURS_TO_BLAME: Final = frozenset({429, 500, 503})


class Collect:
    """One server process. Everything that lives between requests hangs here."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.keys = KeyCache()
        self.batcher = Batcher(self.tally)
        self.rejections = RejectionLog(self.tally)
        self._tasks: list[asyncio.Task[None]] = []
        self._envelopes: dict[tuple[str | None, bytes | None, bytes | None], bytes] = {}
        self._trusted_proxies = settings().trusted_proxies

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if not self._tasks:
            self.start()  # a server without the lifespan protocol sends requests only
        request = Request(scope, receive)
        try:
            found = await self._answer(request)
        except Problem as problem:
            found = self._refuse(request, problem)
        except Exception:
            log.exception("a request to %s failed", request.path)
            found = self._refuse(request, Problem(500, "internal_error", "something went wrong here; try again"))
        self.tally.requests[found.start["status"]] += 1
        await send(found.start)
        await send(found.body)

    # -- life ---------------------------------------------------------------------------------------------------

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def start(self) -> None:
        """Begin to read keys and to write events. The database need not be there yet; `/readyz` says when it is."""
        _tune_garbage_collection()
        address = dsn()
        self.batcher.start(address)
        self._tasks = [
            asyncio.create_task(self.keys.run(address)),
            asyncio.create_task(self.rejections.run(address)),
        ]
        for task in self._tasks:
            task.add_done_callback(_report_accident)

    async def stop(self) -> None:
        """Commit what waits, then let go of the database."""
        await self.batcher.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- routes -------------------------------------------------------------------------------------------------

    async def _answer(self, request: Request) -> Answer:
        path, method = request.path, request.scope["method"]
        kind = CALLS.get(path)
        if kind is not None and method == "POST":
            return await self._take_call(request, kind)
        if kind is None and len(path) > 1 and path.endswith("/"):
            request.path = path.rstrip("/")
            return await self._answer(request)
        if kind is not None or path in BATCHES or path == METRICS_OF_CLIENTS:
            return await self._answer_post(request, method)
        return await self._answer_get(request, method)

    async def _answer_post(self, request: Request, method: str) -> Answer:
        if method == "OPTIONS":
            return self._preflight(request, b"POST, OPTIONS")
        if method != "POST":
            raise _wrong_method(b"POST, OPTIONS")
        if request.path == METRICS_OF_CLIENTS:
            return answer(200, b'{"success":true}', headers=self._cors_of_stranger(request))
        return await self._take_batch(request)

    async def _answer_get(self, request: Request, method: str) -> Answer:
        key = settings_endpoint.write_key_of(request.path)
        if key is None and request.path not in ("/healthz", "/readyz", "/metrics"):
            raise Problem(404, "not_found", "there is nothing at this address")
        if method == "OPTIONS":
            return self._preflight(request, b"GET, OPTIONS")
        if method not in ("GET", "HEAD"):
            raise _wrong_method(b"GET, HEAD, OPTIONS")
        if key is not None:
            return await self._settings(request, key)
        if request.path == "/healthz":
            return health.alive()
        if request.path == "/readyz":
            return health.ready(self.keys)
        self.tally.keys, self.tally.database_up = len(self.keys.by_key), self.keys.fresh
        return exposition(self.tally)

    async def _settings(self, request: Request, key: str) -> Answer:
        source = await self.keys.find(key)
        if source is None:
            raise Problem(404, "unknown_write_key", "this write key does not exist or was revoked")
        self._admit(request, source)
        body = settings_endpoint.settings_document(key, request, settings())
        return answer(200, body, headers=[(b"cache-control", b"no-cache"), *self._cors_of(request)])

    # -- events -------------------------------------------------------------------------------------------------

    async def _take_call(self, request: Request, kind: str) -> Answer:
        source = await self._open(request)
        envelope = self._envelope(request)
        try:
            row = row_of_call(request.raw, kind, source=source, envelope=envelope)
        except Rejected as refusal:
            status = 413 if refusal.code == "event_too_large" else 400
            raise Problem(status, refusal.code, refusal.detail) from None
        if await self.batcher.store([row]):
            raise Problem(400, "unstorable", "the database refused this message")
        self.tally.accepted += 1
        if request.origin is None:
            return _ACCEPTED
        if source.any_origin:
            return _ACCEPTED_FROM_ANYWHERE
        return answer(200, _ACCEPTED_ONE, headers=self._cors_of(request))

    async def _take_batch(self, request: Request) -> Answer:
        source = await self._open(request)
        ip, user_agent = self._sender(request)
        judged = judge_batch(request.raw, source=source, ip=ip, user_agent=user_agent)
        unstorable = await self.batcher.store(judged.rows) if judged.rows else []
        for position in unstorable:
            index = judged.indexes[position]
            judged.rejected.append(
                RejectedItem(
                    index, message_id_of(judged.messages[index]), "unstorable", "the database refused this message"
                )
            )
        for item in judged.rejected:
            self.rejections.note(source, item.code, item.detail, bytes(judged.messages[item.index]))
        judged.rejected.sort(key=lambda item: item.index)
        accepted = len(judged.rows) - len(unstorable)
        self.tally.accepted += accepted
        body = encode_json({"success": True, "accepted": accepted, "rejected": judged.rejected})
        return answer(200, body, headers=self._cors_of(request))

    async def _open(self, request: Request) -> Source:
        """Read the body and find whose it is. Raises `Problem`."""
        source = self.keys.by_authorization.get(request.headers.get(b"authorization", b""))
        if source is None:
            source = await self._look_for_source(request)
        else:
            self._admit(request, source)
            await request.body()
        return source

    async def _look_for_source(self, request: Request) -> Source:
        """The slow way: the key may stand in the header, in the address or in the body, and may be brand-new."""
        offered = request.offered_keys()
        known = next((key for key in offered if key in self.keys.by_key), None)
        if known is not None:
            self._admit(request, self.keys.by_key[known])
        raw = await request.body()
        if known is not None:
            return self.keys.by_key[known]
        try:
            offered += filter(None, [write_key_in(raw)])
        except Problem:
            if not offered:
                raise
        if not offered:
            raise Problem(401, "missing_write_key", "send the write key as the user name of HTTP Basic authentication")
        for key in sorted(offered, key=lambda key: key not in self.keys.by_key):
            source = await self.keys.find(key)
            if source is not None:
                self._admit(request, source)
                return source
        raise Problem(401, "unknown_write_key", "this write key does not exist or was revoked")

    def _admit(self, request: Request, source: Source) -> None:
        """From here on the request is this source's business. Raises `Problem` (403) if it may not come in."""
        request.source = source
        if source.disabled:
            raise Problem(403, "source_disabled", "this source is disabled")
        if request.origin is not None and not source.allows(request.origin):
            origin = request.origin.decode("latin-1")
            raise Problem(403, "origin_not_allowed", f"this source takes no events from pages of {origin}")

    def _sender(self, request: Request) -> tuple[str | None, str | None]:
        client = request.scope["client"]
        forwarded = request.forwarded_for() if self._trusted_proxies else None
        ip = client_address(client[0] if client else None, forwarded, trusted_proxies=self._trusted_proxies)
        agent = request.headers.get(b"user-agent")
        return ip, agent.decode("latin-1")[:_MAX_USER_AGENT] if agent else None

    def _envelope(self, request: Request) -> bytes:
        """What a single call's request says of its sender; the same few senders call again and again."""
        client = request.scope["client"]
        key = (
            client[0] if client else None,
            (request.headers.get(b"user-agent") or b"")[:_MAX_USER_AGENT],
            (request.forwarded_for() or b"")[-_MAX_FORWARDED:] if self._trusted_proxies else None,
        )
        envelope = self._envelopes.get(key)
        if envelope is None:
            ip, user_agent = self._sender(request)
            envelope = encode_envelope(Envelope(ip=ip, user_agent=user_agent))
            if len(self._envelopes) >= _MOST_ENVELOPES:
                self._envelopes.clear()
            self._envelopes[key] = envelope
        return envelope

    # -- refusals and other origins -----------------------------------------------------------------------------

    def _refuse(self, request: Request, problem: Problem) -> Answer:
        """The problem document; put on record where the source's owner is to blame and can look."""
        if problem.code == "origin_not_allowed":
            cors: list[Header] = []
        elif request.source is None:
            cors = self._cors_of_stranger(request)
        else:
            cors = self._cors_of(request)
        if request.source is not None and problem.status not in _OURS_TO_BLAME:
            self.rejections.note(request.source, problem.code, problem.detail, request.raw)
        return problem_document(problem, headers=cors)

    def _preflight(self, request: Request, methods: bytes) -> Answer:
        """A preflight names no key, so it is granted to every origin that some source takes events from."""
        origin = request.origin
        if origin is None or not self._knows(origin):
            return no_content([(b"allow", methods), (b"vary", b"origin")])
        asked = request.headers.get(b"access-control-request-headers", b"")
        return no_content(preflight(origin, methods=methods, asked_headers=asked))

    def _knows(self, origin: bytes) -> bool:
        if not self.keys.loaded:
            raise unavailable("the write keys have not been read yet; send the same request again")
        return self.keys.any_allows(origin)

    def _cors_of(self, request: Request) -> list[Header]:
        """For a request whose origin its source allows."""
        if request.origin is None:
            return []
        if request.source is not None and request.source.any_origin:
            return ANY_ORIGIN
        return shared_with(request.origin)

    def _cors_of_stranger(self, request: Request) -> list[Header]:
        """For a request without a source: pages that may send elsewhere may read why they may not send here."""
        if request.origin is None or not self.keys.any_allows(request.origin):
            return []
        return shared_with(request.origin)


def _report_accident(task: asyncio.Task[None]) -> None:
    """These tasks end by being cancelled. Without fresh keys `/readyz` turns 503, so that we are started anew."""
    if not task.cancelled() and (accident := task.exception()) is not None:
        log.critical("a task of collect ended", exc_info=accident)


def _tune_garbage_collection() -> None:
    """Requests make no cycles worth looking for, and the modules live as long as the process: look seldom, at less."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _wrong_method(allowed: bytes) -> Problem:
    return Problem(405, "method_not_allowed", f"use {allowed.decode()}", headers=[(b"allow", allowed)])


app = Collect()
