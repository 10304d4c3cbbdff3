"""Which segments are made of which, and that no circle comes of it."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.membership import InSegment
from tessera.audience.conditions.registry import children, from_json
from tessera.audience.segments.records import NoSuchSegment, Segment, SegmentCircle


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
