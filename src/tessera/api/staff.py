"""Staff: who they are, inviting them, changing what they may do, shutting them out. Owners are made at the console."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from msgspec import Struct
from ninja import Router
from ninja.params.functions import Path
from pydantic import Field

from tessera.access import queries, staffing
from tessera.access.queries import ApiKeyGrant, InvitationFacts, StaffFacts
from tessera.access.staffing import By, Change
from tessera.api import examples_access as examples
from tessera.api.door import grant_of
from tessera.api.parameters import EXAMPLE_ID, Body
from tessera.api.service import answer, endpoint
from tessera.api.writes import Connection, carry_out, with_models
from tessera.foundation.errors import NotFound

router = Router(tags=["staff"])

Role = Literal["owner", "admin", "marketer", "analyst", "support", "developer"]
PersonalData = Literal["by_role", "shown", "masked"]
AccountId = Annotated[UUID, Path(description="`account_id` of a member of staff.", example=EXAMPLE_ID)]
_GRANTS: dict[str, bool | None] = {"by_role": None, "shown": True, "masked": False}
_RULES = ("owners_only", "cannot_grant_pii")


class StaffList(Struct, frozen=True):
    """Everybody who is or was staff, by e-mail, and the invitations that wait."""

    staff: list[StaffFacts]
    invitations: list[InvitationFacts]


class Invited(Struct, frozen=True):
    """`path`, put behind the console's address, is the link to pass on. It is told once."""

    invitation: InvitationFacts
    path: str


class InviteRequest(Body):
    """Somebody who is to become staff."""

    email: str = Field(min_length=3, max_length=254, examples=["cy@shop.example"])
    role: Role = Field(description="Not `owner`: only owners make owners, at the console.")
    personal_data: PersonalData = Field("by_role", description="Whether they see personal data as it is.")


class StaffChanges(Body):
    """What is to change; what is not named stays."""

    role: Role | None = Field(None, examples=["analyst"])
    personal_data: PersonalData | None = Field(None, examples=["masked"])


@router.get(
    "/staff",
    operation_id="list_staff",
    summary="Who is staff",
    **endpoint("access:read", StaffList, examples.STAFF),
)
def list_staff(request: HttpRequest) -> HttpResponse:
    """Members in force and revoked ones, with what they may see and whether they have a second factor."""
    workspace = grant_of(request).workspace_id
    return answer(
        StaffList(queries.staff_members(workspace), queries.open_invitations(workspace, now=datetime.now(UTC)))
    )


@router.post(
    "/staff",
    operation_id="invite_staff",
    summary="Invite somebody",
    **endpoint(
        "access:write",
        Invited,
        examples.INVITED,
        *_RULES,
        "invalid_email",
        "already_staff",
        "was_staff",
        "too_many_invitations",
        writes=True,
    ),
)
def invite_staff(request: HttpRequest, wanted: InviteRequest) -> HttpResponse:
    """Makes a link that opens once, within 72 hours, and lets them choose their own password."""
    grant = grant_of(request)

    def act(_connection: Connection) -> Invited:
        made = staffing.invite_staff(
            workspace_id=grant.workspace_id,
            email=wanted.email,
            role=wanted.role,
            sees_pii=_GRANTS[wanted.personal_data],
            by=_by(grant),
            now=datetime.now(UTC),
        )
        return Invited(made.invitation, f"/join/{made.token}")

    return carry_out(request, act, run=with_models)


@router.patch(
    "/staff/{uuid:account_id}",
    operation_id="change_staff",
    summary="Change what a member may do",
    **endpoint("access:write", StaffFacts, examples.MEMBER, "not_found", "not_oneself", *_RULES, writes=True),
)
def change_staff(request: HttpRequest, account_id: AccountId, wanted: StaffChanges) -> HttpResponse:
    """Owners cannot be changed by a key, nor can anybody be made one."""
    grant = grant_of(request)

    def act(_connection: Connection) -> StaffFacts:
        known = queries.staff_member(grant.workspace_id, account_id)
        if known is None:
            raise NotFound("nobody of that id is staff of this workspace")
        grants = known.pii_grant if wanted.personal_data is None else _GRANTS[wanted.personal_data]
        return staffing.change_staff(
            account_id,
            workspace_id=grant.workspace_id,
            change=Change(role=wanted.role or known.role, sees_pii=grants),
            by=_by(grant),
        )

    return carry_out(request, act, run=with_models)


@router.delete(
    "/staff/{uuid:account_id}",
    operation_id="revoke_staff",
    summary="Shut a member out",
    **endpoint("access:write", StaffFacts, examples.MEMBER, "not_found", "not_oneself", "owners_only", writes=True),
)
def revoke_staff(request: HttpRequest, account_id: AccountId) -> HttpResponse:
    """At once, also where they are logged in, with the links they sent and the keys they made.

    The console can let them in again; their links and keys stay shut. Repeating it changes nothing.
    """
    grant = grant_of(request)

    def act(_connection: Connection) -> StaffFacts:
        return staffing.shut_out(account_id, workspace_id=grant.workspace_id, by=_by(grant), now=datetime.now(UTC))

    return carry_out(request, act, run=with_models)


def _by(grant: ApiKeyGrant) -> By:
    return By(
        grant.actor,
        makes_owners=False,
        sees_pii=grant.sees_pii,
        account_id=grant.made_by,
        api_key_id=grant.api_key_id,
    )
