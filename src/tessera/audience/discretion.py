"""Which conditions would tell, bit by bit, what is masked for whoever asks.

Counts and explanations answer any question, so "the e-mail begins with a" asked of one person tells a letter. Who sees
personal data masked may ask for it by whole values only, as they find people by whole identifiers only.
"""

from collections.abc import Iterator
from typing import Final

from tessera.audience.conditions.comparison import Comparison
from tessera.audience.conditions.comparisons import Ask, Equals, Has, HasAny, IsSet, OneOf
from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.doings import Did, Extreme, Total
from tessera.audience.conditions.known import Attribute, HasDevice, Identifier
from tessera.audience.conditions.places import Near
from tessera.audience.conditions.registry import children
from tessera.audience.insight.asking import Request, Step
from tessera.audience.insight.funnel import Funnel
from tessera.audience.insight.trend import Trend
from tessera.audience.leaves import Path, written
from tessera.events.event import Field
from tessera.events.personal import name_is_telling

_WHOLE: Final = (Equals, OneOf, Has, HasAny, IsSet)
_OF_DEVICES: Final = frozenset({"name", "ad_id", "app_install_id"})


def betrayed_by(condition: Condition, personal: frozenset[Field]) -> str | None:
    """The first personal name that the condition compares otherwise than whole, as people write it; None for none.

    `personal` are the names that the catalogue flags; names that mean a person wherever they stand count as well.
    """
    return next(_betrayed(condition, personal), None)


def told_by(asked: Request, personal: frozenset[Field]) -> str | None:
    """As `betrayed_by`, of a report: of its people, of what its steps ask of their events, of the number it is of."""
    return next(_told(asked, personal), None)


def shown_by(asked: Request, personal: frozenset[Field]) -> str | None:
    """The personal name that a report is broken down by, whose values it would show; None for none."""
    breakdown = asked.breakdown if isinstance(asked, Funnel | Trend) else None
    if breakdown is None or breakdown.by not in ("attribute", "property"):
        return None
    steps = asked.steps if isinstance(asked, Funnel) else (asked.step,) if isinstance(asked, Trend) else ()
    events = [step.event for step in steps] if breakdown.by == "property" else [""]
    if any(_is_personal(breakdown.by, event, breakdown.path, personal) for event in events):
        return written(breakdown.path)
    return None


def _told(asked: Request, personal: frozenset[Field]) -> Iterator[str]:
    if asked.people is not None:
        yield from _betrayed(asked.people, personal)
    for step in _steps_of(asked):
        yield from _of_event(step.event, step.where, personal)
        of: Path | None = getattr(asked, "of", None)
        if of and _is_personal("property", step.event, of, personal):
            yield written(of)


def _steps_of(asked: Request) -> Iterator[Step]:
    """Those of any report, whatever it calls them."""
    for name in asked.__struct_fields__:
        value = getattr(asked, name)
        yield from (each for each in (value if isinstance(value, tuple) else (value,)) if isinstance(each, Step))


def _betrayed(condition: Condition, personal: frozenset[Field]) -> Iterator[str]:
    match condition:
        case Attribute(path=path, test=test):
            if not _is_whole(test) and _is_personal("attribute", "", path, personal):
                yield written(path)
        case Near(path=path):
            if _is_personal("attribute", "", path, personal):
                yield written(path)
        case Identifier(kind=kind, test=test):
            if not _is_whole(test):
                yield kind
        case HasDevice(where=where):
            yield from (ask.path[0] for ask in where if ask.path[0] in _OF_DEVICES and not _is_whole(ask.test))
        case Did(event=event, where=where) | Extreme(event=event, where=where):
            yield from _of_event(event, where, personal)
        case Total(event=event, where=where, of=of):
            yield from _of_event(event, where, personal)
            if _is_personal("property", event, of, personal):
                yield written(of)
    for child in children(condition):
        yield from _betrayed(child, personal)


def _of_event(event: str, where: tuple[Ask, ...], personal: frozenset[Field]) -> Iterator[str]:
    for ask in where:
        if not _is_whole(ask.test) and _is_personal("property", event, ask.path, personal):
            yield written(ask.path)


def _is_whole(test: Comparison) -> bool:
    return isinstance(test, _WHOLE)


def _is_personal(kind: str, parent: str, path: Path, personal: frozenset[Field]) -> bool:
    return (kind, parent, path[0]) in personal or any(name_is_telling(kind, part) for part in path)
