"""Taking people and history out as files."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from msgspec import Struct
from ninja import Router
from ninja.params.functions import Path
from pydantic import Field

from tessera.api import examples_exports as examples
from tessera.api.parameters import Body, Cursor, Limit, only
from tessera.api.service import answer, endpoint
from tessera.api.sight import trusted
from tessera.api.writes import Connection, carry_out
from tessera.exports import actions, queries
from tessera.exports.queries import ExportPage, ExportView
from tessera.exports.wanted import CONTENT_TYPES, MOST_NAMED, read_wanted
from tessera.foundation.pool import pool

READ: Final = "exports:read"
WRITE: Final = "exports:write"
router = Router(tags=["exports"])

ExportId = Annotated[UUID, Path(description="`export_id` of an export.", example=examples.EXPORT_ID)]
_PERSONAL: Final = "exports hold personal data"
_MOMENT: Final = "RFC 3339, with a time zone. Ranges include their beginning and not their end."


class ExportRequest(Body):
    """What to take out. What is left out stands for all."""

    what: str = Field(
        pattern="^(people|history)$", description="`people`: a row per person. `history`: a row per event."
    )
    format: str = Field("csv", pattern="^(csv|ndjson|parquet)$", description="The kind of file.")
    gzip: bool = Field(False, description="Compress the file (csv and ndjson).")
    byte_order_mark: bool = Field(False, description="Begin a csv file with one.")
    people: list[str] | None = Field(
        None,
        min_length=1,
        max_length=MOST_NAMED,
        description="Only these, by profile id or `kind:value`.",
        examples=[["email:ana@example.com"]],
    )
    attributes: list[str] | None = Field(
        None, min_length=1, max_length=MOST_NAMED, description="People: only these attributes.", examples=[["plan"]]
    )
    created_from: str | None = Field(None, max_length=40, description=f"People known since then. {_MOMENT}")
    created_to: str | None = Field(None, max_length=40, description=_MOMENT)
    seen_from: str | None = Field(None, max_length=40, description=f"People last seen since then. {_MOMENT}")
    seen_to: str | None = Field(None, max_length=40, description=_MOMENT)
    occurred_from: str | None = Field(None, max_length=40, description=f"Events that happened since then. {_MOMENT}")
    occurred_to: str | None = Field(None, max_length=40, description=_MOMENT)
    events: list[str] | None = Field(
        None, min_length=1, max_length=MOST_NAMED, description="History: only events of these names."
    )
    sources: list[int] | None = Field(
        None, min_length=1, max_length=MOST_NAMED, description="History: only of the sources with these ids."
    )


class DeletedExport(Struct, frozen=True):
    """It and its file are gone."""

    export_id: UUID
    deleted: bool


@router.post(
    "/exports",
    operation_id="request_export",
    summary="Ask for a file of people or history",
    **endpoint(WRITE, ExportView, examples.EXPORT, "invalid_export", "too_many_exports", "too_many_files", writes=True),
)
def request_export(request: HttpRequest, wanted: ExportRequest) -> HttpResponse:
    """A job writes the file: ask for the export until its `state` is `done`, then fetch the file.

    Needs the scope `pii:read` too. Who asked and who fetched is noted in the audit trail.
    """
    grant = trusted(request, _PERSONAL)
    asked = read_wanted({name: value for name, value in wanted.model_dump().items() if value is not None})

    def act(connection: Connection) -> ExportView:
        return actions.request_export(
            connection, workspace_id=grant.workspace_id, wanted=asked, actor=grant.actor, now=datetime.now(UTC)
        )

    return carry_out(request, act)


@router.get(
    "/exports",
    operation_id="list_exports",
    summary="List exports",
    **endpoint(READ, ExportPage, examples.EXPORTS, "invalid_cursor", "unknown_parameter"),
)
def list_exports(request: HttpRequest, limit: Limit = 50, next: Cursor = None) -> HttpResponse:
    """Newest first. Needs the scope `pii:read` too: an export may name people."""
    only(request, "limit", "next")
    workspace = trusted(request, _PERSONAL).workspace_id
    with pool().connection() as connection:
        return answer(queries.exports(connection, workspace, before=next, limit=limit))


@router.get(
    "/exports/{id}",
    operation_id="get_export",
    summary="One export",
    **endpoint(READ, ExportView, examples.EXPORT, "not_found"),
)
def get_export(request: HttpRequest, id: ExportId) -> HttpResponse:
    """How far it is, and whether its file is there. Needs the scope `pii:read` too."""
    workspace = trusted(request, _PERSONAL).workspace_id
    with pool().connection() as connection:
        return answer(queries.export_by_id(connection, workspace, id))


@router.post(
    "/exports/{id}/cancel",
    operation_id="cancel_export",
    summary="Stop an export",
    **endpoint(WRITE, ExportView, examples.EXPORT, "not_found", writes=True),
)
def cancel_export(request: HttpRequest, id: ExportId) -> HttpResponse:
    """Whether it waits or runs; one that is over stays as it is. Needs the scope `pii:read` too."""
    grant = trusted(request, _PERSONAL)

    def act(connection: Connection) -> ExportView:
        return actions.cancel_export(connection, workspace_id=grant.workspace_id, export_id=id, actor=grant.actor)

    return carry_out(request, act)


def file_documents(described: dict[str, Any]) -> dict[str, Any]:
    """The answer is a file and not a document of ours."""
    ok = described["openapi_extra"]["responses"][200]
    kinds = (*(kind.partition(";")[0] for kind in CONTENT_TYPES.values()), "application/gzip")
    ok["content"] = {kind: {"schema": {"type": "string", "format": "binary"}, "examples": {}} for kind in kinds}
    return described


@router.get(
    "/exports/{id}/file",
    operation_id="download_export",
    summary="The file of an export",
    **file_documents(endpoint(READ, ExportView, examples.EXPORT, "not_found", "export_not_ready")),
)
def download_export(request: HttpRequest, id: ExportId) -> StreamingHttpResponse:
    """The file as it was asked for. Needs the scope `pii:read` too. Who fetched it is noted in the audit trail."""
    grant = trusted(request, _PERSONAL)
    with pool().connection() as connection, connection.transaction():
        found = actions.open_file(connection, workspace_id=grant.workspace_id, export_id=id, actor=grant.actor)
    response = StreamingHttpResponse(queries.body_of(found), content_type=found.export.wanted.content_type)
    response["Content-Disposition"] = f'attachment; filename="{found.export.file_name}"'
    response["Content-Length"] = str(found.export.bytes)
    return response


@router.delete(
    "/exports/{id}",
    operation_id="delete_export",
    summary="Delete an export and its file",
    **endpoint(WRITE, DeletedExport, examples.DELETED, "not_found", writes=True),
)
def delete_export(request: HttpRequest, id: ExportId) -> HttpResponse:
    """A running one stops. Needs the scope `pii:read` too."""
    grant = trusted(request, _PERSONAL)

    def act(connection: Connection) -> DeletedExport:
        actions.delete_export(connection, workspace_id=grant.workspace_id, export_id=id, actor=grant.actor)
        return DeletedExport(id, deleted=True)

    return carry_out(request, act)
