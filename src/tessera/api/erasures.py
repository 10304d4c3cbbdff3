"""Erasing people, one at once or many as a job, and the contacts that are kept out."""

from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from msgspec import Struct
from ninja import Router
from ninja.params.functions import Path, Query
from pydantic import Field

from tessera.api import examples_privacy as examples
from tessera.api import people
from tessera.api.door import grant_of
from tessera.api.parameters import NAMES_A_PERSON, UUID_PATTERN, Body, Cursor, Limit, PersonReference, only
from tessera.api.references import MOST_LETTERS, find_profile
from tessera.api.service import answer, endpoint
from tessera.api.writes import Connection, carry_out
from tessera.foundation.pool import pool
from tessera.identity.suppression import Suppression
from tessera.privacy import actions, queries, requests, suppressions
from tessera.privacy.actions import ErasureReport
from tessera.privacy.queries import Erasure, ErasureDetail, ErasurePage
from tessera.profiles.queries import InvalidCursor

router = Router(tags=["privacy"])
READ: Final = "privacy:read"
WRITE: Final = "privacy:write"

ErasureId = Annotated[
    str,
    Path(
        pattern=UUID_PATTERN,
        description="`id` of an erasure.",
        example=examples.EXAMPLE_ERASURE,
    ),
]
Contact = Annotated[
    str,
    Query(
        min_length=1, max_length=MOST_LETTERS, description="A contact as `kind:value`.", example="phone:+34600111222"
    ),
]
MaybeContact = Annotated[
    str | None, Query(min_length=1, max_length=MOST_LETTERS, description="Ask about this one, as `kind:value`.")
]
Reason = Annotated[str, Query(max_length=500, description="Why, in words. Name nobody: it is kept for good.")]
KeepOut = Annotated[bool, Query(description="Keep each of the person's identifiers from coming back in.")]


class ErasureRequest(Body):
    """Whom to erase."""

    people: list[Annotated[str, Field(min_length=1, max_length=MOST_LETTERS)]] = Field(
        min_length=1,
        max_length=requests.MOST_AT_ONCE,
        description=NAMES_A_PERSON + " What names a person is forgotten once it was acted on.",
        examples=[["email:ana@example.com", "user_id:4711"]],
    )
    reason: str = Field(default="", max_length=500, description="Why, in words.", examples=["asked by e-mail"])
    suppress: bool = Field(default=False, description="Keep each of their identifiers from coming back in.")


class SuppressionRequest(Body):
    """A contact to keep out."""

    contact: str = Field(
        min_length=1,
        max_length=MOST_LETTERS,
        description="`kind:value`: an e-mail, a phone or any other identifier. Only a keyed hash of it is kept.",
        examples=["email:ana@example.com"],
    )


class Suppressions(Struct, frozen=True):
    """How many contacts are kept out, by kind. `asked` is the one asked about, null where it is not kept out."""

    total: int
    kinds: dict[str, int]
    asked: Suppression | None


@people.router.delete(
    "/profiles/{path:id}",
    operation_id="erase_person",
    summary="Erase a person for good",
    tags=["privacy"],
    **endpoint(
        WRITE, ErasureReport, examples.ERASURE_REPORT, "not_found", "invalid_identifier", "unknown_parameter",
        writes=True,
    ),
)  # fmt: skip
def erase_person(
    request: HttpRequest, id: PersonReference, suppress: KeepOut = False, reason: Reason = ""
) -> HttpResponse:
    """All profiles of the person and everything of theirs, in one transaction; it cannot be undone.

    Answers with the rows removed per table. Events that arrive afterwards make a new person, unless kept out.
    """
    only(request, "suppress", "reason")
    grant = grant_of(request)

    def act(connection: Connection) -> ErasureReport:
        return actions.erase_person(
            connection,
            workspace_id=grant.workspace_id,
            profile_id=find_profile(connection, grant.workspace_id, id),
            actor=grant.actor,
            reason=reason,
            suppress=suppress,
            now=datetime.now(UTC),
        )

    return carry_out(request, act)


@router.post(
    "/erasures",
    operation_id="erase_people",
    summary="Erase many people",
    **endpoint(WRITE, Erasure, examples.ERASURE, writes=True),
)
def erase_people(request: HttpRequest, wanted: ErasureRequest) -> HttpResponse:
    """Up to 5,000 in one request, done one after the other by a job. Ask `GET /erasures/{id}` what came of each."""
    grant = grant_of(request)

    def act(connection: Connection) -> Erasure:
        return requests.ask_to_erase(
            connection,
            workspace_id=grant.workspace_id,
            references=wanted.people,
            actor=grant.actor,
            reason=wanted.reason,
            suppress=wanted.suppress,
            now=datetime.now(UTC),
        )

    return carry_out(request, act)


