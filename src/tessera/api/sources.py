"""Brands, sources and write keys: reading and changing where events come from."""

from datetime import UTC, datetime
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from msgspec import UNSET, Struct
from ninja import Router, Schema
from ninja.params.functions import Path
from pydantic import ConfigDict, Field

from tessera.api import examples_catalogue as examples
from tessera.api.door import grant_of
from tessera.api.parameters import MOST_WHOLE
from tessera.api.problems import Refused
from tessera.api.service import answer, endpoint
from tessera.api.writes import Connection, carry_out
from tessera.workspaces import actions, queries
from tessera.workspaces.actions import LONGEST_NAME
from tessera.workspaces.queries import BrandFacts, SourceFacts, WriteKeyFacts

router = Router(tags=["sources"])

_READ, _WRITE = "workspaces:read", "workspaces:write"
_SOURCE_CODES = ("source_exists", "invalid_name", "invalid_origin", "too_many_origins", "unknown_kind", "unknown_brand")

SourceId = Annotated[int, Path(ge=1, le=MOST_WHOLE, description="The source's id.", example=1)]
KeyId = Annotated[int, Path(ge=1, le=MOST_WHOLE, description="The write key's id.", example=1)]
BrandId = Annotated[int, Path(ge=1, le=MOST_WHOLE, description="The brand's id.", example=1)]


class Sources(Struct, frozen=True):
    """The entry points of the workspace, by name."""

    sources: list[SourceFacts]


class Brands(Struct, frozen=True):
    """The brands of the workspace, by name."""

    brands: list[BrandFacts]


class WriteKeys(Struct, frozen=True):
    """The write keys of a source, revoked ones too, oldest first."""

    keys: list[WriteKeyFacts]


class _Body(Schema):
    model_config = ConfigDict(extra="forbid")


class _Named(_Body):
    """Something with a name."""

    name: str = Field(min_length=1, max_length=LONGEST_NAME, description="What people call it.", examples=["Shop"])


class NewBrand(_Named):
    """A brand to make, or its new name."""


class NewKey(_Named):
    """A write key to make."""


class NewSource(_Named):
    """A source to make."""

    kind: str = Field(
        default="site", max_length=16, description="site, app, server, till or call_centre.", examples=["site"]
    )
    allowed_origins: list[str] = Field(
        default=["*"],
        max_length=100,
        description="Sites whose pages may send events: `https://shop.example`, or `*` for all.",
        examples=[["https://shop.example"]],
    )
    brand_id: int | None = Field(default=None, ge=1, le=MOST_WHOLE, description="The brand it belongs to.")


class SourceChange(_Body):
    """What to change about a source. What is not given stays as it is."""

    name: str | None = Field(default=None, min_length=1, max_length=LONGEST_NAME, description="Its new name.")
    kind: str | None = Field(default=None, max_length=16, description="site, app, server, till or call_centre.")
    allowed_origins: list[str] | None = Field(default=None, max_length=100, description="All of them, anew.")
    brand_id: int | None = Field(default=None, ge=1, le=MOST_WHOLE, description="Another brand; null for none.")
    disabled: bool | None = Field(default=None, description="True refuses whatever it sends.", examples=[False])


@router.get(
    "/sources",
    operation_id="list_sources",
    summary="The entry points",
    **endpoint(_READ, Sources, examples.SOURCES),
)
def list_sources(request: HttpRequest) -> HttpResponse:
    """Sites, apps, tills and servers that send events, disabled ones too. Their write keys are not told here."""
    return answer(Sources(queries.sources(grant_of(request).workspace_id)))


@router.post(
    "/sources",
    operation_id="create_source",
    summary="Make a source",
    **endpoint(_WRITE, SourceFacts, examples.SOURCE, *_SOURCE_CODES, writes=True),
)
def create_source(request: HttpRequest, wanted: NewSource) -> HttpResponse:
    """It sends nothing before it has a write key."""
    grant = grant_of(request)

    def act(connection: Connection) -> SourceFacts:
        return actions.create_source(
            workspace_id=grant.workspace_id, actor=grant.actor, connection=connection, **wanted.model_dump()
        )

    return carry_out(request, act)


@router.get(
    "/sources/{source_id}",
    operation_id="get_source",
    summary="One source",
    **endpoint(_READ, SourceFacts, examples.SOURCE, "not_found"),
)
def get_source(request: HttpRequest, source_id: SourceId) -> HttpResponse:
    """The source with its brand and the sites that may send for it."""
    return answer(_source(request, source_id))


