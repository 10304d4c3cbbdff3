"""Reports over everybody: funnels, retention, trends and the rest; made when asked, and kept under names."""

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse
from msgspec import Raw, Struct
from ninja import Router
from ninja.params.functions import Path
from pydantic import ConfigDict, Field

from tessera.access.queries import ApiKeyGrant
from tessera.access.scopes import SEE_PII
from tessera.api import examples_reports as examples
from tessera.api.analyst import JsonSchema
from tessera.api.conditions import ASKS, READ, READS, WRITE, refuse_telling
from tessera.api.door import grant_of
from tessera.api.parameters import Body
from tessera.api.problems import Refused
from tessera.api.service import answer, endpoint
from tessera.api.writes import Connection, carry_out
from tessera.audience.asking import answers_to
from tessera.audience.conditions.registry import to_json as condition_to_json
from tessera.audience.discretion import shown_by, told_by
from tessera.audience.insight import registry, saved
from tessera.audience.insight.asking import Request
from tessera.audience.insight.saved import NewReport, ReportChange, SavedReport
from tessera.audience.questions import MakeReport
from tessera.audience.segments.wording import names_in
from tessera.events.catalogue import personal_fields
from tessera.foundation.pool import pool

router = Router(tags=["reports"])
_NAMED: Final = ("report_name_taken", "too_many_reports")
_CSV: Final = "text/csv"

ReportId = Annotated[UUID, Path(description="`id` of a report that is kept.", example=examples.REPORT_ID)]
Name = Annotated[str, Field(min_length=1, max_length=200, description="Its name.", examples=["Checkout"])]
Description = Annotated[str, Field(max_length=2_000, description="What it is for, in words.")]
Question = Annotated[
    dict[str, Any],
    Field(
        description="What it is asked; `GET /reports/schema` is its schema. `people` may be a condition's text.",
        examples=[examples.REQUEST],
    ),
]


class ReportRequest(Body):
    """What is asked: the name of a report, and what that one takes, which the report's own struct reads."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [examples.REQUEST]})

    report: str = Field(max_length=40, description="funnel, retention, trend, rfm or lifecycle.", examples=["trend"])


class ReportToKeep(Body):
    """A report to keep."""

    name: Name
    description: Description = ""
    request: Question


class ReportChanges(Body):
    """What to change. What is not given stays as it is."""

    name: Name = ""
    description: Description = ""
    request: Question = Field(default_factory=dict)


class ReportAnswer(Struct, frozen=True):
    """What came of it: `answer` is as the report has it."""

    report: str
    answer: Raw


class KeptReport(Struct, frozen=True):
    """A report that is kept: its question, asked anew whenever somebody looks. `report` is its kind."""

    id: UUID
    name: str
    description: str
    report: str
    request: Raw
    created_at: datetime
    created_by: str
    changed_at: datetime


class KeptReports(Struct, frozen=True):
    """By name."""

    reports: list[KeptReport]


class DeletedReport(Struct, frozen=True):
    """It is kept no longer."""

    id: UUID
    deleted: bool


def _view(found: SavedReport) -> KeptReport:
    return KeptReport(
        id=found.id,
        name=found.name,
        description=found.description,
        report=found.kind,
        request=Raw(registry.to_json(found.request)),
        created_at=found.created_at,
        created_by=found.created_by,
        changed_at=found.changed_at,
    )


def _request_json(connection: Connection, workspace_id: int, wanted: Mapping[str, Any]) -> bytes:
    """The JSON form of what is asked. Raises `InvalidText` for people in words, the rest is for the registry."""
    people = wanted.get("people")
    if isinstance(people, str):
        condition = names_in(connection, workspace_id).read(people)
        wanted = {**wanted, "people": msgspec.json.decode(condition_to_json(condition))["condition"]}
    return msgspec.json.encode(wanted)


def _refuse_telling(grant: ApiKeyGrant, asked: Request) -> None:
    if grant.sees_pii:
        return
    with pool().connection() as connection:
        personal = personal_fields(connection, grant.workspace_id)
    refuse_telling(told_by(asked, personal))
    name = shown_by(asked, personal)
    if name is not None:
        raise Refused("missing_scope", f"without {SEE_PII} nothing is broken down by personal data ({name})")


def _answers_csv_too(described: dict[str, Any]) -> dict[str, Any]:
    content = described["openapi_extra"]["responses"][200]["content"]
    content[_CSV] = {"schema": {"type": "string"}, "examples": {}}
    return described


def _made(request: HttpRequest, asked: Request) -> HttpResponse:
    """As CSV for who prefers that, else as JSON. Raises `Refused` where it would tell what is masked for the key."""
    _refuse_telling(grant_of(request), asked)
    question = MakeReport(report=Raw(registry.to_json(asked)))
    (found,) = answers_to(grant_of(request).workspace_id, question)
    kind = registry.kind_of(asked)
    if request.get_preferred_type(["application/json", _CSV]) != _CSV:
        return answer(ReportAnswer(kind, found))
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(
        registry.to_csv_rows(asked, registry.answer_from_json(asked, bytes(found)))
    )
    response = HttpResponse(text.getvalue(), content_type=f"{_CSV}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{kind}.csv"'
    return response


@router.get(
    "/reports/schema",
    operation_id="get_report_schema",
    summary="What reports are asked with",
    **endpoint(READ, JsonSchema, examples.SCHEMA),
)
def get_report_schema(request: HttpRequest) -> HttpResponse:
    """The JSON Schema of every report's question."""
    return answer(JsonSchema.of(registry.json_schema()))


