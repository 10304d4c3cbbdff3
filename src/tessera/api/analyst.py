"""The analyst: how far behind the warehouse is, and the schema of the conditions it is asked."""

from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from msgspec import Struct
from ninja import Router

from tessera.api import examples_segments as examples
from tessera.api.conditions import READ
from tessera.api.service import answer, endpoint
from tessera.audience.conditions.registry import json_schema
from tessera.audience.queries import AnalystState, analyst_state
from tessera.foundation.pool import pool

router = Router(tags=["segments"])


_NAMES: Final = {
    "dialect": "$schema",
    "definitions": "$defs",
    "root": "$ref",
    "any_of": "anyOf",
    "discriminator": "discriminator",
}


class JsonSchema(Struct, frozen=True, omit_defaults=True, rename=_NAMES):
    """A JSON Schema (2020-12)."""

    dialect: str
    definitions: dict[str, Any]
    root: str | None = None
    any_of: list[dict[str, Any]] | None = None
    discriminator: dict[str, Any] | None = None

    @classmethod
    def of(cls, schema: dict[str, Any]) -> "JsonSchema":
        return msgspec.convert(schema, cls)


@router.get(
    "/analyst",
    operation_id="get_analyst",
    summary="How far the analyst is",
    **endpoint(READ, AnalystState, examples.ANALYST),
)
def get_analyst(request: HttpRequest) -> HttpResponse:
    """Segments are evaluated over a warehouse that follows history; this says how far behind it is."""
    with pool().connection() as connection:
        return answer(analyst_state(connection))


@router.get(
    "/segments/condition-schema",
    operation_id="get_condition_schema",
    summary="The JSON form of conditions",
    **endpoint(READ, JsonSchema, examples.SCHEMA),
)
def get_condition_schema(request: HttpRequest) -> HttpResponse:
    """Its JSON Schema: what `condition` may be wherever one is sent. docs/conditions.md says what conditions mean."""
    return answer(JsonSchema.of(json_schema()))
