"""Automatic exports of segments: who entered and who left, carried to a place of the company's own."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse
from msgspec import Struct
from ninja import Router
from ninja.params.functions import Path, Query
from pydantic import Field

from tessera.access.queries import ApiKeyGrant
from tessera.api import examples_segment_exports as examples
from tessera.api.exports import file_documents
from tessera.api.parameters import Body, Limit, only
from tessera.api.service import answer, endpoint
from tessera.api.sight import trusted
from tessera.api.writes import Connection, carry_out, with_models
from tessera.audience.segments.queries import segment_by_id
from tessera.deliveries import actions, queries
from tessera.deliveries.actions import MadeExport
from tessera.deliveries.records import (
    MOST_COLUMNS,
    DeliveryPage,
    InvalidSegmentExport,
    NewSegmentExport,
    SegmentExport,
    SegmentExportChange,
    SegmentExportView,
)
from tessera.foundation.pool import pool

READ: Final = "exports:read"
WRITE: Final = "exports:write"
router = Router(tags=["segments"])

_PERSONAL: Final = "exports hold personal data"
_SCHEDULE: Final = "`change`, `hourly:MM`, `daily:HH:MM` or `cron:` and five fields, in the workspace's zone."
_SIGNED_WITH: Final = "The key of a bucket, or what a webhook is signed with: one is made where there is none."
_ID: Final = "`export_id` of an automatic export of this segment."
SegmentId = Annotated[UUID, Path(description="The id of a segment.", example=examples.SEGMENT_ID)]
ExportId = Annotated[UUID, Path(description=_ID, example=examples.EXPORT_ID)]
Number = Annotated[int, Path(ge=1, le=2**62, description="`number` of a delivery.", example=42)]
Before = Annotated[int | None, Query(ge=1, le=2**62, description="`next` of the page before.")]
_Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=600)]], Field(max_length=MOST_COLUMNS)]


class FolderBody(Body):
    """A folder of the machine, below one of `TESSERA_EXPORT_ROOTS`."""

    to: Literal["folder"]
    path: str = Field(min_length=1, max_length=1_000, description="Its whole path.", examples=["/srv/lake/segments"])


class BucketBody(Body):
    """An S3-compatible bucket; without an `endpoint` it is one of Amazon's."""

    to: Literal["s3"]
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]$", examples=["lake"])
    key_id: str = Field(min_length=1, max_length=200, description="The access key's id.", examples=["tessera"])
    endpoint: str = Field("", max_length=1_000, examples=["https://s3.example.com"])
    region: str = Field("", pattern=r"^[a-z0-9\-]{0,40}$", examples=["eu-south-2"])
    prefix: str = Field("", max_length=400, description="Where in the bucket files begin.", examples=["segments"])


class WebhookBody(Body):
    """An address that each delivery is POSTed to."""

    to: Literal["webhook"]
    url: str = Field(min_length=1, max_length=1_000, examples=["https://lake.example.com/segments"])


_Destination = Annotated[FolderBody | BucketBody | WebhookBody, Field(discriminator="to")]


class SegmentExportRequest(Body):
    """What is to be carried where, and when."""

    name: str = Field(min_length=1, max_length=200, examples=["VIP customers"])
    destination: _Destination
    format: Literal["csv", "ndjson", "parquet"] = Field("csv", description="The kind of file.")
    schedule: str = Field("change", max_length=200, description=_SCHEDULE, examples=["daily:02:30"])
    attributes: _Names = Field(default=[], description="Attributes that are columns.", examples=[["plan"]])
    identifiers: _Names = Field(default=[], description="Kinds of identifiers that are columns.", examples=[["email"]])
    everybody: bool = Field(False, description="Let the first delivery be who is in now.")
    secret: str = Field("", max_length=500, description=_SIGNED_WITH)


class SegmentExportChanges(Body):
    """What is not named stays as it is."""

    name: str | None = Field(None, min_length=1, max_length=200)
    destination: _Destination | None = None
    format: Literal["csv", "ndjson", "parquet"] | None = None
    schedule: str | None = Field(None, max_length=200, description=_SCHEDULE)
    attributes: _Names | None = None
    identifiers: _Names | None = None
    secret: str | None = Field(None, min_length=1, max_length=500, description=_SIGNED_WITH)
    paused: bool | None = Field(None, description="Nothing is lost while it rests.", examples=[True])


