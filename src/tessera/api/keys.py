"""API keys: those there are, making one, revoking one. A key makes no key that can do more than itself."""

from datetime import UTC, datetime
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from msgspec import Struct
from ninja import Router
from ninja.params.functions import Path
from pydantic import Field

from tessera.access import actions, queries
from tessera.access.actions import NewApiKey
from tessera.access.queries import ApiKeyFacts
from tessera.access.scopes import SCOPES
from tessera.api import examples_access as examples
from tessera.api.door import grant_of
from tessera.api.parameters import MOST_WHOLE, Body
from tessera.api.service import answer, endpoint
from tessera.api.writes import Connection, carry_out, with_models

router = Router(tags=["keys"])

KeyId = Annotated[int, Path(ge=1, le=MOST_WHOLE, description="`id` of a key.", example=7)]


class Keys(Struct, frozen=True):
    """Every API key of the workspace, revoked ones too, newest first."""

    keys: list[ApiKeyFacts]


class KeyRequest(Body):
    """A key that is to be made."""

    name: str = Field(min_length=1, max_length=200, description="The program that will use it.", examples=["crm"])
    scopes: list[str] = Field(
        min_length=1,
        max_length=len(SCOPES),
        description=f"What it may do, none of it beyond your own key: {', '.join(SCOPES)}.",
        examples=[["profiles:read"]],
    )


@router.get(
    "/keys",
    operation_id="list_keys",
    summary="The API keys",
    **endpoint("access:read", Keys, examples.KEYS),
)
def list_keys(request: HttpRequest) -> HttpResponse:
    """Their names, scopes and last use. The keys themselves are not kept; `prefix` is how one is recognised."""
    return answer(Keys(queries.api_keys(grant_of(request).workspace_id)))


@router.post(
    "/keys",
    operation_id="make_key",
    summary="Make an API key",
    **endpoint("access:write", NewApiKey, examples.MADE, "unknown_scope", "scope_not_held", writes=True),
)
def make_key(request: HttpRequest, wanted: KeyRequest) -> HttpResponse:
    """`token` is told once. An answer that is repeated for an Idempotency-Key is kept sealed."""
    grant = grant_of(request)

    def act(_connection: Connection) -> NewApiKey:
        return actions.create_api_key(
            workspace_id=grant.workspace_id,
            name=wanted.name,
            scopes=wanted.scopes,
            actor=grant.actor,
            held=grant.scopes,
            made_by=grant.made_by,
        )

    return carry_out(request, act, run=with_models)


@router.delete(
    "/keys/{int:key_id}",
    operation_id="revoke_key",
    summary="Revoke an API key",
    **endpoint("access:write", Keys, examples.KEYS, "not_found", writes=True),
)
def revoke_key(request: HttpRequest, key_id: KeyId) -> HttpResponse:
    """Refused from the next request on; repeating it changes nothing. Answers with the keys as they are then."""
    grant = grant_of(request)

    def act(_connection: Connection) -> Keys:
        actions.revoke_api_key(key_id, workspace_id=grant.workspace_id, now=datetime.now(UTC), actor=grant.actor)
        return Keys(queries.api_keys(grant.workspace_id))

    return carry_out(request, act, run=with_models)
