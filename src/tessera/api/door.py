"""The door every request passes: who asks, how often, how much, and how failures are told."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from tessera.access.actions import note_api_key_used
from tessera.access.queries import ApiKeyGrant, authenticate_api_key
from tessera.access.requests import count_request
from tessera.api.problems import Refused, problem, problem_of, problem_response
from tessera.foundation.pool import pool
from tessera.foundation.settings import settings
from tessera.profiles.pictures import MAX_BYTES as MAX_PICTURE

MOST_BYTES: Final = 1_000_000
"""Of one request's body; a picture may have more."""

PICTURES: Final = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})

_NOTED_EVERY: Final = timedelta(minutes=1)
_SAFE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

View = Callable[..., HttpResponseBase]


def open_door(view: View) -> View:
    """For what needs no key: failures are told as everywhere, nobody is asked who they are."""

    @wraps(view)
    def enter(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return _served(view, {}, request, *args, **kwargs)

    return _outside_the_console(enter)


def door(view: View, *, takes: str = "application/json") -> View:
    """For everything else: a key is asked for and its requests are counted before the view is called.

    `takes` is the one media type its bodies may have; pictures have several.
    """

    @wraps(view)
    def enter(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        headers: dict[str, str] = {}
        return _served(_admitted, headers, request, view, headers, takes, *args, **kwargs)

    return _outside_the_console(enter)


def grant_of(request: HttpRequest) -> ApiKeyGrant:
    """What the bearer may do. Only behind `door`."""
    grant: ApiKeyGrant = request.api_key_grant  # type: ignore[attr-defined]
    return grant


def _outside_the_console(view: View) -> View:
    """No session, so no cross-site forgery to fear, and no login page to be sent to."""
    view.csrf_exempt = True  # type: ignore[attr-defined]
    view.login_required = False  # type: ignore[attr-defined]
    return view


def _served(serve: View, headers: dict[str, str], request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
    response: HttpResponseBase
    try:
        response = serve(request, *args, **kwargs)
        if response.status_code == 405:
            detail = f"{request.method} is not allowed here, only {response['Allow']}"
            response = problem_response(problem("method_not_allowed", detail), {"Allow": response["Allow"]})
    except Exception as error:
        response = problem_response(problem_of(error), getattr(error, "headers", None))
    for name, value in (_SAFE | headers).items():
        response[name] = value
    return response


def _admitted(
    request: HttpRequest, view: View, headers: dict[str, str], takes: str, *args: Any, **kwargs: Any
) -> HttpResponseBase:
    now = datetime.now(UTC)
    grant = _bearer(request, now)
    request.api_key_grant = grant  # type: ignore[attr-defined]
    _count(grant, headers, now)
    _check_text(request)
    _check_body(request, takes)
    return view(request, *args, **kwargs)


def _bearer(request: HttpRequest, now: datetime) -> ApiKeyGrant:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refused("missing_api_key", "send the header Authorization: Bearer tsk_…")
    grant = authenticate_api_key(token.strip())
    if grant is None:
        raise Refused("unknown_api_key", "this key does not exist or was revoked")
    if grant.last_used_at is None or grant.last_used_at < now - _NOTED_EVERY:
        note_api_key_used(grant.api_key_id, now=now)
    return grant


def _count(grant: ApiKeyGrant, headers: dict[str, str], now: datetime) -> None:
    most = settings().api_rate
    with pool().connection() as connection:
        window = count_request(connection, grant.api_key_id, now=now)
    headers["RateLimit-Limit"] = str(most)
    headers["RateLimit-Remaining"] = str(max(0, most - window.made))
    headers["RateLimit-Reset"] = str(window.resets_in)
    if window.made > most:
        detail = f"this key may make {most} requests a minute; go on in {window.resets_in} s"
        raise Refused("rate_limited", detail, headers={"Retry-After": str(window.resets_in)})


def _check_text(request: HttpRequest) -> None:
    """U+0000 has no place in PostgreSQL's text, so nothing we hold can contain it."""
    if "\0" in request.path or any("\0" in value for pair in request.GET.lists() for value in (pair[0], *pair[1])):
        raise Refused("nul_character", "the address may not contain U+0000")


def _check_body(request: HttpRequest, takes: str) -> None:
    """Refuses before a byte of the body is read."""
    most, kinds = _allowed(request, takes)
    if request.headers.get("Transfer-Encoding") and not request.headers.get("Content-Length"):
        raise Refused("length_required", "send the body with a Content-Length")
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length[:20]) > most:
        raise Refused("body_too_large", f"a body may have {most} bytes")
    if int(length) and request.content_type not in kinds:
        raise Refused("unsupported_media_type", f"send the body as {' or '.join(sorted(kinds))}")


def _allowed(request: HttpRequest, takes: str) -> tuple[int, frozenset[str]]:
    """The most bytes and the media types that this address takes."""
    if request.method == "PUT" and request.path.endswith("/avatar"):
        return MAX_PICTURE, PICTURES
    return MOST_BYTES, frozenset({takes})


def nothing_here(request: HttpRequest) -> HttpResponse:
    """Any address that is none of ours."""
    raise Refused("unknown_path", f"there is nothing at {request.path[:200]}; see /api/v1/openapi.json")