class SegmentExports(Struct, frozen=True):
    exports: list[SegmentExportView]


class MadeSegmentExport(Struct, frozen=True):
    """`secret` is what a webhook is signed with, where it was made here. It is told once."""

    export: SegmentExportView
    secret: str | None


class DeletedSegmentExport(Struct, frozen=True):
    export_id: UUID
    deleted: bool


def _read(body: Body, into: type[Any]) -> Any:
    try:
        return msgspec.convert(body.model_dump(exclude_none=True), into)
    except msgspec.ValidationError as error:
        raise InvalidSegmentExport(str(error)) from None


def _view(connection: Connection, export: SegmentExport) -> SegmentExportView:
    return queries.views(connection, [export])[0]


@router.get(
    "/segments/{id}/exports",
    operation_id="list_segment_exports",
    summary="The automatic exports of a segment",
    **endpoint(READ, SegmentExports, examples.EXPORTS, "not_found"),
)
def list_segment_exports(request: HttpRequest, id: SegmentId) -> HttpResponse:
    """By name, those of a deleted segment too. Needs the scope `pii:read` too."""
    workspace = trusted(request, _PERSONAL).workspace_id
    with pool().connection() as connection:
        found = queries.segment_exports(connection, workspace, id)
        if not found:
            segment_by_id(connection, workspace, id)
        return answer(SegmentExports(queries.views(connection, found)))


_MAKING: Final = ("not_found", "wrong_segment", "invalid_segment_export")


@router.post(
    "/segments/{id}/exports",
    operation_id="create_segment_export",
    summary="Export a segment's changes automatically",
    **endpoint(WRITE, MadeSegmentExport, examples.MADE, *_MAKING, "too_many_segment_exports", writes=True),
)
def create_segment_export(request: HttpRequest, id: SegmentId, wanted: SegmentExportRequest) -> HttpResponse:
    """Of a static segment, or one that is kept fresh. Needs the scope `pii:read` too. `secret` is told once."""
    grant = trusted(request, _PERSONAL)
    new: NewSegmentExport = _read(wanted, NewSegmentExport)

    def act(connection: Connection) -> MadeSegmentExport:
        made = actions.create(
            connection,
            workspace_id=grant.workspace_id,
            segment_id=id,
            new=new,
            actor=grant.actor,
            now=datetime.now(UTC),
        )
        return _made(connection, made)

    return carry_out(request, act, run=with_models)


def _made(connection: Connection, made: MadeExport) -> MadeSegmentExport:
    return MadeSegmentExport(_view(connection, made.export), made.secret)


def _mine(connection: Connection, grant: ApiKeyGrant, segment: UUID, export: UUID) -> dict[str, Any]:
    """Who acts on which export of which segment. Raises `NoSuchSegmentExport`."""
    queries.of_segment(connection, grant.workspace_id, segment, export)
    return {"workspace_id": grant.workspace_id, "export_id": export, "actor": grant.actor}


_ONE: Final = "/segments/{id}/exports/{segment_export_id}"


@router.get(
    _ONE,
    operation_id="get_segment_export",
    summary="One automatic export",
    **endpoint(READ, SegmentExportView, examples.EXPORT, "not_found"),
)
def get_segment_export(request: HttpRequest, id: SegmentId, segment_export_id: ExportId) -> HttpResponse:
    """What it carries where, and how its last delivery went. Needs the scope `pii:read` too."""
    workspace = trusted(request, _PERSONAL).workspace_id
    with pool().connection() as connection:
        found = queries.of_segment(connection, workspace, id, segment_export_id)
        return answer(_view(connection, found))


@router.patch(
    _ONE,
    operation_id="change_segment_export",
    summary="Change an automatic export",
    **endpoint(WRITE, SegmentExportView, examples.EXPORT, "not_found", "invalid_segment_export", writes=True),
)
def change_segment_export(
    request: HttpRequest, id: SegmentId, segment_export_id: ExportId, wanted: SegmentExportChanges
) -> HttpResponse:
    """What was decided already goes out as it is, to the new destination. Needs the scope `pii:read` too."""
    grant = trusted(request, _PERSONAL)
    change: SegmentExportChange = _read(wanted, SegmentExportChange)

    def act(connection: Connection) -> SegmentExportView:
        mine = _mine(connection, grant, id, segment_export_id)
        return _view(connection, actions.change(connection, **mine, wanted=change, now=datetime.now(UTC)))

    return carry_out(request, act)


