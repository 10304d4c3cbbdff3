"""People who are probably there twice: having them looked for, and saying what each pair is."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.params.functions import Path, Query
from pydantic import Field

from tessera.api import examples_duplicates as examples
from tessera.api.door import grant_of
from tessera.api.parameters import EXAMPLE_ID, Body, Cursor, Limit, only
from tessera.api.problems import Refused
from tessera.api.service import answer, endpoint
from tessera.api.writes import Connection, carry_out
from tessera.duplicates import actions, queries
from tessera.duplicates.queries import PairPage
from tessera.duplicates.store import Pair, Run
from tessera.foundation.pool import pool

router = Router(tags=["duplicates"])

READ: Final = "duplicates:read"
WRITE: Final = "duplicates:write"
PairId = Annotated[UUID, Path(description="`pair_id` of one of the pairs.", example=examples.EXAMPLE_PAIR)]
RunId = Annotated[UUID, Path(description="`run_id` of a run.", example=examples.EXAMPLE_RUN)]


class AcceptRequest(Body):
    """Who stands for both."""

    keep: UUID | None = Field(
        default=None,
        description="`left` or `right` of the pair; the older profile when not given.",
        examples=[EXAMPLE_ID],
    )


@router.get(
    "/duplicates",
    operation_id="list_duplicates",
    summary="Pairs of people who are probably one",
    **endpoint(READ, PairPage, examples.PAIRS, "invalid_cursor", "unknown_parameter"),
)
def list_duplicates(
    request: HttpRequest,
    state: Annotated[
        Literal["open", "merged", "rejected", "stale"],
        Query(description="Which pairs; those to be reviewed by default."),
    ] = "open",
    limit: Limit = 50,
    next: Cursor = None,
) -> HttpResponse:
    """The likeliest first, with the weight of every field in bits. No personal data: people are named by their ids."""
    only(request, "state", "limit", "next")
    with pool().connection() as connection:
        workspace = grant_of(request).workspace_id
        return answer(queries.pairs(connection, workspace, state=state, after=next, limit=limit))


@router.post(
    "/duplicates/runs",
    operation_id="find_duplicates",
    summary="Have the workspace searched",
    **endpoint(WRITE, Run, examples.WAITING_RUN, "already_looking", writes=True),
)
def find_duplicates(request: HttpRequest) -> HttpResponse:
    """A job does it; ask for the run until its state is `done` or `failed`. One runs at a time."""
    grant = grant_of(request)

    def act(connection: Connection) -> Run:
        return actions.ask_for_run(
            connection, workspace_id=grant.workspace_id, actor=grant.actor, now=datetime.now(UTC)
        )

    return carry_out(request, act)


@router.get(
    "/duplicates/runs/{id}",
    operation_id="get_duplicates_run",
    summary="How far a search is, and what it came to",
    **endpoint(READ, Run, examples.RUN, "not_found"),
)
def get_duplicates_run(request: HttpRequest, id: RunId) -> HttpResponse:
    """`remembered` pairs were decided before; `apart` ones have two user ids, which are two people by rule.

    `crowds` are keys by which nobody was compared, because too many people share them.
    """
    with pool().connection() as connection:
        run = queries.run(connection, grant_of(request).workspace_id, id)
    if run is None:
        raise Refused("not_found", f"there is no run {id}")
    return answer(run)


@router.post(
    "/duplicates/{id}/accept",
    operation_id="accept_duplicate",
    summary="They are one person",
    **endpoint(
        WRITE,
        Pair,
        examples.MERGED,
        "not_found",
        "already_decided",
        "pair_is_stale",
        "not_in_pair",
        "merge_refused",
        writes=True,
    ),
)
def accept_duplicate(request: HttpRequest, id: PairId, wanted: AcceptRequest) -> HttpResponse:
    """Merges them, with the weights as the merge's evidence. A split, or `undo`, takes it back exactly."""
    grant = grant_of(request)

    def act(connection: Connection) -> Pair:
        return actions.accept_pair(
            connection,
            workspace_id=grant.workspace_id,
            pair_id=id,
            keep=wanted.keep,
            actor=grant.actor,
            now=datetime.now(UTC),
        )

    return carry_out(request, act)


@router.post(
    "/duplicates/{id}/reject",
    operation_id="reject_duplicate",
    summary="They are two people",
    **endpoint(WRITE, Pair, examples.REJECTED, "not_found", "already_decided", "pair_is_stale", writes=True),
)
def reject_duplicate(request: HttpRequest, id: PairId) -> HttpResponse:
    """Not proposed again until what is compared of either changes."""
    grant = grant_of(request)

    def act(connection: Connection) -> Pair:
        return actions.reject_pair(
            connection, workspace_id=grant.workspace_id, pair_id=id, actor=grant.actor, now=datetime.now(UTC)
        )

    return carry_out(request, act)


@router.post(
    "/duplicates/{id}/undo",
    operation_id="undo_duplicate",
    summary="Take a decision back",
    **endpoint(WRITE, Pair, examples.PAIR, "not_found", "not_decided", "already_undone", writes=True),
)
def undo_duplicate(request: HttpRequest, id: PairId) -> HttpResponse:
    """A merge is split, and the pair waits for a review again."""
    grant = grant_of(request)

    def act(connection: Connection) -> Pair:
        return actions.undo_decision(
            connection, workspace_id=grant.workspace_id, pair_id=id, actor=grant.actor, now=datetime.now(UTC)
        )

    return carry_out(request, act)
