"""Segments: making, finding, changing, putting away."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse
from msgspec import Raw, Struct
from ninja import Router
from ninja.params.functions import Path, Query
from pydantic import Field

from tessera.api import examples_segments as examples
from tessera.api.conditions import ASKS, READ, READS, WRITE, ConditionBody, read_condition
from tessera.api.door import grant_of
from tessera.api.parameters import Body, Cursor, Limit, only
from tessera.api.service import answer, endpoint
from tessera.api.writes import Connection, after, carry_out, named_by_request
from tessera.audience.asking import answers_to
from tessera.audience.questions import RefreshNow, TakeSnapshot
from tessera.audience.segments import actions, queries
from tessera.audience.segments.records import (
    FASTEST_MINUTES,
    Freshness,
    Kind,
    NewSegment,
    Segment,
    SegmentChange,
)
from tessera.audience.segments.wording import names_in
from tessera.foundation.pool import pool
from tessera.profiles.queries import InvalidCursor

router = Router(tags=["segments"])
_NAMED: Final = (
    "segment_name_taken", "too_many_segments", "segment_circle", "segment_too_large", "wrong_segment",
)  # fmt: skip

SegmentId = Annotated[UUID, Path(description="`id` of a segment.", example=examples.SEGMENT_ID)]
Name = Annotated[
    str, Field(min_length=1, max_length=200, description="Its name, of which there is one.", examples=["Spain"])
]
Description = Annotated[str, Field(max_length=2_000, description="What it is for, in words.")]
Folder = Annotated[str, Field(max_length=200, description="The folder it is in.", examples=["Countries"])]
Tags = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=60)]],
    Field(max_length=20, description="Words to find it by.", examples=[["core"]]),
]
KeepFresh = Annotated[
    bool, Field(description="Keep its members, changed at once with what people do, and tell who enters and leaves.")
]
EveryMinutes = Annotated[
    int,
    Field(
        ge=FASTEST_MINUTES,
        le=7 * 24 * 60,
        description="How often one that is kept fresh is evaluated whole as well; once a day when not given.",
        examples=[60],
    ),
]


class SegmentRequest(ConditionBody):
    """A segment to make: dynamic with a condition in either form, static without."""

    name: Name
    description: Description = ""
    folder: Folder = ""
    tags: Tags = Field(default_factory=list)
    keep_fresh: KeepFresh = False
    every_minutes: EveryMinutes | None = None


class SegmentChanges(ConditionBody):
    """What to change. What is not given stays as it is."""

    name: Name = ""
    description: Description = ""
    folder: Folder = ""
    tags: Tags = Field(default_factory=list)
    keep_fresh: KeepFresh = False
    every_minutes: EveryMinutes | None = None


class NameRequest(Body):
    """What the new segment is called."""

    name: Name


class SegmentView(Struct, frozen=True, kw_only=True):
    """A segment. Dynamic ones have a `condition`, here in both forms.

    `freshness` is `asked` (evaluated when somebody asks), `kept` (members are stored and kept fresh) or `fixed` (a
    static one's list). `size` is how many people it had at `counted_at`. `current` is false while the members of a
    kept one are those of an earlier condition; `problem` says why it could not be evaluated.
    """

    id: UUID
    name: str
    description: str
    folder: str
    tags: Sequence[str]
    kind: Kind
    condition: Raw | None
    text: str | None
    freshness: Freshness
    every_minutes: int | None
    version: int
    created_at: datetime
    created_by: str
    changed_at: datetime
    archived_at: datetime | None
    size: int | None
    counted_at: datetime | None
    refreshed_at: datetime | None
    current: bool
    problem: str


class SegmentsPage(Struct, frozen=True):
    """`next` is the cursor of the following page, or null."""

    segments: list[SegmentView]
    next: UUID | None


class DeletedSegment(Struct, frozen=True):
    """It is gone, and its list with it."""

    id: UUID
    deleted: bool


def segment_views(connection: Connection, workspace_id: int, found: Sequence[Segment]) -> list[SegmentView]:
    """As they are answered."""
    names = names_in(connection, workspace_id)
    shown = set(SegmentView.__struct_fields__) - {"condition", "text"}
    return [
        SegmentView(
            condition=Raw(each.condition) if each.condition is not None else None,
            text=names.written(each.condition) if each.condition is not None else None,
            **{name: getattr(each, name) for name in shown},
        )
        for each in found
    ]


def uuid_cursor(cursor: str | None) -> UUID | None:
    """Raises `InvalidCursor`."""
    try:
        return UUID(cursor) if cursor is not None else None
    except ValueError:
        raise InvalidCursor("the cursor is not one we gave") from None


@router.get(
    "/segments",
    operation_id="list_segments",
    summary="List segments",
    **endpoint(READ, SegmentsPage, examples.SEGMENTS, "invalid_cursor", "unknown_parameter"),
)
def list_segments(
    request: HttpRequest,
    folder: Annotated[str | None, Query(max_length=200, description="Only in this folder; empty for none.")] = None,
    tag: Annotated[str | None, Query(max_length=60, description="Only with this tag.")] = None,
    kind: Annotated[Literal["dynamic", "static"] | None, Query(description="Only of this kind.")] = None,
    archived: Annotated[bool, Query(description="True for those that are put away, and only these.")] = False,
    limit: Limit = 50,
    next: Cursor = None,
) -> HttpResponse:
    """Newest first."""
    only(request, "folder", "tag", "kind", "archived", "limit", "next")
    workspace = grant_of(request).workspace_id
    filters: dict[str, Any] = {"folder": folder, "tag": tag, "kind": kind, "archived": archived}
    with pool().connection() as connection:
        found = queries.segments_page(connection, workspace, after=uuid_cursor(next), limit=limit + 1, **filters)
        views = segment_views(connection, workspace, found[:limit])
    return answer(SegmentsPage(views, views[-1].id if len(found) > limit else None))


@router.post(
    "/segments",
    operation_id="create_segment",
    summary="Make a segment",
    **endpoint(WRITE, SegmentView, examples.SEGMENT, "not_found", *READS, *_NAMED, writes=True),
)
def create_segment(request: HttpRequest, wanted: SegmentRequest) -> HttpResponse:
    """Dynamic with a `condition` or a `text`; static, and empty, with neither."""
    workspace = grant_of(request).workspace_id
    fields = wanted.model_dump(exclude={"condition", "text", "tags"})

    def act(connection: Connection) -> SegmentView:
        condition = read_condition(connection, grant_of(request), wanted)
        new = NewSegment(condition=condition, tags=tuple(wanted.tags), **fields)
        made = actions.create(connection, workspace_id=workspace, new=new, **_by(request))
        return segment_views(connection, workspace, [made])[0]

    return carry_out(request, act)


def _by(request: HttpRequest) -> dict[str, Any]:
    return {"actor": grant_of(request).actor, "now": datetime.now(UTC)}


@router.get(
    "/segments/{id}",
    operation_id="get_segment",
    summary="One segment",
    **endpoint(READ, SegmentView, examples.SEGMENT, "not_found"),
)
def get_segment(request: HttpRequest, id: SegmentId) -> HttpResponse:
    """What it is made of, how fresh it is, how many people it had when they were last counted."""
    workspace = grant_of(request).workspace_id
    with pool().connection() as connection:
        found = queries.segment_by_id(connection, workspace, id)
        return answer(segment_views(connection, workspace, [found])[0])


@router.patch(
    "/segments/{id}",
    operation_id="change_segment",
    summary="Change a segment",
    **endpoint(WRITE, SegmentView, examples.SEGMENT, "not_found", "segment_in_use", *READS, *_NAMED, writes=True),
)
def change_segment(request: HttpRequest, id: SegmentId, wanted: SegmentChanges) -> HttpResponse:
    """All changes or none. With another condition a kept one is evaluated anew; `current` says when that is done."""
    workspace = grant_of(request).workspace_id
    given = wanted.model_dump(exclude_unset=True, exclude={"condition", "text"})

    def act(connection: Connection) -> SegmentView:
        condition = read_condition(connection, grant_of(request), wanted)
        fields = given if condition is None else {**given, "condition": condition}
        change = msgspec.structs.replace(SegmentChange(), **fields)
        found = actions.change(connection, workspace_id=workspace, segment_id=id, wanted=change, **_by(request))
        return segment_views(connection, workspace, [found])[0]

    return carry_out(request, act)


@router.delete(
    "/segments/{id}",
    operation_id="delete_segment",
    summary="Delete a segment for good",
    **endpoint(WRITE, DeletedSegment, examples.DELETED, "not_found", "segment_in_use", writes=True),
)
def delete_segment(request: HttpRequest, id: SegmentId) -> HttpResponse:
    """Refused while other segments ask about it. Nobody's history says that they left."""
    grant = grant_of(request)

    def act(connection: Connection) -> DeletedSegment:
        actions.delete(connection, workspace_id=grant.workspace_id, segment_id=id, actor=grant.actor)
        return DeletedSegment(id, deleted=True)

    return carry_out(request, act)


@router.post(
    "/segments/{id}/duplicate",
    operation_id="duplicate_segment",
    summary="The same under another name",
    **endpoint(WRITE, SegmentView, examples.SEGMENT, "not_found", *_NAMED, writes=True),
)
def duplicate_segment(request: HttpRequest, id: SegmentId, wanted: NameRequest) -> HttpResponse:
    """A static one with the same people."""
    workspace = grant_of(request).workspace_id

    def act(connection: Connection) -> SegmentView:
        made = actions.duplicate(connection, workspace_id=workspace, segment_id=id, name=wanted.name, **_by(request))
        return segment_views(connection, workspace, [made])[0]

    return carry_out(request, act)


@router.post(
    "/segments/{id}/archive",
    operation_id="archive_segment",
    summary="Put a segment away",
    **endpoint(WRITE, SegmentView, examples.SEGMENT, "not_found", "segment_in_use", writes=True),
)
def archive_segment(request: HttpRequest, id: SegmentId) -> HttpResponse:
    """It is no longer kept fresh. Refused while other segments ask about it."""
    workspace = grant_of(request).workspace_id

    def act(connection: Connection) -> SegmentView:
        found = actions.archive(connection, workspace_id=workspace, segment_id=id, **_by(request))
        return segment_views(connection, workspace, [found])[0]

    return carry_out(request, act)


@router.post(
    "/segments/{id}/restore",
    operation_id="restore_segment",
    summary="Take a segment back",
    **endpoint(WRITE, SegmentView, examples.SEGMENT, "not_found", "segment_name_taken", writes=True),
)
def restore_segment(request: HttpRequest, id: SegmentId) -> HttpResponse:
    """From the archive. Refused where its name is another's by now."""
    grant = grant_of(request)

    def act(connection: Connection) -> SegmentView:
        found = actions.restore(connection, workspace_id=grant.workspace_id, segment_id=id, actor=grant.actor)
        return segment_views(connection, grant.workspace_id, [found])[0]

    return carry_out(request, act)


@router.post(
    "/segments/{id}/snapshot",
    operation_id="snapshot_segment",
    summary="Keep who is in now",
    **endpoint(WRITE, SegmentView, examples.STATIC, "not_found", "invalid_condition", *_NAMED, *ASKS, writes=True),
)
def snapshot_segment(request: HttpRequest, id: SegmentId, wanted: NameRequest) -> HttpResponse:
    """A new static segment of the people who are in, as the analyst finds them; whoever comes later is not in it."""
    grant = grant_of(request)
    question = TakeSnapshot(segment_id=id, new_id=named_by_request(request), name=wanted.name, actor=grant.actor)

    def act(connection: Connection) -> SegmentView:
        made = queries.segment_by_id(connection, grant.workspace_id, question.new_id)
        return segment_views(connection, grant.workspace_id, [made])[0]

    return carry_out(request, act, run=after(lambda: answers_to(grant.workspace_id, question)))


@router.post(
    "/segments/{id}/refresh",
    operation_id="refresh_segment",
    summary="Evaluate a segment now",
    **endpoint(WRITE, SegmentView, examples.SEGMENT, "not_found", "invalid_condition", *ASKS, writes=True),
)
def refresh_segment(request: HttpRequest, id: SegmentId) -> HttpResponse:
    """Counts it, and brings the members of one that is kept fresh up to date."""
    workspace = grant_of(request).workspace_id

    def act(connection: Connection) -> SegmentView:
        found = queries.segment_by_id(connection, workspace, id)
        return segment_views(connection, workspace, [found])[0]

    return carry_out(request, act, run=after(lambda: answers_to(workspace, RefreshNow(segment_id=id))))
