"""Reading the workspace: its numbers, its data dictionary, its sources."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from django.http import HttpRequest, HttpResponse
from msgspec import Struct
from ninja import Router
from ninja.params.functions import Query

from tessera.api import examples
from tessera.api.door import grant_of
from tessera.api.parameters import only
from tessera.api.service import answer, endpoint
from tessera.events import catalogue
from tessera.events.catalogue import Entry
from tessera.foundation.pool import pool
from tessera.profiles import queries as profiles
from tessera.profiles.queries import Stats
from tessera.workspaces import queries as workspaces
from tessera.workspaces.queries import SourceFacts

router = Router(tags=["workspace"])


class Catalogue(Struct, frozen=True):
    """The data dictionary: every event name, property and attribute seen. `parent` of a property is its event."""

    entries: list[Entry]


class Sources(Struct, frozen=True):
    """The entry points of the workspace, by name."""

    sources: list[SourceFacts]


@router.get(
    "/stats",
    operation_id="get_stats",
    summary="The workspace in numbers",
    **endpoint(None, Stats, examples.STATS),
)
def get_stats(request: HttpRequest) -> HttpResponse:
    """Any key may ask. Events are counted within a second or two of being recorded; `waiting` are not recorded yet."""
    with pool().connection() as connection:
        return answer(profiles.stats(connection, grant_of(request).workspace_id, now=datetime.now(UTC)))


@router.get(
    "/catalogue",
    operation_id="list_catalogue",
    summary="The data dictionary",
    **endpoint("events:read", Catalogue, examples.CATALOGUE, "unknown_parameter"),
)
def list_catalogue(
    request: HttpRequest,
    kind: Annotated[Literal["event", "property", "attribute"] | None, Query(description="Only these.")] = None,
) -> HttpResponse:
    """Names with the type, the volume and how many values did not fit, by kind, parent and name."""
    only(request, "kind")
    with pool().connection() as connection:
        entries = catalogue.entries(connection, grant_of(request).workspace_id)
    return answer(Catalogue([entry for entry in entries if kind in (None, entry.kind)]))


@router.get(
    "/sources",
    operation_id="list_sources",
    summary="The entry points",
    **endpoint("workspaces:read", Sources, examples.SOURCES),
)
def list_sources(request: HttpRequest) -> HttpResponse:
    """Sites, apps, tills and servers that send events, disabled ones too. Their write keys are not told here."""
    return answer(Sources(workspaces.sources(grant_of(request).workspace_id)))
