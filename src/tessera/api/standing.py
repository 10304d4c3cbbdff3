"""What is said about a person as a whole: the status, the test mark, the picture."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.params.functions import Query
from pydantic import Field

from tessera.api import examples
from tessera.api.documents import pictured
from tessera.api.door import PICTURES, grant_of
from tessera.api.parameters import Body, PersonReference, only
from tessera.api.references import find_person, find_profile
from tessera.api.service import READ_PEOPLE, WRITE_PEOPLE, ApiKey, endpoint
from tessera.api.writes import Connection, carry_out, note
from tessera.foundation.errors import NotFound
from tessera.foundation.pool import pool
from tessera.intake import standing
from tessera.profiles.avatars import avatar_of
from tessera.profiles.facts import LONGEST_REASON
from tessera.profiles.person import PersonView
from tessera.profiles.pictures import CONTENT_TYPE

router = Router(tags=["changes"])
_CODES: Final = ("not_found", "invalid_identifier")


class StatusChange(Body):
    """The status a person has from now on."""

    status: Literal[
        "subscribed", "unsubscribed", "complainer", "hard_bounced", "unconfirmed", "suspended", "invalid"
    ] = Field(description="One of the seven global statuses.", examples=["suspended"])
    reason: str = Field(
        min_length=1,
        max_length=LONGEST_REASON,
        description="Why, in words. It stays with the change in the history.",
        examples=["asked to by telephone"],
    )


class TestSubscriberChange(Body):
    """Whether the person is one of yours who tries things out."""

    test_subscriber: bool = Field(description="True marks, false unmarks.", examples=[True])


@router.put(
    "/profiles/{path:id}/status",
    operation_id="change_status",
    summary="Set a person's status",
    **endpoint(WRITE_PEOPLE, PersonView, examples.PERSON, *_CODES, "invalid_status", writes=True),
)
def change_status(request: HttpRequest, id: PersonReference, wanted: StatusChange) -> HttpResponse:
    """Recorded in the history with the reason and who set it. Answers with the person."""

    def act(connection: Connection, profile: UUID, said: dict[str, Any]) -> None:
        standing.change_status(connection, profile_id=profile, status=wanted.status, reason=wanted.reason, **said)

    return _changed(request, id, "change_status", act, status=wanted.status, reason=wanted.reason)


@router.put(
    "/profiles/{path:id}/test-subscriber",
    operation_id="mark_test_subscriber",
    summary="Mark a person as a test subscriber",
    **endpoint(WRITE_PEOPLE, PersonView, examples.PERSON, *_CODES, writes=True),
)
def mark_test_subscriber(request: HttpRequest, id: PersonReference, wanted: TestSubscriberChange) -> HttpResponse:
    """Or take the mark away. Answers with the person."""

    def act(connection: Connection, profile: UUID, said: dict[str, Any]) -> None:
        standing.mark_test_subscriber(connection, profile_id=profile, on=wanted.test_subscriber, **said)

    return _changed(request, id, "mark_test_subscriber", act, test_subscriber=wanted.test_subscriber)


_UPLOAD: Final = {
    "requestBody": {
        "required": True,
        "description": "A JPEG, PNG, WebP or GIF that does not move, at most 2 MB and 8 million pixels.",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in sorted(PICTURES)},
    }
}
_PUT_AVATAR: Final = endpoint(WRITE_PEOPLE, PersonView, examples.PERSON, *_CODES, "invalid_picture", writes=True)


@router.put(
    "/profiles/{path:id}/avatar",
    operation_id="change_avatar",
    summary="Give a person a picture",
    **_PUT_AVATAR | {"openapi_extra": _PUT_AVATAR["openapi_extra"] | _UPLOAD},
)
def change_avatar(request: HttpRequest, id: PersonReference) -> HttpResponse:
    """The body is the picture's file. It is cut square and written anew as WebP; nothing else of it is kept.

    Answers with the person.
    """
    raw = request.body

    def act(connection: Connection, profile: UUID, said: dict[str, Any]) -> None:
        standing.change_avatar(connection, profile_id=profile, raw=raw, **said)

    return _changed(request, id, "change_avatar", act)


@router.delete(
    "/profiles/{path:id}/avatar",
    operation_id="remove_avatar",
    summary="Take a person's picture away",
    **endpoint(WRITE_PEOPLE, PersonView, examples.PERSON, *_CODES, writes=True),
)
def remove_avatar(request: HttpRequest, id: PersonReference) -> HttpResponse:
    """The picture is deleted. Answers with the person."""

    def act(connection: Connection, profile: UUID, said: dict[str, Any]) -> None:
        standing.remove_avatar(connection, profile_id=profile, **said)

    return _changed(request, id, "remove_avatar", act)


@router.get(
    "/profiles/{path:id}/avatar",
    operation_id="get_avatar",
    summary="A person's picture",
    tags=["people"],
    auth=ApiKey(READ_PEOPLE),
    openapi_extra=pictured(CONTENT_TYPE, *_CODES, "unknown_parameter") | {"x-required-scope": READ_PEOPLE},
)
def get_avatar(
    request: HttpRequest,
    id: PersonReference,
    size: Annotated[
        Literal["large", "small"], Query(description="`large` is 256 pixels square, `small` 64.")
    ] = "large",
) -> HttpResponse:
    """A square in WebP. `not_found` where the person has none."""
    only(request, "size")
    workspace = grant_of(request).workspace_id
    with pool().connection() as connection:
        avatar = find_person(connection, workspace, id).avatar
        found = avatar_of(connection, workspace, avatar.profile_id, size=size) if avatar else None
    if found is None:
        raise NotFound("this person has no picture")
    return HttpResponse(found[1], content_type=CONTENT_TYPE, headers={"Content-Security-Policy": "default-src 'none'"})


def _changed(request: HttpRequest, reference: str, action: str, act: Any, **detail: Any) -> HttpResponse:
    """Carry out `act(connection, profile, who and when)` with its audit entry; answers with the person."""
    grant = grant_of(request)

    def change(connection: Connection) -> PersonView:
        profile = find_profile(connection, grant.workspace_id, reference)
        said = {"workspace_id": grant.workspace_id, "actor": grant.actor, "now": datetime.now(UTC)}
        act(connection, profile, said)
        note(connection, grant, action, profile, **detail)
        return find_person(connection, grant.workspace_id, str(profile))

    return carry_out(request, change)
