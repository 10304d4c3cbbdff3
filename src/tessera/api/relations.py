"""Relations between people, and the kinds of relation there are."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from msgspec import Struct
from ninja import Router
from ninja.params.functions import Path, Query
from pydantic import Field

from tessera.access.audit import record_audit_on
from tessera.access.queries import ApiKeyGrant
from tessera.api import examples_privacy as examples
from tessera.api.door import grant_of
from tessera.api.parameters import NAMES_A_PERSON, Body, PersonReference, only
from tessera.api.references import MOST_LETTERS, find_profile, no_such_person
from tessera.api.service import READ_PEOPLE, WRITE_PEOPLE, answer, endpoint
from tessera.api.sight import mask_of
from tessera.api.writes import Connection, carry_out, note
from tessera.foundation.pool import pool
from tessera.intake.relations import add_relation, remove_relation
from tessera.profiles.relation_types import RelationType, declare_relation_type, relation_types
from tessera.profiles.relations_of import Relations, relations_of

router = Router(tags=["relations"])
_FAR_END = " It may be somebody not seen yet."


class RelationRequest(Body):
    """Who is related to the person, and how."""

    type: str = Field(min_length=1, max_length=40, description="`name` of a relation type.", examples=["referred_by"])
    to: str = Field(
        min_length=1, max_length=MOST_LETTERS, description=NAMES_A_PERSON + _FAR_END, examples=["email:bo@example.com"]
    )
    properties: dict[str, Any] = Field(
        default_factory=dict,
        max_length=50,
        description="What else is to be said of it, up to 4 KB.",
        examples=[{"campaign": "bring a friend"}],
    )


class RelationTypeRequest(Body):
    """What a relation is called from either side."""

    label: str = Field(min_length=1, max_length=60, description="On the card of who has it.", examples=["Sold by"])
    inverse: str = Field(min_length=1, max_length=60, description="On the other's card.", examples=["Sold to"])


class RelationTypes(Struct, frozen=True):
    """Those every workspace has, then its own."""

    types: list[RelationType]


@router.get(
    "/profiles/{path:id}/relations",
    operation_id="list_relations",
    summary="Who a person is related to",
    **endpoint(READ_PEOPLE, Relations, examples.RELATIONS, "not_found", "invalid_identifier", "unknown_parameter"),
)
def list_relations(request: HttpRequest, id: PersonReference) -> HttpResponse:
    """Both directions, newest first, the far ends as they are known now. `outgoing` ones this person's events said."""
    only(request)
    workspace = grant_of(request).workspace_id
    with pool().connection() as connection:
        return answer(_relations(connection, grant_of(request), find_profile(connection, workspace, id)))


def _relations(connection: Connection, grant: ApiKeyGrant, profile_id: UUID) -> Relations:
    found = relations_of(connection, grant.workspace_id, profile_id)
    if found is None:
        raise no_such_person(profile_id)
    people = [one.other.profile_id for one in found.relations if one.other.profile_id]
    mask = mask_of(connection, grant, profile_id, *people)
    return mask.relations(found) if mask else found


@router.put(
    "/profiles/{path:id}/relations",
    operation_id="add_relation",
    summary="Relate a person to another",
    **endpoint(
        WRITE_PEOPLE,
        Relations,
        examples.RELATIONS,
        "not_found",
        "invalid_identifier",
        "invalid_relation",
        "unknown_relation_type",
        "too_many_relations",
        "event_too_large",
        "suppressed",
        writes=True,
    ),
)
def put_relation(request: HttpRequest, id: PersonReference, wanted: RelationRequest) -> HttpResponse:
    """Repeated, it renews the properties. Recorded as the event `Relation Added`. Answers with all relations."""
    grant = grant_of(request)

    def act(connection: Connection) -> Relations:
        profile = find_profile(connection, grant.workspace_id, id)
        add_relation(
            connection,
            workspace_id=grant.workspace_id,
            profile_id=profile,
            type=wanted.type,
            to=wanted.to,
            properties=wanted.properties,
            actor=grant.actor,
            now=datetime.now(UTC),
        )
        note(connection, grant, "add_relation", profile, type=wanted.type)
        return _relations(connection, grant, profile)

    return carry_out(request, act)


@router.delete(
    "/profiles/{path:id}/relations",
    operation_id="remove_relation",
    summary="End a relation",
    **endpoint(
        WRITE_PEOPLE,
        Relations,
        examples.RELATIONS,
        "not_found",
        "invalid_identifier",
        "unknown_relation_type",
        "unknown_parameter",
        "suppressed",
        writes=True,
    ),
)
def delete_relation(
    request: HttpRequest,
    id: PersonReference,
    type: Annotated[str, Query(min_length=1, max_length=40, description="`type` of the relation.")],
    to: Annotated[str, Query(min_length=1, max_length=MOST_LETTERS, description=NAMES_A_PERSON)],
    outgoing: Annotated[bool, Query(description="`outgoing` of the relation.")] = True,
) -> HttpResponse:
    """Ending what is not there changes nothing. Recorded as the event `Relation Removed`. Answers with what is left."""
    only(request, "type", "to", "outgoing")
    grant = grant_of(request)

    def act(connection: Connection) -> Relations:
        profile = find_profile(connection, grant.workspace_id, id)
        remove_relation(
            connection,
            workspace_id=grant.workspace_id,
            profile_id=profile,
            type=type,
            to=to,
            outgoing=outgoing,
            actor=grant.actor,
            now=datetime.now(UTC),
        )
        note(connection, grant, "remove_relation", profile, type=type)
        return _relations(connection, grant, profile)

    return carry_out(request, act)


@router.get(
    "/relation-types",
    operation_id="list_relation_types",
    summary="The kinds of relation",
    **endpoint(READ_PEOPLE, RelationTypes, examples.RELATION_TYPES),
)
def list_relation_types(request: HttpRequest) -> HttpResponse:
    """`label` is what the card of who has the relation says, `inverse` what the other's card says."""
    with pool().connection() as connection:
        return answer(RelationTypes(list(relation_types(connection, grant_of(request).workspace_id).values())))


@router.put(
    "/relation-types/{name}",
    operation_id="declare_relation_type",
    summary="Declare a kind of relation",
    **endpoint(WRITE_PEOPLE, RelationType, examples.RELATION_TYPE, "invalid_relation_type", writes=True),
)
def put_relation_type(
    request: HttpRequest,
    name: Annotated[str, Path(max_length=40, description="Lower-case letters, digits and _.", example="sold_by")],
    wanted: RelationTypeRequest,
) -> HttpResponse:
    """Up to 50 of the workspace's own. Events of a type that is not declared are kept in history and relate nobody."""
    grant = grant_of(request)

    def act(connection: Connection) -> RelationType:
        declared = declare_relation_type(
            connection, workspace_id=grant.workspace_id, name=name, label=wanted.label, inverse=wanted.inverse
        )
        record_audit_on(
            connection,
            workspace_id=grant.workspace_id,
            actor=grant.actor,
            action="declare_relation_type",
            target=f"relation-type:{name}",
            detail={"label": declared.label, "inverse": declared.inverse},
        )
        return declared

    return carry_out(request, act)
