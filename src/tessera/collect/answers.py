"""What the edge answers: acknowledgements, and problem documents (RFC 9457) with stable codes."""

from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec

from tessera.foundation.errors import TesseraError

Send = Callable[[dict[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

encode_json: Final = msgspec.json.Encoder().encode


class Problem(TesseraError):
    """The request is refused as a whole. `retry_after` (whole seconds) says that the same request may succeed later."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Iterable[Header] = (), retry_after: int | None = None
    ) -> None:
        super().__init__(detail, code=code)
        self.status = status
        self.detail = detail
        self.headers = list(headers)
        if retry_after is not None:
            self.headers.append((b"retry-after", b"%d" % retry_after))


class Answer(NamedTuple):
    """The two messages ASGI wants for one response, ready to send."""

    start: dict[str, Any]
    body: dict[str, Any]

    @property
    def status(self) -> int:
        return int(self.start["status"])


def answer(
    status: int, body: bytes, *, content_type: bytes = b"application/json", headers: Iterable[Header] = ()
) -> Answer:
    lines = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *headers]
    return Answer(
        {"type": "http.response.start", "status": status, "headers": lines},
        {"type": "http.response.body", "body": body},
    )


def no_content(headers: Iterable[Header]) -> Answer:
    return Answer(
        {"type": "http.response.start", "status": 204, "headers": list(headers)},
        {"type": "http.response.body", "body": b""},
    )


def problem_document(problem: Problem, *, headers: Iterable[Header] = ()) -> Answer:
    """`message` repeats `detail` because the Segment and RudderStack SDKs read the reason from there."""
    body = encode_json(
        {
            "type": "about:blank",
            "title": HTTPStatus(problem.status).phrase,
            "status": problem.status,
            "code": problem.code,
            "detail": problem.detail,
            "message": problem.detail,
        }
    )
    return answer(problem.status, body, content_type=b"application/problem+json", headers=[*problem.headers, *headers])


def unavailable(detail: str = "the database is away; send the same request again") -> Problem:
    return Problem(503, "database_unavailable", detail, retry_after=2)


def overloaded(detail: str = "more is waiting to be stored than this server can hold") -> Problem:
    return Problem(429, "overloaded", detail, retry_after=1)
