"""Taking people in from files."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from msgspec import Struct
from ninja import Router
from ninja.params.functions import Path, Query
from pydantic import Field

from tessera.api import examples_imports as examples
from tessera.api.door import grant_of
from tessera.api.parameters import Body, Cursor, Limit, only
from tessera.api.service import answer, endpoint
from tessera.api.sight import trusted
from tessera.api.writes import Connection, carry_out
from tessera.foundation.database import connect
from tessera.foundation.pool import pool
from tessera.imports import actions, queries
from tessera.imports.plan import InvalidPlan, Plan
from tessera.imports.records import ImportsPage, ImportView, Inspection
from tessera.imports.sniffing import ENCODINGS
from tessera.workspaces import queries as workspaces

READ: Final = "imports:read"
WRITE: Final = "imports:write"
RAW: Final = "import_chunk", "import_whole_file"
"""The names of the addresses that take a file's bytes as they are; `urls` tells the door."""

router = Router(tags=["imports"])
ImportId = Annotated[UUID, Path(description="`id` of an import.", example=examples.IMPORT_ID)]
_BYTES: Final = {
    "required": True,
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}
_PERSONAL: Final = "a file's rows are personal data"
_STATES: Final = ("not_found", "wrong_import_state")


class NewImport(Body):
    """A file that is to come in pieces."""

    name: str = Field("file", max_length=500, description="The file's name.", examples=["people.csv"])


class ImportPlan(Body):
    """How the file is read and where its columns go. What is left out is as it suggests itself."""

    format: dict[str, Any] | None = Field(
        None,
        description="`name` (csv, ndjson, segment), `encoding`, `gzipped`, `delimiter`, `header`.",
        examples=[{"name": "csv", "encoding": "utf-8", "delimiter": ";"}],
    )
    columns: list[dict[str, Any]] | None = Field(
        None,
        max_length=500,
        description="For each column its `name` and `target`: `attribute:<name>`, `email`, `phone`, `user_id`, "
        "`profile_id`, `external:<system>` or `ignore`; and `type`, `overwrite` (always, if_empty), `when_empty` "
        "(leave, clear), `date_format`, `decimal`, `separator`.",
        examples=[[{"name": "Correo", "target": "email"}, {"name": "Puntos", "target": "attribute:points"}]],
    )
    match: str | None = Field(None, max_length=100, description="By what people are found.", examples=["email"])
    policy: str | None = Field(None, description="create_and_update, create_only or update_only.")
    skip_triggers: bool | None = Field(None, description="Start nothing because of these rows.")
    source_id: int | None = Field(None, ge=1, lt=2**31, description="Where its events are said to come from.")


class TakenChunk(Struct, frozen=True):
    """The piece is stored."""

    number: int
    bytes: int


class DeletedImport(Struct, frozen=True):
    """It and its file are gone."""

    id: UUID
    deleted: bool


@router.get(
    "/imports",
    operation_id="list_imports",
    summary="List imports",
    **endpoint(READ, ImportsPage, examples.IMPORTS, "invalid_cursor", "unknown_parameter"),
)
def list_imports(request: HttpRequest, limit: Limit = 50, next: Cursor = None) -> HttpResponse:
    """Newest first."""
    only(request, "limit", "next")
    workspace = grant_of(request).workspace_id
    with pool().connection() as connection:
        return answer(queries.imports(connection, workspace, before=next, limit=limit))


@router.post(
    "/imports",
    operation_id="create_import",
    summary="Begin an import",
    **endpoint(WRITE, ImportView, examples.UPLOADING, "too_many_files", writes=True),
)
def create_import(request: HttpRequest, wanted: NewImport) -> HttpResponse:
    """For a file of any size: send its pieces with `PUT /imports/{id}/chunks/{number}`, then `…/uploaded`."""
    grant = grant_of(request)

    def act(connection: Connection) -> ImportView:
        return actions.create_import(
            connection,
            workspace_id=grant.workspace_id,
            file_name=wanted.name,
            actor=grant.actor,
            now=datetime.now(UTC),
        )

    return carry_out(request, act)


def _takes_bytes(described: dict[str, Any]) -> dict[str, Any]:
    described["openapi_extra"]["requestBody"] = _BYTES
    return described


@router.post(
    "/imports/file",
    operation_id="import_file",
    url_name="import_whole_file",
    summary="Begin an import with its whole file",
    **_takes_bytes(endpoint(WRITE, ImportView, examples.IMPORT, "import_file_refused", "too_many_files", writes=True)),
)
def import_file(
    request: HttpRequest, name: Annotated[str, Query(max_length=500, description="The file's name.")] = "file"
) -> HttpResponse:
    """The body is the file as it is (`application/octet-stream`), 1 MB at most. It is looked at, and nothing more."""
    grant, data = grant_of(request), request.body

    def act(connection: Connection) -> ImportView:
        return actions.store_file(
            connection,
            workspace_id=grant.workspace_id,
            file_name=name,
            blocks=[data],
            actor=grant.actor,
            now=datetime.now(UTC),
        )

    return carry_out(request, act)


