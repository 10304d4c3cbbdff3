"""Which segments are made of which, and that no circle comes of it, and nothing too large to be asked."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.membership import InSegment
from tessera.audience.conditions.registry import children, from_json
from tessera.audience.segments.records import NoSuchSegment, Segment, SegmentCircle, SegmentTooLarge

MOST_PARTS: Final = 1_000
"""Of a condition with those of the segments it asks about: each is asked where it stands, as often as it stands."""
LONGEST_WAY: Final = 50
"""From a segment by way of those it asks about."""


def segments_in(condition: Condition) -> frozenset[UUID]:
    """The segments that a condition asks about."""
    if isinstance(condition, InSegment):
        return frozenset({condition.segment_id})
    return frozenset().union(*(segments_in(child) for child in children(condition)))


def uses_of(segments: Sequence[Segment], segment_id: UUID) -> list[Segment]:
    """Those of these segments whose condition asks about this one."""
    return [each for each in segments if each.condition and segment_id in segments_in(from_json(each.condition))]


def refuse_circle(segments: Mapping[UUID, Segment], segment_id: UUID, name: str, condition: Condition) -> None:
    """Raises `SegmentCircle`, naming the circle, where this condition would make the segment ask for itself, and
    `NoSuchSegment` where it asks for one that is not in the workspace.
    """
    asked = {
        each.id: segments_in(from_json(each.condition)) for each in segments.values() if each.condition is not None
    }
    asked[segment_id] = segments_in(condition)
    for unknown in sorted(asked[segment_id] - segments.keys() - {segment_id}):
        raise NoSuchSegment(f"there is no segment {unknown}")
    way = _way_back(asked, segment_id)
    if way:
        names = [name if each == segment_id else segments[each].name for each in way]
        raise SegmentCircle(f"the segment would ask for itself: {' → '.join(names)}")


def refuse_too_large(segments: Mapping[UUID, Segment], segment_id: UUID, name: str, condition: Condition) -> None:
    """Raises `SegmentTooLarge` where with this condition the segment, or one that asks about it by way of others,
    is more than the analyst can be asked. There is no circle.
    """
    read = {each.id: from_json(each.condition) for each in segments.values() if each.condition is not None}
    read[segment_id] = condition
    parts = {each: sum(1 for _ in _parts_of(condition)) for each, condition in read.items()}
    asked = {
        each: Counter(part.segment_id for part in _parts_of(condition) if isinstance(part, InSegment))
        for each, condition in read.items()
    }
    for each in _with_those_above(asked, segment_id):
        if _is_too_large(each, parts, asked):
            called = name if each == segment_id else segments[each].name
            raise SegmentTooLarge(
                f"with the segments it asks about, the condition of {called} would have more than {MOST_PARTS:,} parts,"
                f" or ask by way of more than {LONGEST_WAY} segments"
            )


def _parts_of(condition: Condition) -> Iterator[Condition]:
    waiting = [condition]
    while waiting:
        part = waiting.pop()
        yield part
        waiting += children(part)


def _with_those_above(asked: Mapping[UUID, Counter[UUID]], segment_id: UUID) -> list[UUID]:
    """The segment, and those whose condition asks about it, by way of others as well."""
    above: dict[UUID, list[UUID]] = {}
    for each, inner in asked.items():
        for one in inner:
            above.setdefault(one, []).append(each)
    found, waiting = {segment_id: None}, [segment_id]
    while waiting:
        fresh = [each for each in above.get(waiting.pop(), ()) if each not in found]
        found |= dict.fromkeys(fresh)
        waiting += fresh
    return list(found)


def _is_too_large(segment_id: UUID, parts: Mapping[UUID, int], asked: Mapping[UUID, Counter[UUID]]) -> bool:
    """Step by step down, so that what doubles with each step is not counted to its end."""
    level, whole = Counter({segment_id: 1}), 0
    for _ in range(LONGEST_WAY):
        whole += sum(parts.get(each, 0) * often for each, often in level.items())
        if whole > MOST_PARTS:
            return True
        below: Counter[UUID] = Counter()
        for each, often in level.items():
            for inner, again in asked.get(each, Counter()).items():
                below[inner] += often * again
        if not below:
            return False
        level = below
    return True


def _way_back(asked: Mapping[UUID, frozenset[UUID]], start: UUID) -> list[UUID]:
    """From a segment by way of others to itself; empty where there is no such way."""
    came_from: dict[UUID, UUID] = {}
    waiting = [start]
    while waiting:
        at = waiting.pop()
        for following in sorted(asked.get(at, ())):
            if following == start:
                way = [start, at]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return way[::-1] if at != start else [start, start]
            if following not in came_from:
                came_from[following] = at
                waiting.append(following)
    return []
