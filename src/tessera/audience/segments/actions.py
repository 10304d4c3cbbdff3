"""Every change to segments. Each leaves an entry in the audit trail, in its own transaction.

Locks: the workspace's conditions where what asks about what may change (`_hold_conditions`), then segments' rows.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from msgspec import UNSET

from tessera.access.audit import record_audit_on
from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.registry import from_json, to_json
from tessera.audience.segments import membership, store
from tessera.audience.segments.circles import refuse_circle, refuse_too_large, uses_of
from tessera.audience.segments.moves import refuse_listened
from tessera.audience.segments.records import (
    MOST_AT_ONCE,
    MOST_SEGMENTS,
    ItemResult,
    NameTaken,
    NewSegment,
    NoSuchSegment,
    Segment,
    SegmentChange,
    SegmentInUse,
    TooManySegments,
    WrongSegment,
)
from tessera.audience.segments.references import people_named
from tessera.foundation.ids import uuid7

Connection = psycopg.Connection[Any]
CHANGED: Final = "audience_segments"
"""The channel on which the analyst hears that segments changed."""
_HOLD_CONDITIONS: Final = "SELECT pg_advisory_xact_lock(7316003, %s)"


def create(
    connection: Connection, *, workspace_id: int, new: NewSegment, actor: str, now: datetime, new_id: UUID | None = None
) -> Segment:
    """A new segment, dynamic where it has a condition. In the caller's transaction.

    Raises `InvalidCondition`, `NoSuchSegment`, `SegmentCircle`, `SegmentTooLarge`, `NameTaken`, `TooManySegments`.
    """
    segment_id = new_id or uuid7()
    if new.condition is not None:
        _hold_conditions(connection, workspace_id)
    known = {each.id: each for each in store.of_workspace(connection, workspace_id, archived=None)}
    if len(known) >= MOST_SEGMENTS:
        raise TooManySegments(f"a workspace has at most {MOST_SEGMENTS:,} segments")
    condition = None
    if new.condition is not None:
        read = from_json(new.condition)
        refuse_circle(known, segment_id, new.name, read)
        refuse_too_large(known, segment_id, new.name, read)
        condition = to_json(read).decode()
    fields = {
        "workspace_id": workspace_id,
        "id": segment_id,
        "name": _name(new.name),
        "description": new.description,
        "folder": new.folder.strip(),
        "tags": sorted(set(new.tags)),
        "kind": "dynamic" if condition else "static",
        "condition": condition,
        "freshness": _freshness(condition, keep_fresh=new.keep_fresh),
        "every_minutes": new.every_minutes if condition and new.keep_fresh else None,
        "created_by": actor[:300],
        "now": now,
    }
    _unique(lambda: store.add(connection, fields))
    made = store.read(connection, workspace_id, segment_id)
    if not condition:
        store.note_size(connection, made, 0, now)
    _note(connection, made, actor, "create_segment", kind=made.kind)
    return store.read(connection, workspace_id, segment_id)


def change(
    connection: Connection, *, workspace_id: int, segment_id: UUID, wanted: SegmentChange, actor: str, now: datetime
) -> Segment:
    """Change what is given. Raises as `create` does, and `WrongSegment` for a static one that is to get a condition."""
    if wanted.condition is not UNSET:
        _hold_conditions(connection, workspace_id)
    segment = store.read(connection, workspace_id, segment_id, lock=True)
    given = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not UNSET}
    fields: dict[str, Any] = {name: given[name] for name in ("description",) if name in given}
    if "name" in given:
        fields["name"] = _name(given["name"])
    if "folder" in given:
        fields["folder"] = given["folder"].strip()
    if "tags" in given:
        fields["tags"] = sorted(set(given["tags"]))
    if segment.kind == "static" and given.keys() & {"condition", "keep_fresh", "every_minutes"}:
        raise WrongSegment("a static segment has no condition; its people are chosen by hand")
    fields |= _changed_condition(connection, segment, given)
    fields |= _changed_freshness(connection, segment, given)
    if not fields:
        return segment
    _unique(lambda: store.change(connection, workspace_id, segment_id, {**fields, "changed_at": now}))
    _note(connection, segment, actor, "change_segment", changed=sorted(given))
    return store.read(connection, workspace_id, segment_id)


def _changed_condition(connection: Connection, segment: Segment, given: Mapping[str, Any]) -> dict[str, Any]:
    if "condition" not in given:
        return {}
    read = from_json(given["condition"])
    known = {each.id: each for each in store.of_workspace(connection, segment.workspace_id, archived=None)}
    refuse_circle(known, segment.id, segment.name, read)
    refuse_too_large(known, segment.id, segment.name, read)
    encoded = to_json(read)
    if encoded == segment.condition:
        return {}
    return {"condition": encoded.decode(), "version": segment.version + 1, "problem": ""}


def _changed_freshness(connection: Connection, segment: Segment, given: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    keep_fresh = given.get("keep_fresh", segment.freshness == "kept")
    if segment.kind == "dynamic" and keep_fresh != (segment.freshness == "kept"):
        fields["freshness"] = "kept" if keep_fresh else "asked"
        if not keep_fresh:
            refuse_listened(connection, segment)
            # nobody leaves: it is only no longer followed who is in
            connection.execute("DELETE FROM audience_member WHERE segment_id = %s", (segment.id,))
            fields |= {"refreshed_at": None, "refreshed_version": 0, "every_minutes": None}
    if "every_minutes" in given and keep_fresh:
        fields["every_minutes"] = given["every_minutes"]
    return fields


def duplicate(
    connection: Connection, *, workspace_id: int, segment_id: UUID, name: str, actor: str, now: datetime
) -> Segment:
    """The same under another name; a static one with the same people."""
    _hold_conditions(connection, workspace_id)
    segment = store.read(connection, workspace_id, segment_id, lock=True)
    new = NewSegment(
        name=name, description=segment.description, folder=segment.folder, tags=segment.tags,
        condition=segment.condition, keep_fresh=segment.freshness == "kept", every_minutes=segment.every_minutes,
    )  # fmt: skip
    made = create(connection, workspace_id=workspace_id, new=new, actor=actor, now=now)
    if segment.kind == "static":
        _fill_from(connection, made, segment, now)
    return store.read(connection, workspace_id, made.id)


def snapshot_of_stored(
    connection: Connection, *, workspace_id: int, segment_id: UUID, name: str, actor: str, now: datetime
) -> Segment:
    """A static segment of the people who are in now. Raises `WrongSegment` for one whose members are not stored."""
    segment = store.read(connection, workspace_id, segment_id, lock=True)
    if not segment.stored or not segment.current:
        raise WrongSegment("the members of this segment are not stored; ask the analyst")
    new = NewSegment(name=name, folder=segment.folder, description=segment.name)
    made = create(connection, workspace_id=workspace_id, new=new, actor=actor, now=now)
    _fill_from(connection, made, segment, now)
    return store.read(connection, workspace_id, made.id)


def snapshot_of(
    connection: Connection,
    *,
    workspace_id: int,
    segment_id: UUID,
    new_id: UUID,
    name: str,
    actor: str,
    people: Callable[[Condition], Sequence[UUID]],
    now: datetime,
) -> Segment:
    """A static segment of the people who are in now, whom `people` finds for a condition.

    Where there is one with `new_id` already, it is that one as it is: whoever asks twice gets one snapshot.
    """
    with suppress(NoSuchSegment):
        return store.read(connection, workspace_id, new_id)
    segment = store.read(connection, workspace_id, segment_id, lock=True)
    new = NewSegment(name=name, folder=segment.folder, description=segment.name)
    made = create(connection, workspace_id=workspace_id, new=new, actor=actor, now=now, new_id=new_id)
    if segment.condition is None:
        _fill_from(connection, made, segment, now)
    else:
        fill(connection, made, people(from_json(segment.condition)), now=now)
    return store.read(connection, workspace_id, made.id)


def _fill_from(connection: Connection, made: Segment, segment: Segment, now: datetime) -> None:
    rows = connection.execute(
        "SELECT DISTINCT p.root_id FROM audience_member m JOIN identity_profile p ON p.id = m.profile_id"
        " WHERE m.segment_id = %s",
        (segment.id,),
    ).fetchall()
    fill(connection, made, [row[0] for row in rows], now=now)


def fill(connection: Connection, segment: Segment, people: Sequence[UUID], *, now: datetime) -> None:
    """Make exactly these people (roots) the static segment. The caller is in a transaction."""
    locked = store.read(connection, segment.workspace_id, segment.id, lock=True)
    membership.become(connection, locked, people, now=now)
    store.note_size(connection, locked, membership.count(connection, segment.id), now)


def add_people(
    connection: Connection, *, workspace_id: int, segment_id: UUID, items: Sequence[str], actor: str, now: datetime
) -> list[ItemResult]:
    """Add people by hand, each named by a profile's id or `kind:value`; what became of each item, in their order.

    Raises `WrongSegment` for a dynamic segment, and for more than 10,000 items.
    """
    return _by_hand(connection, workspace_id, segment_id, items, actor, now, adding=True)


def remove_people(
    connection: Connection, *, workspace_id: int, segment_id: UUID, items: Sequence[str], actor: str, now: datetime
) -> list[ItemResult]:
    """Take people out by hand; as `add_people`."""
    return _by_hand(connection, workspace_id, segment_id, items, actor, now, adding=False)


def _by_hand(
    connection: Connection, workspace_id: int, segment_id: UUID, items: Sequence[str], actor: str, now: datetime, *,
    adding: bool,
) -> list[ItemResult]:  # fmt: skip
    if len(items) > MOST_AT_ONCE:
        raise WrongSegment(f"at most {MOST_AT_ONCE:,} people are named at once")
    with connection.transaction():
        segment = store.read(connection, workspace_id, segment_id, lock=True)
        if segment.kind != "static" or segment.archived_at is not None:
            raise WrongSegment("only the people of a static segment, which is not archived, are chosen by hand")
        named = people_named(connection, workspace_id, items)
        people = set(named.values())
        inside, outside = (people, ()) if adding else ((), people)
        moved = membership.change(connection, segment, inside=inside, outside=outside, now=now)
        touched = set(moved.entered if adding else moved.left)
        store.note_size(connection, segment, membership.count(connection, segment_id), now)
        _note(connection, segment, actor, "add_to_segment" if adding else "remove_from_segment", people=len(touched))
    return [_result_of(item, named.get(item), touched) for item in items]


def _result_of(item: str, person: UUID | None, touched: set[UUID]) -> ItemResult:
    if person is None:
        return ItemResult(item, None, "unknown_person")
    return ItemResult(item, person, "done" if person in touched else "already")


def archive(connection: Connection, *, workspace_id: int, segment_id: UUID, actor: str, now: datetime) -> Segment:
    """Put it away: it is no longer offered nor kept fresh. Raises `SegmentInUse` where others are made of it."""
    _hold_conditions(connection, workspace_id)
    segment = store.read(connection, workspace_id, segment_id, lock=True)
    _refuse_in_use(connection, segment, archived=False)
    if segment.archived_at is None:
        store.change(connection, workspace_id, segment_id, {"archived_at": now})
        _note(connection, segment, actor, "archive_segment")
    return store.read(connection, workspace_id, segment_id)


def restore(connection: Connection, *, workspace_id: int, segment_id: UUID, actor: str) -> Segment:
    """Take it back from the archive. Raises `NameTaken` where its name is used meanwhile."""
    segment = store.read(connection, workspace_id, segment_id, lock=True)
    if segment.archived_at is not None:
        fields = {"archived_at": None, "refreshed_version": 0}
        _unique(lambda: store.change(connection, workspace_id, segment_id, fields))
        _note(connection, segment, actor, "restore_segment")
    return store.read(connection, workspace_id, segment_id)


def delete(connection: Connection, *, workspace_id: int, segment_id: UUID, actor: str) -> None:
    """Remove it for good; nobody's history says that they left.

    Raises `SegmentInUse`, also where one in the archive asks about it: taken back, that would mean others.
    """
    _hold_conditions(connection, workspace_id)
    segment = store.read(connection, workspace_id, segment_id, lock=True)
    _refuse_in_use(connection, segment, archived=None)
    store.remove(connection, workspace_id, segment_id)
    _note(connection, segment, actor, "delete_segment", people=segment.size)


def _hold_conditions(connection: Connection, workspace_id: int) -> None:
    """Two who change what asks about what at once would each see no circle. Until the transaction ends."""
    connection.execute(_HOLD_CONDITIONS, (workspace_id,))


def _refuse_in_use(connection: Connection, segment: Segment, *, archived: bool | None) -> None:
    others = uses_of(store.of_workspace(connection, segment.workspace_id, archived=archived), segment.id)
    if others:
        raise SegmentInUse(f"other segments ask about it: {', '.join(each.name for each in others[:10])}")


def _freshness(condition: str | None, *, keep_fresh: bool) -> str:
    if condition is None:
        return "fixed"
    return "kept" if keep_fresh else "asked"


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name:
        raise WrongSegment("a segment needs a name")
    return name


def _unique(write: Any) -> None:
    try:
        write()
    except psycopg.errors.UniqueViolation:
        raise NameTaken("another segment of this workspace has that name") from None


def _note(connection: Connection, segment: Segment, actor: str, action: str, **detail: object) -> None:
    connection.execute("SELECT pg_notify(%s, %s)", (CHANGED, str(segment.id)))
    record_audit_on(
        connection,
        workspace_id=segment.workspace_id,
        actor=actor,
        action=action,
        target=f"segment:{segment.id}",
        detail={"name": segment.name, **detail},
    )