@router.put(
    "/imports/{id}/chunks/{number}",
    operation_id="put_import_chunk",
    url_name="import_chunk",
    summary="Send a piece of the file",
    **_takes_bytes(
        endpoint(WRITE, TakenChunk, examples.CHUNK, *_STATES, "import_file_refused", "too_many_files", writes=True)
    ),
)
def put_chunk(
    request: HttpRequest,
    id: ImportId,
    number: Annotated[int, Path(ge=0, lt=2**31, description="Its place in the file, from 0.", example=0)],
) -> HttpResponse:
    """The body is the piece as it is (`application/octet-stream`), 1 MB at most. The same piece may come again."""
    grant, data = grant_of(request), request.body

    def act(connection: Connection) -> TakenChunk:
        actions.add_chunk(connection, workspace_id=grant.workspace_id, import_id=id, number=number, data=data)
        return TakenChunk(number, len(data))

    return carry_out(request, act)


@router.get(
    "/imports/{id}",
    operation_id="get_import",
    summary="One import",
    **endpoint(READ, ImportView, examples.IMPORT, "not_found"),
)
def get_import(request: HttpRequest, id: ImportId) -> HttpResponse:
    """Where it stands, what it is to do, what came of it."""
    workspace = grant_of(request).workspace_id
    with pool().connection() as connection:
        return answer(queries.import_by_id(connection, workspace, id))


@router.get(
    "/imports/{id}/inspection",
    operation_id="inspect_import",
    summary="What is in the file",
    **endpoint(READ, Inspection, examples.INSPECTION, "not_found", "import_file_refused", "import_file_gone"),
)
def inspect_import(request: HttpRequest, id: ImportId) -> HttpResponse:
    """Its columns and first rows, and the plan that suggests itself. Needs the scope `pii:read` too."""
    workspace = trusted(request, _PERSONAL).workspace_id
    with pool().connection() as connection:
        return answer(queries.inspect_file(connection, workspace, id))


def _answers_csv(described: dict[str, Any]) -> dict[str, Any]:
    ok = described["openapi_extra"]["responses"][200]
    ok["content"] = {"text/csv": {"schema": {"type": "string"}, "examples": {}}}
    return described


