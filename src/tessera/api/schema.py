"""The OpenAPI document of the management API, made from the endpoints and the structs they answer with."""

from functools import cache
from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse

from tessera.api.documents import schemas
from tessera.api.endpoints import service

PREFIX: Final = "/api/v1"


def openapi() -> dict[str, Any]:
    """The whole document (OpenAPI 3.1), as plain JSON values."""
    document: dict[str, Any] = msgspec.json.decode(_encoded())
    return document


def serve_openapi(request: HttpRequest) -> HttpResponse:
    """`/api/v1/openapi.json`: tells nothing secret, so it asks for no key."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(status=405, headers={"Allow": "GET"})
    return HttpResponse(_encoded(), content_type="application/json")


@cache
def _encoded() -> bytes:
    document = dict(service.get_openapi_schema(path_prefix=PREFIX))
    document["components"]["schemas"].update(schemas())
    for operations in document["paths"].values():
        for operation in operations.values():
            scope = operation["x-required-scope"]
            asked = "Any key will do." if scope == "any" else f"Needs the scope `{scope}`."
            operation["description"] = f"{operation.get('description', '')}\n\n{asked}".strip()
    return msgspec.json.encode(document)
