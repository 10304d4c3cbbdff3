"""Where a segment is used, and how large it was."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from msgspec import Struct
from ninja import Router
from ninja.params.functions import Query

from tessera.api import examples_segments as examples
from tessera.api.conditions import READ
from tessera.api.door import grant_of
from tessera.api.parameters import only
from tessera.api.segments import SegmentId
from tessera.api.service import answer, endpoint
from tessera.audience.insight.saved import reports_about
from tessera.audience.segments import queries
from tessera.audience.segments.records import SizeAt
from tessera.deliveries.queries import segment_exports
from tessera.deliveries.records import State
from tessera.foundation.pool import pool

router = Router(tags=["segments"])


class Use(Struct, frozen=True):
    """A segment whose condition asks about another."""

    id: UUID
    name: str
    archived: bool


class ReportUse(Struct, frozen=True):
    """A report that is kept, about people of the segment."""

    id: UUID
    name: str


class ExportUse(Struct, frozen=True):
    """An automatic export of who enters and leaves the segment. It ends when the segment is deleted."""

    id: UUID
    name: str
    state: State


class Uses(Struct, frozen=True):
    """What would break without the segment."""

    segments: list[Use]
    reports: list[ReportUse]
    exports: list[ExportUse]


class Sizes(Struct, frozen=True):
    """How many people there were, by hours in which somebody counted; oldest first."""

    sizes: list[SizeAt]


@router.get(
    "/segments/{id}/used-by",
    operation_id="segment_uses",
    summary="Where a segment is used",
    **endpoint(READ, Uses, examples.USED_BY, "not_found"),
)
def segment_uses(request: HttpRequest, id: SegmentId) -> HttpResponse:
    """The segments whose condition asks about it, the reports of its people, the automatic exports of who is in it."""
    workspace = grant_of(request).workspace_id
    with pool().connection() as connection:
        found = queries.used_by(connection, queries.segment_by_id(connection, workspace, id))
        reports = reports_about(connection, workspace, id)
        exports = segment_exports(connection, workspace, id)
    uses = [Use(each.id, each.name, each.archived_at is not None) for each in found]
    told = [ReportUse(each.id, each.name) for each in reports]
    return answer(Uses(uses, told, [ExportUse(each.id, each.name, each.state) for each in exports]))


@router.get(
    "/segments/{id}/sizes",
    operation_id="segment_sizes",
    summary="How large a segment was",
    **endpoint(READ, Sizes, examples.SIZES, "not_found", "unknown_parameter"),
)
def segment_sizes(
    request: HttpRequest,
    id: SegmentId,
    days: Annotated[int, Query(ge=1, le=3660, description="How far to look back.")] = 90,
) -> HttpResponse:
    """The last count of each hour in which it was counted, oldest first."""
    only(request, "days")
    workspace = grant_of(request).workspace_id
    with pool().connection() as connection:
        segment = queries.segment_by_id(connection, workspace, id)
        return answer(Sizes(queries.sizes(connection, segment, days=days, now=datetime.now(UTC))))