@router.delete(
    _ONE,
    operation_id="delete_segment_export",
    summary="End an automatic export",
    **endpoint(WRITE, DeletedSegmentExport, examples.DELETED, "not_found", writes=True),
)
def delete_segment_export(request: HttpRequest, id: SegmentId, segment_export_id: ExportId) -> HttpResponse:
    """It, what it keeps, and what it has not delivered are gone. Needs the scope `pii:read` too."""
    grant = trusted(request, _PERSONAL)

    def act(connection: Connection) -> DeletedSegmentExport:
        actions.delete(connection, **_mine(connection, grant, id, segment_export_id))
        return DeletedSegmentExport(segment_export_id, deleted=True)

    return carry_out(request, act)


@router.post(
    f"{_ONE}/run",
    operation_id="run_segment_export",
    summary="Deliver now",
    **endpoint(WRITE, SegmentExportView, examples.EXPORT, "not_found", "invalid_segment_export", writes=True),
)
def run_segment_export(request: HttpRequest, id: SegmentId, segment_export_id: ExportId) -> HttpResponse:
    """Deliver what there is, and try at once what did not arrive. Needs the scope `pii:read` too."""
    grant = trusted(request, _PERSONAL)

    def act(connection: Connection) -> SegmentExportView:
        return _view(connection, actions.run_now(connection, **_mine(connection, grant, id, segment_export_id)))

    return carry_out(request, act)


@router.post(
    f"{_ONE}/secret",
    operation_id="renew_segment_export_secret",
    summary="Sign with a new secret",
    **endpoint(WRITE, MadeSegmentExport, examples.MADE, "not_found", "invalid_segment_export", writes=True),
)
def renew_segment_export_secret(request: HttpRequest, id: SegmentId, segment_export_id: ExportId) -> HttpResponse:
    """Of a webhook, from the next try on. `secret` is told once. Needs the scope `pii:read` too."""
    grant = trusted(request, _PERSONAL)

    def act(connection: Connection) -> MadeSegmentExport:
        mine = _mine(connection, grant, id, segment_export_id)
        return _made(connection, actions.renew_secret(connection, **mine))

    return carry_out(request, act, run=with_models)


@router.get(
    f"{_ONE}/deliveries",
    operation_id="list_segment_deliveries",
    summary="What an automatic export delivered",
    **endpoint(READ, DeliveryPage, examples.DELIVERIES, "not_found", "unknown_parameter"),
)
def list_segment_deliveries(
    request: HttpRequest, id: SegmentId, segment_export_id: ExportId, limit: Limit = 50, next: Before = None
) -> HttpResponse:
    """Newest first. Needs the scope `pii:read` too."""
    only(request, "limit", "next")
    workspace = trusted(request, _PERSONAL).workspace_id
    with pool().connection() as connection:
        found = queries.of_segment(connection, workspace, id, segment_export_id)
        return answer(queries.deliveries(connection, found, before=next, limit=limit))


@router.get(
    f"{_ONE}/deliveries/{{int:number}}/content",
    operation_id="download_segment_delivery",
    summary="The content of a delivery",
    **file_documents(endpoint(READ, DeliveryPage, examples.DELIVERIES, "not_found", "export_not_ready")),
)
def download_segment_delivery(
    request: HttpRequest, id: SegmentId, segment_export_id: ExportId, number: Number
) -> HttpResponse:
    """The very bytes that went out. Needs the scope `pii:read` too. Who fetched it is noted in the audit trail."""
    grant = trusted(request, _PERSONAL)
    with pool().connection() as connection, connection.transaction():
        mine = _mine(connection, grant, id, segment_export_id)
        export = queries.of_segment(connection, grant.workspace_id, id, segment_export_id)
        found = queries.content(connection, export, number)
        actions.note_download(connection, **mine, number=number)
    response = HttpResponse(found.body, content_type=found.content_type)
    response["Content-Disposition"] = f'attachment; filename="{found.name}"'
    return response