@router.patch(
    "/sources/{source_id}",
    operation_id="change_source",
    summary="Change, disable or enable a source",
    **endpoint(_WRITE, SourceFacts, examples.SOURCE, "not_found", *_SOURCE_CODES, writes=True),
)
def change_source(request: HttpRequest, source_id: SourceId, wanted: SourceChange) -> HttpResponse:
    """All changes or none. Collect follows within five seconds."""
    grant = grant_of(request)
    given = {name: getattr(wanted, name) for name in wanted.model_fields_set}
    known: dict[str, Any] = {"workspace_id": grant.workspace_id, "actor": grant.actor}

    def act(connection: Connection) -> SourceFacts:
        actions.change_source(source_id, connection=connection, **known, **({"brand_id": UNSET} | _changes(given)))
        if given.get("disabled") is True:
            actions.disable_source(source_id, now=datetime.now(UTC), connection=connection, **known)
        elif given.get("disabled") is False:
            actions.enable_source(source_id, connection=connection, **known)
        return actions.read_source_on(connection, grant.workspace_id, source_id)

    return carry_out(request, act)


def _changes(given: dict[str, Any]) -> dict[str, Any]:
    """What `change_source` is told; a null means something for the brand only."""
    return {
        name: value for name, value in given.items() if name == "brand_id" or (value is not None and name != "disabled")
    }


@router.get(
    "/sources/{source_id}/keys",
    operation_id="list_write_keys",
    summary="The write keys of a source",
    **endpoint(_WRITE, WriteKeys, examples.KEYS, "not_found"),
)
def list_write_keys(request: HttpRequest, source_id: SourceId) -> HttpResponse:
    """With the keys themselves, so only for keys of the API that could make some."""
    source = _source(request, source_id)
    return answer(WriteKeys(queries.write_keys(source.workspace_id, source_id=source.id)))


@router.post(
    "/sources/{source_id}/keys",
    operation_id="create_write_key",
    summary="Make a write key",
    **endpoint(_WRITE, WriteKeyFacts, examples.KEY, "not_found", "invalid_name", writes=True),
)
def create_write_key(request: HttpRequest, source_id: SourceId, wanted: NewKey) -> HttpResponse:
    """It works within a few seconds."""
    grant = grant_of(request)

    def act(connection: Connection) -> WriteKeyFacts:
        return actions.create_write_key(
            source_id, workspace_id=grant.workspace_id, name=wanted.name, actor=grant.actor, connection=connection
        )

    return carry_out(request, act)


@router.post(
    "/sources/{source_id}/keys/{key_id}/revoke",
    operation_id="revoke_write_key",
    summary="End a write key",
    **endpoint(_WRITE, WriteKeyFacts, examples.KEY, "not_found", writes=True),
)
def revoke_write_key(request: HttpRequest, source_id: SourceId, key_id: KeyId) -> HttpResponse:
    """Clients that still use it are refused within five seconds; repeating it changes nothing."""
    grant = grant_of(request)

    def act(connection: Connection) -> WriteKeyFacts:
        return actions.revoke_write_key(
            key_id,
            workspace_id=grant.workspace_id,
            source_id=source_id,
            now=datetime.now(UTC),
            actor=grant.actor,
            connection=connection,
        )

    return carry_out(request, act)


@router.get(
    "/brands",
    operation_id="list_brands",
    summary="The brands",
    **endpoint(_READ, Brands, examples.BRANDS),
)
def list_brands(request: HttpRequest) -> HttpResponse:
    """Brands group sources: a customer may know several of them."""
    return answer(Brands(queries.brands(grant_of(request).workspace_id)))


@router.post(
    "/brands",
    operation_id="create_brand",
    summary="Make a brand",
    **endpoint(_WRITE, BrandFacts, examples.BRAND, "brand_exists", "invalid_name", writes=True),
)
def create_brand(request: HttpRequest, wanted: NewBrand) -> HttpResponse:
    """Its slug is made from its name and stays."""
    grant = grant_of(request)

    def act(connection: Connection) -> BrandFacts:
        return actions.create_brand(
            workspace_id=grant.workspace_id, name=wanted.name, actor=grant.actor, connection=connection
        )

    return carry_out(request, act)


@router.patch(
    "/brands/{brand_id}",
    operation_id="rename_brand",
    summary="Rename a brand",
    **endpoint(_WRITE, BrandFacts, examples.BRAND, "not_found", "brand_exists", "invalid_name", writes=True),
)
def rename_brand(request: HttpRequest, brand_id: BrandId, wanted: NewBrand) -> HttpResponse:
    """Only its name changes."""
    grant = grant_of(request)

    def act(connection: Connection) -> BrandFacts:
        return actions.rename_brand(
            brand_id, workspace_id=grant.workspace_id, name=wanted.name, actor=grant.actor, connection=connection
        )

    return carry_out(request, act)


def _source(request: HttpRequest, source_id: int) -> SourceFacts:
    found = queries.source_by_id(grant_of(request).workspace_id, source_id)
    if found is None:
        raise Refused("not_found", f"no source {source_id} in this workspace")
    return found
