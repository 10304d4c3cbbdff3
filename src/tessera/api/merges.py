"""Making two people one, and undoing it."""

from datetime import UTC, datetime
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router

from tessera.access.queries import ApiKeyGrant
from tessera.api import examples
from tessera.api.door import grant_of
from tessera.api.parameters import MergeRequest, SplitRequest
from tessera.api.references import find_profile
from tessera.api.service import WRITE_PEOPLE, endpoint
from tessera.api.sight import mask_of
from tessera.api.writes import Connection, carry_out, note
from tessera.identity import actions as identity
from tessera.identity.queries import MergeRecord
from tessera.profiles.person import MergeView, merge_view

router = Router(tags=["changes"])


@router.post(
    "/profiles/merge",
    operation_id="merge_people",
    summary="Make two people one",
    **endpoint(
        WRITE_PEOPLE,
        MergeView,
        examples.MERGE,
        "not_found",
        "invalid_identifier",
        "merge_refused",
        "already_one_person",
        writes=True,
    ),
)
def merge_people(request: HttpRequest, wanted: MergeRequest) -> HttpResponse:
    """The person of `absorb` joins the person of `keep`. Nothing is rewritten: a split undoes it exactly.

    Refused where the two have different user ids.
    """
    grant = grant_of(request)

    def act(connection: Connection) -> MergeView:
        merge = identity.merge_profiles(
            connection,
            workspace_id=grant.workspace_id,
            keep=find_profile(connection, grant.workspace_id, wanted.keep),
            absorb=find_profile(connection, grant.workspace_id, wanted.absorb),
            reason=wanted.reason,
            actor=grant.actor,
            now=datetime.now(UTC),
        )
        note(connection, grant, "merge_profiles", merge.kept, merge_id=merge.merge_id, absorbed=merge.absorbed)
        return _merge_view(connection, grant, merge)

    return carry_out(request, act)


@router.post(
    "/profiles/split",
    operation_id="split_people",
    summary="Undo a merge",
    **endpoint(WRITE_PEOPLE, MergeView, examples.UNDONE_MERGE, "not_found", "already_undone", writes=True),
)
def split_people(request: HttpRequest, wanted: SplitRequest) -> HttpResponse:
    """Both people are again what they would be had the merge never been made; events will not join them anew."""
    grant = grant_of(request)

    def act(connection: Connection) -> MergeView:
        merge = identity.split_profiles(
            connection,
            workspace_id=grant.workspace_id,
            merge_id=UUID(wanted.merge_id),
            actor=grant.actor,
            now=datetime.now(UTC),
        )
        note(connection, grant, "split_profiles", merge.kept, merge_id=merge.merge_id, absorbed=merge.absorbed)
        return _merge_view(connection, grant, merge)

    return carry_out(request, act)


def _merge_view(connection: Connection, grant: ApiKeyGrant, merge: MergeRecord) -> MergeView:
    mask = mask_of(connection, grant, merge.kept)
    return mask.merge(merge_view(merge)) if mask else merge_view(merge)
