"""What a kept segment's answer depends on, by way of all the segments that it asks about."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from msgspec import Struct

from tessera.audience.conditions.condition import Reads
from tessera.audience.conditions.registry import from_json
from tessera.audience.conditions.times import InLastHours, InNext
from tessera.audience.segments.records import Segment

_AT_ANY_HOUR: Final = tuple(f'"{kind.__struct_config__.tag}"'.encode() for kind in (InLastHours, InNext))


class Depends(Struct, frozen=True):
    """`versions` are those of its own condition and of the others: with one of them it means something else.

    `by_hours`: some window is of hours or begins now, so that its people change without anybody doing anything, at any
    time of day.
    """

    reads: Reads
    versions: frozenset[tuple[UUID, int]]
    by_hours: bool


def depends_of(segment: Segment, known: Mapping[UUID, Segment]) -> Depends:
    """`known` are the segments of its workspace. Raises `InvalidCondition` where one that it needs cannot be read.

    Each is read once, however many ways lead to it, in circles too.
    """
    reads: set[tuple[str, str]] = set()
    by_hours = False
    seen, waiting = {segment.id: segment}, [segment]
    while waiting:
        each = waiting.pop()
        asked = from_json(each.condition).reads() if each.condition else frozenset({("segment", str(each.id))})
        by_hours = by_hours or any(tag in (each.condition or b"") for tag in _AT_ANY_HOUR)
        reads |= asked
        inner = [known.get(UUID(name)) for kind, name in asked if kind == "segment"]
        fresh = [one for one in inner if one is not None and one.id not in seen]
        seen |= {one.id: one for one in fresh}
        waiting += fresh
    return Depends(frozenset(reads), frozenset((one.id, one.version) for one in seen.values()), by_hours)