@router.get(
    "/erasures",
    operation_id="list_erasures",
    summary="What was erased",
    **endpoint(READ, ErasurePage, examples.ERASURES, "invalid_cursor", "unknown_parameter"),
)
def list_erasures(request: HttpRequest, limit: Limit = 50, next: Cursor = None) -> HttpResponse:
    """Newest first. Erasures hold no personal data: who is gone is named by the ids their profiles had."""
    only(request, "limit", "next")
    before = _uuid(next)
    with pool().connection() as connection:
        return answer(queries.erasures(connection, grant_of(request).workspace_id, before=before, limit=limit))


def _uuid(cursor: str | None) -> UUID | None:
    try:
        return UUID(cursor) if cursor is not None else None
    except ValueError:
        raise InvalidCursor("the cursor is not one we gave") from None


@router.get(
    "/erasures/{erasure_id}",
    operation_id="get_erasure",
    summary="What came of one erasure",
    **endpoint(READ, ErasureDetail, examples.ERASURE_DETAIL, "not_found", "unknown_parameter"),
)
def get_erasure(
    request: HttpRequest,
    erasure_id: ErasureId,
    after: Annotated[int, Query(ge=0, le=10_000, description="`next` of the page before.")] = 0,
    limit: Limit = 200,
) -> HttpResponse:
    """Each name by its place in the request, from 1, with the rows removed per table or the code of the failure."""
    only(request, "after", "limit")
    with pool().connection() as connection:
        found = queries.erasure(connection, grant_of(request).workspace_id, UUID(erasure_id), after=after, limit=limit)
    return answer(found)


@router.post(
    "/erasures/{erasure_id}/retry",
    operation_id="retry_erasure",
    summary="Try again what failed",
    **endpoint(WRITE, Erasure, examples.ERASURE, "not_found", writes=True),
)
def retry_erasure(request: HttpRequest, erasure_id: ErasureId) -> HttpResponse:
    """Have what failed on our side (`internal_error`) tried again by a job. 404 where nothing of it is to be."""
    grant = grant_of(request)

    def act(connection: Connection) -> Erasure:
        about = UUID(erasure_id)
        requests.try_again(connection, workspace_id=grant.workspace_id, erasure_id=about, actor=grant.actor)
        return queries.erasure(connection, grant.workspace_id, about).erasure

    return carry_out(request, act)


@router.get(
    "/suppressions",
    operation_id="check_suppressions",
    summary="Who is kept out",
    **endpoint(READ, Suppressions, examples.SUPPRESSIONS, "invalid_identifier", "unknown_parameter"),
)
def check_suppressions(request: HttpRequest, contact: MaybeContact = None) -> HttpResponse:
    """How many contacts are kept out, and whether `contact` is. They cannot be listed: only keyed hashes are held."""
    only(request, "contact")
    workspace = grant_of(request).workspace_id
    with pool().connection() as connection:
        counts = suppressions.suppression_counts(connection, workspace)
        asked = None
        if contact is not None:
            asked = suppressions.check_suppression(connection, workspace_id=workspace, contact=contact)
    return answer(Suppressions(counts.total, counts.kinds, asked))


@router.post(
    "/suppressions",
    operation_id="suppress_contact",
    summary="Keep a contact out",
    **endpoint(WRITE, Suppression, examples.SUPPRESSION, "invalid_identifier", writes=True),
)
def suppress_contact(request: HttpRequest, wanted: SuppressionRequest) -> HttpResponse:
    """Events, imports and edits that carry it are refused from now on. Who has it already stays as they are."""
    grant = grant_of(request)

    def act(connection: Connection) -> Suppression:
        return suppressions.add_suppression(
            connection,
            workspace_id=grant.workspace_id,
            contact=wanted.contact,
            actor=grant.actor,
            now=datetime.now(UTC),
        )

    return carry_out(request, act)


@router.delete(
    "/suppressions",
    operation_id="lift_suppression",
    summary="Let a contact in again",
    **endpoint(
        WRITE, Suppression, examples.SUPPRESSION, "not_found", "invalid_identifier", "unknown_parameter", writes=True
    ),
)
def lift_suppression(request: HttpRequest, contact: Contact) -> HttpResponse:
    """Answers with the suppression that is lifted."""
    only(request, "contact")
    grant = grant_of(request)

    def act(connection: Connection) -> Suppression:
        return suppressions.lift_suppression(
            connection, workspace_id=grant.workspace_id, contact=contact, actor=grant.actor
        )

    return carry_out(request, act)
