"""Who is in a segment, and why: previews, counts, members, lists by hand, explanations."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from msgspec import Raw, Struct
from ninja import Router
from ninja.params.functions import Query
from pydantic import Field

from tessera.api import examples_segments as examples
from tessera.api.conditions import (
    ASKS,
    READ,
    READS,
    WRITE,
    ConditionBody,
    required_condition,
)
from tessera.api.door import grant_of
from tessera.api.parameters import NAMES_A_PERSON, Body, Cursor, PersonReference, only
from tessera.api.references import MOST_LETTERS, find_profile
from tessera.api.segments import SegmentId, uuid_cursor
from tessera.api.service import answer, endpoint
from tessera.api.writes import Connection, carry_out
from tessera.audience.asking import answers_to
from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.membership import InSegment
from tessera.audience.conditions.registry import from_json
from tessera.audience.explain import PersonSegment, Verdict, explain, segments_of
from tessera.audience.questions import CountPeople, CountReach, FollowFunnel, ListPeople, Question, Step, TakeSample
from tessera.audience.segments import actions, queries
from tessera.audience.segments.membership import count
from tessera.audience.segments.records import MOST_AT_ONCE, ItemResult, Member, MembersPage, Segment
from tessera.audience.segments.wording import Names, names_in
from tessera.foundation.clock import now_micros
from tessera.foundation.pool import pool
from tessera.profiles.queries import InvalidCursor

router = Router(tags=["segments"])
MOST_SAMPLED: Final = 100
_STORED, _EVALUATED = "stored:", "evaluated:"

MemberLimit = Annotated[int, Query(ge=1, le=queries.MOST_MEMBERS, description="How many at most.")]
OfPerson = Annotated[
    str, Query(min_length=1, max_length=MOST_LETTERS, description=NAMES_A_PERSON, example="email:ana@example.com")
]


class PreviewRequest(ConditionBody):
    """A condition in one of its forms, and what to tell of it."""

    sample: int = Field(10, ge=0, le=MOST_SAMPLED, description="How many people to name.")
    funnel: bool = Field(True, description="Whether to tell what each part of the condition removes.")
    reach: bool = Field(True, description="Whether to tell how many can be written to, by channel.")


class ExplainRequest(ConditionBody):
    """A condition in one of its forms, and a person."""

    person: str = Field(
        min_length=1, max_length=MOST_LETTERS, description=NAMES_A_PERSON, examples=["email:ana@example.com"]
    )


class PeopleRequest(Body):
    """Who is meant."""

    people: list[Annotated[str, Field(min_length=1, max_length=MOST_LETTERS)]] = Field(
        min_length=1,
        max_length=MOST_AT_ONCE,
        description=f"Up to {MOST_AT_ONCE:,}: profile ids, `kind:value`, or e-mail addresses and phone numbers.",
        examples=[["email:ana@example.com", "user_id:4711"]],
    )


class FunnelStep(Struct, frozen=True):
    """How many are `left` after this part and all before it; for how many it holds `alone`."""

    condition: Raw
    text: str
    left: int
    alone: int


class Preview(Struct, frozen=True):
    """For how many `people` of `total` the condition holds. `reach` is how many can be written to on each channel,
    `sample` are some of them, the same ones each time.
    """

    condition: Raw
    text: str
    people: int
    total: int
    funnel: list[FunnelStep] | None
    reach: dict[str, int] | None
    sample: list[UUID]


class SegmentCount(Struct, frozen=True):
    """How many are in now. `evaluated` is true where the analyst had to look, false where the members are stored."""

    people: int
    evaluated: bool


class SegmentMembers(Struct, frozen=True):
    """`next` is the cursor of the following page, or null."""

    members: list[Member]
    next: str | None


class ItemResults(Struct, frozen=True):
    """What became of each, in the order in which they were sent: `done`, `already` so, or `unknown_person`."""

    done: int
    already: int
    unknown: int
    results: list[ItemResult]


class ExplainedPart(Struct, frozen=True):
    """Whether this part of a condition holds, and of what that came.

    `parts` are those it is made of; where it asks about a segment (for the first time), that one's own condition.
    """

    condition: Raw
    text: str
    holds: bool
    parts: list["ExplainedPart"]
    segment_id: UUID | None
    segment: str | None


class Explanation(Struct, frozen=True):
    """Why the person is meant, or is not."""

    person_id: UUID
    holds: bool
    verdict: ExplainedPart


class PersonSegments(Struct, frozen=True):
    """The segments that somebody is in, by name."""

    segments: list[PersonSegment]


@router.post(
    "/segments/preview",
    operation_id="preview_segment",
    summary="Who would be in",
    **endpoint(READ, Preview, examples.PREVIEW, *READS, *ASKS, takes_body=True),
)
def preview_segment(request: HttpRequest, wanted: PreviewRequest) -> HttpResponse:
    """Counts people for a condition that need not be saved, and tells what each of its parts removes."""
    workspace = grant_of(request).workspace_id
    condition = required_condition(request, wanted)
    questions: dict[str, Question[Any]] = {"size": CountPeople(condition=condition)}
    if wanted.funnel:
        questions["funnel"] = FollowFunnel(condition=condition)
    if wanted.reach:
        questions["reach"] = CountReach(condition=condition)
    if wanted.sample:
        questions["sample"] = TakeSample(condition=condition, limit=wanted.sample)
    told = dict(zip(questions, answers_to(workspace, *questions.values()), strict=True))
    with pool().connection() as connection:
        names = names_in(connection, workspace)
    preview = Preview(
        condition=condition,
        text=names.written(bytes(condition)),
        people=told["size"].people,
        total=told["size"].total,
        funnel=[_step(step, names) for step in told["funnel"]] if wanted.funnel else None,
        reach=told["reach"].channels if wanted.reach else None,
        sample=told["sample"].people if wanted.sample else [],
    )
    return answer(preview)


def _step(step: Step, names: Names) -> FunnelStep:
    return FunnelStep(step.part, names.written(bytes(step.part)), step.left, step.alone)


@router.get(
    "/segments/{id}/count",
    operation_id="count_segment",
    summary="How many are in now",
    **endpoint(READ, SegmentCount, examples.COUNT, "not_found", "invalid_condition", *ASKS),
)
def count_segment(request: HttpRequest, id: SegmentId) -> HttpResponse:
    """By the list where members are stored, else the analyst evaluates the condition."""
    workspace = grant_of(request).workspace_id
    with pool().connection() as connection:
        segment = queries.segment_by_id(connection, workspace, id)
        if segment.stored and segment.current:
            return answer(SegmentCount(count(connection, id), evaluated=False))
    (size,) = answers_to(workspace, CountPeople(condition=_condition_of(segment)))
    return answer(SegmentCount(size.people, evaluated=True))


def _condition_of(segment: Segment) -> Raw:
    assert segment.condition is not None
    return Raw(segment.condition)


@router.get(
    "/segments/{id}/members",
    operation_id="list_members",
    summary="Who is in now",
    **endpoint(
        READ, SegmentMembers, examples.MEMBERS, "not_found", "invalid_condition", "invalid_cursor",
        "unknown_parameter", *ASKS,
    ),
)  # fmt: skip
def list_members(request: HttpRequest, id: SegmentId, limit: MemberLimit = 100, next: Cursor = None) -> HttpResponse:
    """Ids of people. `entered_at` is null where members are not stored and the analyst evaluates the condition."""
    only(request, "limit", "next")
    workspace = grant_of(request).workspace_id
    with pool().connection() as connection:
        segment = queries.segment_by_id(connection, workspace, id)
        if _goes_by_list(segment, next):
            return answer(_stored_members(connection, segment, next, limit))
    question = ListPeople(condition=_condition_of(segment), after=_cursor(next, _EVALUATED), limit=limit)
    (found,) = answers_to(workspace, question)
    members = [Member(person, None) for person in found.people]
    return answer(SegmentMembers(members, None if found.next is None else f"{_EVALUATED}{found.next}"))


def _goes_by_list(segment: Segment, cursor: str | None) -> bool:
    """A page goes on where its list was begun, also when the segment is kept in another way meanwhile."""
    if cursor is None or segment.condition is None:
        return segment.stored and segment.current
    return not cursor.startswith(_EVALUATED)


def _stored_members(connection: Connection, segment: Segment, cursor: str | None, limit: int) -> SegmentMembers:
    if not segment.stored:
        raise InvalidCursor("the members of this segment are no longer stored; begin again")
    page: MembersPage = queries.members_page(connection, segment, after=_cursor(cursor, _STORED), limit=limit)
    return SegmentMembers(page.members, None if page.next is None else f"{_STORED}{page.next}")


def _cursor(cursor: str | None, kind: str) -> UUID | None:
    """Raises `InvalidCursor`, also for one of the other kind."""
    if cursor is not None and not cursor.startswith(kind):
        raise InvalidCursor("the cursor is not one we gave")
    return uuid_cursor(cursor and cursor.removeprefix(kind))


def _by_hand(request: HttpRequest, segment_id: UUID, people: list[str], change: Any) -> HttpResponse:
    grant = grant_of(request)

    def act(connection: Connection) -> ItemResults:
        results = change(
            connection,
            workspace_id=grant.workspace_id,
            segment_id=segment_id,
            items=people,
            actor=grant.actor,
            now=datetime.now(UTC),
        )
        told = [each.result for each in results]
        return ItemResults(told.count("done"), told.count("already"), told.count("unknown_person"), results)

    return carry_out(request, act)


@router.post(
    "/segments/{id}/members/add",
    operation_id="add_members",
    summary="Add people to a static segment",
    **endpoint(WRITE, ItemResults, examples.ITEM_RESULTS, "not_found", "wrong_segment", writes=True),
)
def add_members(request: HttpRequest, id: SegmentId, wanted: PeopleRequest) -> HttpResponse:
    """All that are known come in; who is not known is told, and made by nobody."""
    return _by_hand(request, id, wanted.people, actions.add_people)


@router.post(
    "/segments/{id}/members/remove",
    operation_id="remove_members",
    summary="Take people out of a static segment",
    **endpoint(WRITE, ItemResults, examples.ITEM_RESULTS, "not_found", "wrong_segment", writes=True),
)
def remove_members(request: HttpRequest, id: SegmentId, wanted: PeopleRequest) -> HttpResponse:
    """Who was not in is told as `already`."""
    return _by_hand(request, id, wanted.people, actions.remove_people)


@router.post(
    "/segments/explain",
    operation_id="explain_condition",
    summary="Why a person would be in",
    **endpoint(
        READ, Explanation, examples.EXPLANATION, "not_found", "invalid_identifier", *READS, *ASKS, takes_body=True
    ),
)
def explain_condition(request: HttpRequest, wanted: ExplainRequest) -> HttpResponse:
    """Part by part, for a condition that need not be saved. Right at once; only events so old that they are kept in the
    warehouse alone are read by the analyst.
    """
    condition = from_json(bytes(required_condition(request, wanted)))
    with pool().connection() as connection:
        return _explained(request, connection, condition, wanted.person)


@router.get(
    "/segments/{id}/explain",
    operation_id="explain_segment",
    summary="Why a person is in, or is not",
    **endpoint(READ, Explanation, examples.EXPLANATION, "not_found", "invalid_identifier", "unknown_parameter", *ASKS),
)
def explain_segment(request: HttpRequest, id: SegmentId, person: OfPerson) -> HttpResponse:
    """Part by part, as the person is now. Right at once; only events so old that they are kept in the warehouse alone
    are read by the analyst.
    """
    only(request, "person")
    with pool().connection() as connection:
        segment = queries.segment_by_id(connection, grant_of(request).workspace_id, id)
        condition = from_json(segment.condition) if segment.condition is not None else InSegment(segment_id=id)
        return _explained(request, connection, condition, person)


def _explained(request: HttpRequest, connection: Connection, condition: Condition, person: str) -> HttpResponse:
    workspace = grant_of(request).workspace_id
    profile = find_profile(connection, workspace, person)
    verdict = explain(connection, workspace, condition, profile, now=now_micros())
    part = _part(verdict, names_in(connection, workspace))
    return answer(Explanation(profile, verdict.holds, part))


def _part(verdict: Verdict, names: Names) -> ExplainedPart:
    return ExplainedPart(
        condition=verdict.condition,
        text=names.written(bytes(verdict.condition)),
        holds=verdict.holds,
        parts=[_part(each, names) for each in verdict.parts],
        segment_id=verdict.segment_id,
        segment=verdict.segment,
    )


@router.get(
    "/profiles/{path:id}/segments",
    operation_id="list_segments_of_person",
    summary="The segments a person is in",
    tags=["people"],
    **endpoint(
        READ, PersonSegments, examples.PERSON_SEGMENTS, "not_found", "invalid_identifier", "unknown_parameter", *ASKS
    ),
)
def list_segments_of_person(request: HttpRequest, id: PersonReference) -> HttpResponse:
    """By name. Those that are only evaluated when asked are evaluated for the person as they are now."""
    only(request)
    workspace = grant_of(request).workspace_id
    with pool().connection() as connection:
        profile = find_profile(connection, workspace, id)
        return answer(PersonSegments(segments_of(connection, workspace, profile, now=now_micros())))