@router.post(
    "/reports/run",
    operation_id="run_report",
    summary="Make a report",
    **_answers_csv_too(endpoint(READ, ReportAnswer, examples.ANSWER, "invalid_report", *READS, *ASKS, takes_body=True)),
)
def run_report(request: HttpRequest, wanted: ReportRequest) -> HttpResponse:
    """Now, by the analyst. With `Accept: text/csv` it is a table."""
    with pool().connection() as connection:
        asked = _request_json(connection, grant_of(request).workspace_id, msgspec.json.decode(request.body))
    return _made(request, registry.from_json(asked))


@router.get(
    "/reports",
    operation_id="list_reports",
    summary="List the reports that are kept",
    **endpoint(READ, KeptReports, examples.REPORTS),
)
def list_reports(request: HttpRequest) -> HttpResponse:
    """All of them, by name."""
    with pool().connection() as connection:
        found = saved.all_reports(connection, grant_of(request).workspace_id)
    return answer(KeptReports([_view(each) for each in found]))


@router.post(
    "/reports",
    operation_id="save_report",
    summary="Keep a report",
    **endpoint(WRITE, KeptReport, examples.REPORT, "invalid_report", *READS, *_NAMED, writes=True),
)
def save_report(request: HttpRequest, wanted: ReportToKeep) -> HttpResponse:
    """The question is kept, not its answer."""
    grant = grant_of(request)

    def act(connection: Connection) -> KeptReport:
        asked = _request_json(connection, grant.workspace_id, wanted.request)
        new = NewReport(name=wanted.name, description=wanted.description, request=asked)
        return _view(
            saved.save(connection, workspace_id=grant.workspace_id, new=new, actor=grant.actor, now=datetime.now(UTC))
        )

    return carry_out(request, act)


@router.get(
    "/reports/{id}",
    operation_id="get_report",
    summary="One report that is kept",
    **endpoint(READ, KeptReport, examples.REPORT, "not_found"),
)
def get_report(request: HttpRequest, id: ReportId) -> HttpResponse:
    """Its question."""
    with pool().connection() as connection:
        return answer(_view(saved.report_by_id(connection, grant_of(request).workspace_id, id)))


@router.patch(
    "/reports/{id}",
    operation_id="change_report",
    summary="Change a report that is kept",
    **endpoint(WRITE, KeptReport, examples.REPORT, "not_found", "invalid_report", *READS, *_NAMED, writes=True),
)
def change_report(request: HttpRequest, id: ReportId, wanted: ReportChanges) -> HttpResponse:
    """All changes or none."""
    grant = grant_of(request)
    given = wanted.model_dump(exclude_unset=True)

    def act(connection: Connection) -> KeptReport:
        fields = dict(given)
        if "request" in given:
            fields["request"] = _request_json(connection, grant.workspace_id, given["request"])
        change = msgspec.structs.replace(ReportChange(), **fields)
        return _view(
            saved.change(
                connection, workspace_id=grant.workspace_id, report_id=id, wanted=change, actor=grant.actor,
                now=datetime.now(UTC),
            )
        )  # fmt: skip

    return carry_out(request, act)


@router.delete(
    "/reports/{id}",
    operation_id="delete_report",
    summary="Keep a report no longer",
    **endpoint(WRITE, DeletedReport, examples.DELETED, "not_found", writes=True),
)
def delete_report(request: HttpRequest, id: ReportId) -> HttpResponse:
    """Its question is forgotten."""
    grant = grant_of(request)

    def act(connection: Connection) -> DeletedReport:
        saved.delete(connection, workspace_id=grant.workspace_id, report_id=id, actor=grant.actor)
        return DeletedReport(id, deleted=True)

    return carry_out(request, act)


@router.post(
    "/reports/{id}/run",
    operation_id="run_kept_report",
    summary="Make a report that is kept",
    **_answers_csv_too(
        endpoint(READ, ReportAnswer, examples.ANSWER, "not_found", "invalid_report", *ASKS, takes_body=True)
    ),
)
def run_kept_report(request: HttpRequest, id: ReportId) -> HttpResponse:
    """Now, by the analyst. With `Accept: text/csv` it is a table."""
    with pool().connection() as connection:
        found = saved.report_by_id(connection, grant_of(request).workspace_id, id)
    return _made(request, found.request)