@router.get(
    "/imports/{id}/errors",
    operation_id="import_errors",
    summary="What was wrong with rows",
    **_answers_csv(endpoint(READ, ImportView, examples.IMPORT, "not_found")),
)
def import_errors(request: HttpRequest, id: ImportId) -> StreamingHttpResponse:
    """CSV in UTF-8: row, severity, column, value, code, reason. Needs the scope `pii:read` too."""
    workspace = trusted(request, _PERSONAL).workspace_id
    with pool().connection() as connection:
        queries.import_by_id(connection, workspace, id)

    def body() -> Iterator[bytes]:
        with connect(autocommit=True) as connection:  # not the pool's: a slow reader must not keep it from others
            yield from queries.error_file(connection, workspace, id)

    response = StreamingHttpResponse(body(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="import-errors-{str(id)[-6:]}.csv"'
    return response


def _step(*codes: str, example: Any = examples.IMPORT) -> dict[str, Any]:
    """What every endpoint says that takes an import one step on; `codes` are those beyond its state."""
    return endpoint(WRITE, ImportView, example, *_STATES, *codes, writes=True)


@router.put(
    "/imports/{id}/plan",
    operation_id="plan_import",
    summary="Say where the columns go",
    **_step("invalid_import_plan", "import_file_refused", "import_file_gone"),
)
def plan_import(request: HttpRequest, id: ImportId, wanted: ImportPlan) -> HttpResponse:
    """What the plan leaves out is as the import has it, or as the file suggests when its format is another."""
    grant = grant_of(request)

    def act(connection: Connection) -> ImportView:
        plan = _merged(connection, grant.workspace_id, id, wanted)
        return actions.choose_plan(
            connection, workspace_id=grant.workspace_id, import_id=id, plan=plan, actor=grant.actor
        )

    return carry_out(request, act)


def _merged(connection: Connection, workspace_id: int, import_id: UUID, wanted: ImportPlan) -> Plan:
    """The import's plan with what is wanted over it. Raises `InvalidPlan`."""
    found = queries.import_by_id(connection, workspace_id, import_id)
    basis = found.plan or Plan()
    said = {name: value for name, value in wanted.model_dump().items() if value is not None}
    if said.get("format", {}).get("encoding", "utf-8") not in ENCODINGS:
        raise InvalidPlan(f"an encoding is one of {', '.join(ENCODINGS)}")
    if said.get("source_id") is not None:
        _check_source(workspace_id, said["source_id"])
    try:
        if "format" in said and "columns" not in said:
            chosen = msgspec.convert(msgspec.to_builtins(basis.format) | said["format"], type(basis.format))
            basis = queries.inspect_file(connection, workspace_id, import_id, chosen=chosen).suggested
            del said["format"]
        return msgspec.convert(msgspec.to_builtins(basis) | said, Plan)
    except (msgspec.ValidationError, LookupError) as error:
        raise InvalidPlan(str(error)) from None


def _check_source(workspace_id: int, source_id: int) -> None:
    if workspaces.source_by_id(workspace_id, source_id) is None:
        raise InvalidPlan("there is no such source")


Act = Callable[..., ImportView]


def _carry(request: HttpRequest, import_id: UUID, act: Act, **more: Any) -> HttpResponse:
    grant = grant_of(request)

    def change(connection: Connection) -> ImportView:
        return act(connection, workspace_id=grant.workspace_id, import_id=import_id, **more)

    return carry_out(request, change)


@router.post(
    "/imports/{id}/uploaded",
    operation_id="finish_upload",
    summary="Say that the file is whole",
    **_step("import_file_refused"),
)
def finish_upload(request: HttpRequest, id: ImportId) -> HttpResponse:
    """It is looked at, and has the plan that suggests itself."""
    return _carry(request, id, actions.finish_upload)


@router.post(
    "/imports/{id}/dry-run",
    operation_id="dry_run_import",
    summary="Try it without importing",
    **_step("invalid_import_plan", "import_file_gone"),
)
def dry_run_import(request: HttpRequest, id: ImportId) -> HttpResponse:
    """A job: once `state` is `ready` again, `checked` has the counts and `…/errors` what is wrong."""
    return _carry(request, id, actions.check, actor=grant_of(request).actor)


@router.post(
    "/imports/{id}/start",
    operation_id="start_import",
    summary="Import",
    **_step("invalid_import_plan", "import_file_gone"),
)
def start_import(request: HttpRequest, id: ImportId) -> HttpResponse:
    """A job: ask for the import until its `state` is `finished`. A dry run before it is not required."""
    return _carry(request, id, actions.start, actor=grant_of(request).actor, now=datetime.now(UTC))


@router.post(
    "/imports/{id}/pause",
    operation_id="pause_import",
    summary="Pause an import",
    **_step(),
)
def pause_import(request: HttpRequest, id: ImportId) -> HttpResponse:
    """It stops after the rows in hand; `…/resume` goes on from there."""
    return _carry(request, id, actions.pause, actor=grant_of(request).actor)


@router.post(
    "/imports/{id}/cancel",
    operation_id="cancel_import",
    summary="Stop an import for good",
    **_step(),
)
def cancel_import(request: HttpRequest, id: ImportId) -> HttpResponse:
    """What was taken in before stays; `…/undo` removes it."""
    return _carry(request, id, actions.cancel, actor=grant_of(request).actor)


@router.post(
    "/imports/{id}/resume",
    operation_id="resume_import",
    summary="Go on with an import",
    **_step("invalid_import_plan", "import_file_gone"),
)
def resume_import(request: HttpRequest, id: ImportId) -> HttpResponse:
    """After the last row that was taken in; for one that is paused, failed or stalled."""
    return _carry(request, id, actions.resume, actor=grant_of(request).actor)


@router.post(
    "/imports/{id}/undo",
    operation_id="undo_import",
    summary="Undo an import",
    **_step(example=examples.UNDONE),
)
def undo_import(request: HttpRequest, id: ImportId) -> HttpResponse:
    """A job: removes what the import brought; `undo` then says what that was. What happened since stays."""
    return _carry(request, id, actions.undo, actor=grant_of(request).actor)


@router.delete(
    "/imports/{id}",
    operation_id="delete_import",
    summary="Forget an import that never started",
    **endpoint(WRITE, DeletedImport, examples.DELETED, *_STATES, writes=True),
)
def delete_import(request: HttpRequest, id: ImportId) -> HttpResponse:
    """With its file. One that started stays, so that it can be undone."""
    grant = grant_of(request)

    def act(connection: Connection) -> DeletedImport:
        actions.delete_import(connection, workspace_id=grant.workspace_id, import_id=id, actor=grant.actor)
        return DeletedImport(id, deleted=True)

    return carry_out(request, act)
