"""The data dictionary and data quality: reading, deciding about names, acknowledging problems."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from django.http import HttpRequest, HttpResponse
from msgspec import UNSET, Struct
from ninja import Router, Schema
from ninja.params.functions import Path, Query
from pydantic import ConfigDict, Field

from tessera.access.queries import ApiKeyGrant
from tessera.access.scopes import SEE_PII
from tessera.api import examples_catalogue as examples
from tessera.api.door import grant_of
from tessera.api.parameters import MOST_WHOLE, Limit, only
from tessera.api.problems import Refused
from tessera.api.service import answer, endpoint
from tessera.api.writes import Connection, carry_out
from tessera.events import dictionary, problems, rehearsal
from tessera.events.catalogue import LONGEST_NAME, Entry
from tessera.events.dictionary import LONGEST_DESCRIPTION, CataloguePage, Change, Wanted, checked_field
from tessera.events.fitting import MOST_ALLOWED, declaration_of
from tessera.events.problems import ProblemPage, QualityProblem
from tessera.events.rehearsal import Rehearsal
from tessera.foundation.pool import pool
from tessera.workspaces import queries as workspaces

router = Router(tags=["catalogue"])

MASK = "•••"
KindName = Literal["event", "property", "attribute"]
TypeName = Literal["text", "number", "boolean", "date", "list", "object"]
StatusName = Literal["seen", "declared", "blocked", "hidden"]

KindOfName = Annotated[KindName, Path(description="Event, property or attribute.", example="attribute")]
Name = Annotated[str, Path(max_length=LONGEST_NAME, description="The name, URL-encoded.", example="plan")]
Parent = Annotated[str, Query(max_length=LONGEST_NAME, description="The event of a property; empty for the rest.")]
LongCursor = Annotated[str | None, Query(max_length=4_000, description="`next` of the page before.")]
SourceFilter = Annotated[int | None, Query(ge=0, le=MOST_WHOLE, description="Only what this source sent.")]


class EntryDetail(Struct, frozen=True):
    """One name with what went wrong with it."""

    entry: Entry
    problems: list[QualityProblem]


class EntryChange(Schema):
    """What to decide about a name. What is not given stays as it is."""

    model_config = ConfigDict(extra="forbid")

    status: StatusName | None = Field(
        default=None,
        description="`blocked`: dropped at intake. `hidden`: kept, not offered. `declared`: back to what was declared. "
        "`seen`: takes a declaration back.",
        examples=["declared"],
    )
    declared_type: TypeName | None = Field(
        default=None, description="The type values must have; null takes it back.", examples=["text"]
    )
    allowed: list[str | int | float | bool] | None = Field(
        default=None,
        max_length=MOST_ALLOWED,
        description="The only values that fit; null or empty allows every value of the type.",
        examples=[["free", "pro"]],
    )
    personal: bool | None = Field(default=None, description="Whether it is personal data.", examples=[False])
    description: str | None = Field(
        default=None, max_length=LONGEST_DESCRIPTION, description="What it means.", examples=["What they pay for"]
    )


class Acknowledgement(Schema):
    """Which problem is known (or, with `acknowledged` false, open again)."""

    model_config = ConfigDict(extra="forbid")

    kind: KindName = Field(description="Of what kind the name is.", examples=["attribute"])
    parent: str = Field(default="", max_length=LONGEST_NAME, description="The event of a property.")
    name: str = Field(max_length=LONGEST_NAME, description="Empty for names beyond a limit.", examples=["plan"])
    code: str = Field(max_length=64, description="The problem's code.", examples=["wrong_type"])
    source_id: int = Field(ge=0, le=MOST_WHOLE, description="The source it came from.", examples=[1])
    acknowledged: bool = Field(default=True, description="False opens it again.")


@router.get(
    "/catalogue",
    operation_id="list_catalogue",
    summary="The data dictionary",
    **endpoint("events:read", CataloguePage, examples.CATALOGUE, "invalid_cursor", "unknown_parameter"),
)
def list_catalogue(
    request: HttpRequest,
    kind: Annotated[KindName | None, Query(description="Only these.")] = None,
    parent: Annotated[str | None, Query(max_length=LONGEST_NAME, description="Only properties of this event.")] = None,
    search: Annotated[str, Query(max_length=200, description="A part of the name.")] = "",
    status: Annotated[StatusName | None, Query(description="Only names of this status.")] = None,
    type: Annotated[TypeName | Literal["mixed"] | None, Query(description="Declared or seen as this type.")] = None,
    personal: Annotated[bool | None, Query(description="Only personal data, or only the rest.")] = None,
    source: SourceFilter = None,
    sort: Annotated[Literal["name", "volume", "newest", "misfits"], Query(description="The order.")] = "name",
    limit: Limit = 50,
    next: LongCursor = None,
) -> HttpResponse:
    """Names with type, volume and how many values did not fit. Examples of personal data are masked without
    `pii:read`."""
    only(request, "kind", "parent", "search", "status", "type", "personal", "source", "sort", "limit", "next")
    grant = grant_of(request)
    wanted = Wanted(kind, parent, search, status, type, personal, source, sort)
    with pool().connection() as connection:
        page = dictionary.find(connection, grant.workspace_id, wanted, after=next, limit=limit)
    return answer(CataloguePage([_shown(entry, grant) for entry in page.entries], page.next))


@router.get(
    "/catalogue/rehearsal",
    operation_id="rehearse_declaration",
    summary="What a declaration would do",
    **endpoint(
        "events:read", Rehearsal, examples.REHEARSAL, "invalid_name", "invalid_declaration", "unknown_parameter"
    ),
)
def rehearse_declaration(
    request: HttpRequest,
    kind: Annotated[KindName, Query(description="Of what kind the name is.", example="attribute")],
    name: Annotated[str, Query(max_length=LONGEST_NAME, description="The name.", example="plan")],
    parent: Parent = "",
    type: Annotated[TypeName | None, Query(description="The type to try.", example="text")] = None,
    allowed: Annotated[list[str] | None, Query(description="The allowed values to try; repeat it.")] = None,
) -> HttpResponse:
    """How many values in the newest thousand events would fit. Nothing is changed."""
    only(request, "kind", "name", "parent", "type", "allowed")
    grant = grant_of(request)
    field = checked_field((kind, parent, name))
    declaration = declaration_of(type, allowed) if type is not None else None
    sources = [source.id for source in workspaces.sources(grant.workspace_id)]
    with pool().connection() as connection:
        found = rehearsal.rehearse(connection, sources, field, declaration)
        entry = dictionary.entry_of(connection, grant.workspace_id, field)
    if not grant.allows(SEE_PII) and (entry is None or entry.personal):
        found = msgspec.structs.replace(found, misfits=[MASK for _ in found.misfits])
    return answer(found)


@router.get(
    "/catalogue/{kind}/{path:name}",
    operation_id="get_catalogue_entry",
    summary="One name",
    **endpoint("events:read", EntryDetail, examples.DETAIL, "not_found", "invalid_name", "unknown_parameter"),
)
def get_catalogue_entry(request: HttpRequest, kind: KindOfName, name: Name, parent: Parent = "") -> HttpResponse:
    """An event, a property (of the event `parent`) or an attribute, with the problems of its values."""
    only(request, "parent")
    grant = grant_of(request)
    field = checked_field((kind, parent, name))
    with pool().connection() as connection:
        entry = dictionary.entry_of(connection, grant.workspace_id, field)
        found = problems.find(connection, grant.workspace_id, problems.Wanted(field=field), limit=200).problems
    if entry is None:
        raise Refused("not_found", f"no {kind} {name[:100]!r} in the catalogue")
    return answer(EntryDetail(_shown(entry, grant), found))


@router.patch(
    "/catalogue/{kind}/{path:name}",
    operation_id="change_catalogue_entry",
    summary="Declare, block, hide, flag or describe a name",
    **endpoint(
        "events:write",
        Entry,
        examples.ENTRY,
        "invalid_name",
        "invalid_declaration",
        "cannot_block",
        "too_many_names",
        "unknown_parameter",
        writes=True,
    ),
)
def change_catalogue_entry(
    request: HttpRequest, kind: KindOfName, name: Name, wanted: EntryChange, parent: Parent = ""
) -> HttpResponse:
    """Intake follows within seconds; profiles are not rewritten. A name may be declared before it comes."""
    only(request, "parent")
    grant = grant_of(request)
    change = _change_of(wanted)

    def act(connection: Connection) -> Entry:
        changed = dictionary.change_entry(
            connection,
            workspace_id=grant.workspace_id,
            field=checked_field((kind, parent, name)),
            change=change,
            actor=grant.actor,
        )
        return _shown(changed.entry, grant)

    return carry_out(request, act)


def _change_of(wanted: EntryChange) -> Change:
    """What was not given stays; a null that means nothing is as if not given."""
    given: dict[str, Any] = {name: getattr(wanted, name) for name in wanted.model_fields_set}
    kept = {name: value for name, value in given.items() if value is not None or name in ("declared_type", "allowed")}
    return Change(**{name: kept.get(name, UNSET) for name in Change.__struct_fields__})


@router.get(
    "/data-quality",
    operation_id="list_problems",
    summary="What went wrong with names and values",
    **endpoint("events:read", ProblemPage, examples.PROBLEMS, "invalid_cursor", "unknown_parameter"),
)
def list_problems(
    request: HttpRequest,
    code: Annotated[str | None, Query(max_length=64, description="Only problems of this code.")] = None,
    source: SourceFilter = None,
    open: Annotated[bool | None, Query(description="Only open problems, or only acknowledged ones.")] = None,
    sort: Annotated[Literal["newest", "count"], Query(description="The order.")] = "newest",
    limit: Limit = 50,
    next: LongCursor = None,
) -> HttpResponse:
    """Values that did not fit and names beyond the limits, with up to five events of each to look at."""
    only(request, "code", "source", "open", "sort", "limit", "next")
    wanted = problems.Wanted(code=code, source_id=source, open=open, sort=sort)
    with pool().connection() as connection:
        return answer(problems.find(connection, grant_of(request).workspace_id, wanted, after=next, limit=limit))


@router.post(
    "/data-quality/acknowledge",
    operation_id="acknowledge_problem",
    summary="Say that a problem is known",
    **endpoint("events:write", QualityProblem, examples.PROBLEM, "not_found", writes=True),
)
def acknowledge_problem(request: HttpRequest, wanted: Acknowledgement) -> HttpResponse:
    """It opens again by itself when it happens again."""
    grant = grant_of(request)
    field = (str(wanted.kind), wanted.parent, wanted.name)

    def act(connection: Connection) -> QualityProblem:
        problems.acknowledge(
            connection,
            workspace_id=grant.workspace_id,
            field=field,
            code=wanted.code,
            source_id=wanted.source_id,
            actor=grant.actor,
            now=datetime.now(UTC) if wanted.acknowledged else None,
        )
        one = problems.Wanted(field=field, code=wanted.code, source_id=wanted.source_id)
        return problems.find(connection, grant.workspace_id, one).problems[0]

    return carry_out(request, act)


def _shown(entry: Entry, grant: ApiKeyGrant) -> Entry:
    """The entry as the key's bearer may see it."""
    if entry.personal and entry.example and not grant.allows(SEE_PII):
        return msgspec.structs.replace(entry, example=MASK)
    return entry
