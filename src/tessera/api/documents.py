"""What each endpoint answers, for the OpenAPI document: taken from the very structs that are encoded."""

from typing import Any, Final

import msgspec

from tessera.api.problems import CONTENT_TYPE, KINDS, Problem, encode, problem

REFERENCE: Final = "#/components/schemas/{name}"
EVERYWHERE: Final = ("missing_api_key", "unknown_api_key", "missing_scope", "rate_limited", "internal_error")
AWAY: Final = ("database_unavailable", "busy")
PARAMETERS: Final = ("invalid_request", "nul_character")
BODY: Final = ("malformed_json", "body_too_large", "unsupported_media_type", "length_required", "nested_too_deep")
IDEMPOTENT: Final = ("answer_erased", "idempotency_key_reused", "invalid_idempotency_key", "request_in_progress")

_documented: Final[dict[str, type]] = {"Problem": Problem}

RATE_HEADERS: Final = {
    "RateLimit-Limit": ("Requests this key may make per minute.", {"type": "integer"}),
    "RateLimit-Remaining": ("Requests left in this minute.", {"type": "integer"}),
    "RateLimit-Reset": ("Seconds until the count starts anew.", {"type": "integer"}),
}

IDEMPOTENCY_KEY: Final = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "Any text of your own that names this very request. Sent again within 24 hours with the same "
    "request, it gets the first answer again (with `Idempotency-Replayed: true`) and nothing is done twice.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
}


def documents(
    answer: type, example: Any, *codes: str, writes: bool = False, takes_body: bool = False
) -> dict[str, Any]:
    """The `openapi_extra` of an endpoint: what it answers, an example, and the codes of its problems.

    `writes` adds what every change has in common: a body and the Idempotency-Key. `takes_body` is for a question that
    needs a body and changes nothing.
    """
    _documented[answer.__name__] = answer
    codes = (*codes, *BODY) if takes_body else codes
    extra: dict[str, Any] = {"responses": {200: _answered(answer, example)} | _all_refused(codes, writes=writes)}
    if writes:
        extra["parameters"] = [IDEMPOTENCY_KEY]
    return extra


def pictured(content_type: str, *codes: str) -> dict[str, Any]:
    """As `documents`, for an endpoint that answers with a picture."""
    content = {content_type: {"schema": {"type": "string", "format": "binary"}, "examples": {}}}
    return {"responses": {200: _ok(content)} | _all_refused(codes, writes=False)}


def _all_refused(codes: tuple[str, ...], *, writes: bool) -> dict[int, Any]:
    told = (*EVERYWHERE, *AWAY, *PARAMETERS, *codes, *((*BODY, *IDEMPOTENT) if writes else ()))
    by_status: dict[int, list[str]] = {}
    for code in told:
        by_status.setdefault(KINDS[code].status, []).append(code)
    return {status: _refused(status, found) for status, found in sorted(by_status.items())}


def schemas() -> dict[str, Any]:
    """JSON Schemas of every struct that answers are made of."""
    _, found = msgspec.json.schema_components(list(_documented.values()), ref_template=REFERENCE)
    return found


def _answered(answer: type, example: Any) -> dict[str, Any]:
    schema = {"$ref": REFERENCE.format(name=answer.__name__)}
    return _ok({"application/json": {"schema": schema, "example": example}})


def _ok(content: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": "OK",
        "headers": {name: {"description": text, "schema": kind} for name, (text, kind) in RATE_HEADERS.items()},
        "content": content,
    }


def _refused(status: int, codes: list[str]) -> dict[str, Any]:
    examples = {
        code: {"summary": KINDS[code].title, "value": msgspec.json.decode(encode(problem(code, "why, in words")))}
        for code in dict.fromkeys(codes)
    }
    described = {"description": " · ".join(f"`{code}`: {KINDS[code].title}" for code in dict.fromkeys(codes))}
    content = {CONTENT_TYPE: {"schema": {"$ref": REFERENCE.format(name="Problem")}, "examples": examples}}
    headers = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return described | ({"headers": headers} if status in (429, 503) else {}) | {"content": content}
