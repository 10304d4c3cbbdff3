"""How endpoints are served: django-ninja, with our JSON, our errors and our keys."""

from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.parser import Parser

from tessera.access.queries import ApiKeyGrant
from tessera.api.documents import documents
from tessera.api.door import grant_of
from tessera.api.problems import Refused
from tessera.events.messages import MAX_DEPTH, depth_of, has_nul

READ_PEOPLE: Final = "profiles:read"
WRITE_PEOPLE: Final = "profiles:write"


class StrictJson(Parser):
    """JSON as RFC 8259 has it: no NaN, no lone surrogates, and nothing that PostgreSQL could not store."""

    def parse_body(self, request: HttpRequest) -> Any:
        raw = request.body
        if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and depth_of(raw) > MAX_DEPTH:
            raise Refused("nested_too_deep", f"objects and arrays may be nested {MAX_DEPTH} deep")
        try:
            body = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Refused("malformed_json", str(error)) from None
        if b"\\u0000" in raw and has_nul(raw):
            raise Refused("nul_character", "text may not contain U+0000")
        return body


class Service(NinjaAPI):
    """Leaves every exception to the door, where all failures are told in one way."""

    def on_exception(self, request: HttpRequest, exc: Any) -> HttpResponse:
        raise exc


class ApiKey:
    """What an endpoint asks of the bearer's key; None asks only that there is one."""

    openapi_security_schema: Final = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "tsk_…",
        "description": "An API key made with `tessera keys create api NAME --scope SCOPE`.",
    }

    def __init__(self, scope: str | None = None) -> None:
        self.scope = scope

    def __call__(self, request: HttpRequest) -> ApiKeyGrant:
        """The key's grant. Raises `Refused` when it lacks the scope."""
        grant = grant_of(request)
        if self.scope is not None and not grant.allows(self.scope):
            raise Refused("missing_scope", f"this key lacks the scope {self.scope}")
        return grant


def endpoint(
    scope: str | None, answer: type, example: Any, *codes: str, writes: bool = False, takes_body: bool = False
) -> dict[str, Any]:
    """What an endpoint says when it is registered: the scope it asks for (None: any key) and what it answers."""
    described = documents(answer, example, *codes, writes=writes, takes_body=takes_body)
    return {"auth": ApiKey(scope), "openapi_extra": described | {"x-required-scope": scope or "any"}}


def answer(document: object) -> HttpResponse:
    """200 with a document of ours. Written by msgspec from the rooms' own structs, which also make the schema."""
    return HttpResponse(msgspec.json.encode(document), content_type="application/json")
