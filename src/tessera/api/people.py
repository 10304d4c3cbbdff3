"""People: the list, one person, what happened to them, everything held about them, and changing what is known."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from msgspec import Struct
from ninja import Router
from ninja.params.functions import Query
from pydantic import Field

from tessera.access.audit import record_audit_on
from tessera.api import examples
from tessera.api.door import grant_of
from tessera.api.parameters import MOST_WHOLE, AttributeChanges, Cursor, Limit, PersonReference, only
from tessera.api.problems import Refused, encode
from tessera.api.references import MOST_LETTERS, find_person, find_profile, no_such_person, read_identifier
from tessera.api.service import READ_PEOPLE, WRITE_PEOPLE, answer, endpoint
from tessera.api.sight import mask_of, seen_by
from tessera.api.writes import Connection, carry_out, note
from tessera.audience.timeline import whole_timeline
from tessera.events.history import Wanted
from tessera.events.messages import read_message
from tessera.foundation.clock import in_utc
from tessera.foundation.pool import pool
from tessera.identity import queries as identity
from tessera.identity.queries import RefusalRecord
from tessera.intake.actions import change_attributes
from tessera.profiles import bundle, queries
from tessera.profiles.bundle import Export
from tessera.profiles.person import PersonView
from tessera.profiles.queries import PeoplePage
from tessera.profiles.search import find_exactly, search_people
from tessera.profiles.timeline import TimelinePage

router = Router(tags=["people"])

Name = Annotated[str, Field(min_length=1, max_length=255)]
EventType = Literal["track", "page", "screen", "identify", "group", "alias", "system"]
SourceId = Annotated[int, Field(ge=1, le=MOST_WHOLE)]


class Refusals(Struct, frozen=True):
    """Why the person is not one with others: unions that a rule forbade, latest first."""

    refusals: list[RefusalRecord]


@router.get(
    "/profiles",
    operation_id="list_people",
    summary="List or find people",
    **endpoint(READ_PEOPLE, PeoplePage, examples.PEOPLE, "invalid_cursor", "invalid_identifier", "unknown_parameter"),
)
def list_people(
    request: HttpRequest,
    identifier: Annotated[
        str | None,
        Query(max_length=MOST_LETTERS, description="`kind:value` of one person.", example="email:ana@example.com"),
    ] = None,
    search: Annotated[
        str | None, Query(max_length=200, description="The beginning of a name, an e-mail or any identifier.")
    ] = None,
    limit: Limit = 50,
    next: Cursor = None,
) -> HttpResponse:
    """People, newest first: all of them, those that `search` finds, or the one with an `identifier`.

    Without `pii:read`, `search` finds whole identifiers only.
    """
    only(request, "identifier", "search", "limit", "next")
    if identifier is not None and search is not None:
        raise Refused("invalid_request", "give identifier or search, not both")
    grant = grant_of(request)
    workspace = grant.workspace_id
    with pool().connection() as connection:
        mask = mask_of(connection, grant)
        if identifier is not None:
            page = queries.people_by_identifier(connection, workspace, *read_identifier(identifier))
        elif search is not None and search.strip() and mask:
            page = find_exactly(connection, workspace, search)
        elif search is not None and search.strip():
            page = search_people(connection, workspace, search, before=next, limit=limit)
        else:
            page = queries.people(connection, workspace, before=next, limit=limit)
    return answer(mask.people(page) if mask else page)


@router.get(
    "/profiles/{path:id}/events",
    operation_id="list_events",
    summary="What happened to a person",
    **endpoint(
        READ_PEOPLE,
        TimelinePage,
        examples.EVENTS,
        "not_found",
        "invalid_cursor",
        "invalid_identifier",
        "unknown_parameter",
    ),
)
def list_events(
    request: HttpRequest,
    id: PersonReference,
    before: Cursor = None,
    limit: Limit = 50,
    name: Annotated[
        list[Name], Query(max_length=50, description="Only events of these names; may be given more than once.")
    ] = [],  # noqa: B006 -- ninja reads it, nobody changes it
    type: Annotated[
        list[EventType], Query(max_length=7, description="Only events of these types; may be given more than once.")
    ] = [],  # noqa: B006
    source: Annotated[
        list[SourceId], Query(max_length=50, description="Only events of these sources; may be given more than once.")
    ] = [],  # noqa: B006
    since: Annotated[datetime | None, Query(description="Only what happened at this moment or later.")] = None,
    until: Annotated[datetime | None, Query(description="Only what happened before this moment.")] = None,
    text: Annotated[str, Query(max_length=100, description="Only events with this in their name.")] = "",
) -> HttpResponse:
    """The history of all the person's profiles, newest first. Pass `next` of one page as `before` of the following.

    Filters narrow it together. A moment without a zone is taken as UTC. `incomplete` says that events which are kept in
    the warehouse only could not be read: ask again later.
    """
    only(request, "before", "limit", "name", "type", "source", "since", "until", "text")
    wanted = Wanted(tuple(name), tuple(type), tuple(source), in_utc(since), in_utc(until), text.strip())
    workspace = grant_of(request).workspace_id
    with pool().connection() as connection:
        profile = find_profile(connection, workspace, id)
        page = whole_timeline(connection, workspace, profile, before=before, limit=limit, wanted=wanted)
        mask = mask_of(connection, grant_of(request), profile)
    if page is None:
        raise no_such_person(id)
    return answer(mask.timeline(page) if mask else page)


@router.get(
    "/profiles/{path:id}/refusals",
    operation_id="list_refusals",
    summary="Why a person is kept apart from others",
    **endpoint(READ_PEOPLE, Refusals, examples.REFUSALS, "not_found", "invalid_identifier"),
)
def list_refusals(request: HttpRequest, id: PersonReference) -> HttpResponse:
    """Every union that an identity rule forbade, with the identifier that was left out because of it."""
    workspace = grant_of(request).workspace_id
    with pool().connection() as connection:
        profile = find_profile(connection, workspace, id)
        root = identity.root_of(connection, workspace, profile) or profile
        members = [member.profile_id for member in identity.members_of(connection, [root])]
        refusals = identity.refusals_of(connection, members)
        mask = mask_of(connection, grant_of(request), profile)
    return answer(Refusals([mask.refusal(one) for one in refusals] if mask else refusals))


@router.get(
    "/profiles/{path:id}/export",
    operation_id="export_person",
    summary="Everything held about a person",
    **endpoint(READ_PEOPLE, Export, examples.EXPORT, "not_found", "invalid_identifier"),
)
def export_person(request: HttpRequest, id: PersonReference) -> StreamingHttpResponse:
    """One document with the profile, the refusals and the whole history, however long.

    Who took it is noted in the audit trail. `incomplete` is true where older events, kept in the warehouse only, could
    not be read.
    """
    grant = grant_of(request)
    with pool().connection() as connection, connection.transaction():
        profile = find_profile(connection, grant.workspace_id, id)
        export = bundle.export_person(connection, grant.workspace_id, profile, now=datetime.now(UTC))
        if export is None:
            raise no_such_person(id)
        mask = mask_of(connection, grant, profile)
        export = mask.export(export) if mask else export
        person = export.profile.person_id
        record_audit_on(
            connection,
            workspace_id=grant.workspace_id,
            actor=grant.actor,
            action="export_person",
            target=f"profile:{person}",
        )
    seen = mask.timeline if mask else None
    parts = bundle.written(export, grant.workspace_id, pool().connection, seen=seen, read=whole_timeline)
    response = StreamingHttpResponse(parts, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="person-{person}.json"'
    return response


@router.get(
    "/profiles/{path:id}",
    operation_id="get_person",
    summary="One person",
    **endpoint(READ_PEOPLE, PersonView, examples.PERSON, "not_found", "invalid_identifier"),
)
def get_person(request: HttpRequest, id: PersonReference) -> HttpResponse:
    """Everything known of the person, all their profiles read as one, with the evidence of every merge."""
    workspace = grant_of(request).workspace_id
    with pool().connection() as connection:
        person = find_person(connection, workspace, id)
        return answer(seen_by(connection, grant_of(request), person))


@router.patch(
    "/profiles/{path:id}",
    operation_id="change_person",
    summary="Change a person's attributes",
    tags=["changes"],
    **endpoint(
        WRITE_PEOPLE,
        PersonView,
        examples.PERSON,
        "not_found",
        "invalid_identifier",
        "invalid_attributes",
        "event_too_large",
        "identifier_taken",
        "suppressed",
        writes=True,
    ),
)
def change_person(request: HttpRequest, id: PersonReference, wanted: AttributeChanges) -> HttpResponse:
    """All changes or none. Answers with the whole person as they are afterwards."""
    grant = grant_of(request)
    read_message(encode({"type": "identify", "traits": wanted.attributes}))  # what the edge refuses, we refuse

    def act(connection: Connection) -> PersonView:
        profile = find_profile(connection, grant.workspace_id, id)
        change_attributes(
            connection,
            workspace_id=grant.workspace_id,
            profile_id=profile,
            changes=wanted.attributes,
            actor=grant.actor,
            now=datetime.now(UTC),
        )
        note(connection, grant, "change_attributes", profile, attributes=sorted(wanted.attributes))
        return seen_by(connection, grant, find_person(connection, grant.workspace_id, str(profile)))

    return carry_out(request, act)
