"""A condition as the form shows it: drafts of nodes, whose fields are what somebody typed, finished or not.

`draft_of` makes a draft of a condition; `making.condition_of` the condition of a draft. What the form has no fields for
is a row of the kind `text`, which holds that part's text form: so every condition there is can be shown and changed.
"""

from typing import Final

from msgspec import Struct, field

from tessera.audience.conditions.comparisons import (
    Ask,
    AtLeast,
    AtMost,
    Between,
    Comparison,
    Contains,
    EndsWith,
    Equals,
    Has,
    HasAny,
    IsSet,
    Less,
    Matches,
    More,
    OneOf,
    StartsWith,
)
from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.doings import Did, Extreme, Sessions, Times, Total, When
from tessera.audience.conditions.groups import All, AnyOf, Not
from tessera.audience.conditions.known import Attribute, Fact, HasDevice, Identifier
from tessera.audience.conditions.membership import InSegment
from tessera.audience.conditions.reach import Reachable
from tessera.audience.conditions.times import After, Anniversary, Before, During, InLast, InLastHours, InNext
from tessera.audience.conditions.versions import Version
from tessera.audience.text.writer import NameOfSegment, to_text, written_path

GROUPS: Final = ("and", "or")
NAMED: Final = ("attribute", "fact", "identifier", "event", "first", "last", "sum", "average", "segment", "reachable")
"""Kinds of rows that begin with a name."""
KINDS: Final = (*GROUPS, *NAMED, "device", "sessions", "text")
ON_EVENTS: Final = ("event", "first", "last", "sum", "average")


class TestDraft(Struct):
    """A comparison. `type` is that of the value where the comparison takes any; `other` is the far end of a range."""

    __test__ = False  # no test of pytest's
    op: str = "equals"
    type: str = "text"
    value: str = ""
    other: str = ""


class AskDraft(Struct):
    """A test of an event's property, or of a device's field."""

    name: str = ""
    negated: bool = False
    test: TestDraft = field(default_factory=TestDraft)
    wrong: str = ""


class NodeDraft(Struct):
    """A group or a row. `name` is an attribute's path, a fact, an event, a segment's id …, `of` the number of a total.

    `relation` and `number` say how often, `when` the time that counts (its `op` is empty for all time).
    """

    kind: str
    negated: bool = False
    name: str = ""
    of: str = ""
    test: TestDraft = field(default_factory=TestDraft)
    where: list[AskDraft] = field(default_factory=list)
    relation: str = "at_least"
    number: str = "1"
    when: TestDraft = field(default_factory=lambda: TestDraft(op=""))
    parts: list["NodeDraft"] = field(default_factory=list)
    text: str = ""
    wrong: str = ""

    @property
    def is_group(self) -> bool:
        return self.kind in GROUPS


class Unsaid(Exception):
    """The form has no fields for this."""


def draft_of(condition: Condition, name_of_segment: NameOfSegment = str) -> NodeDraft:
    """The whole form: a group always, to which more can be added."""
    found = _Drafter(name_of_segment).node(condition)
    return found if found.is_group else NodeDraft("and", parts=[found])


class _Drafter:
    def __init__(self, name_of_segment: NameOfSegment) -> None:
        self._name_of_segment = name_of_segment

    def node(self, condition: Condition) -> NodeDraft:
        if isinstance(condition, Not) and not isinstance(condition.of, Not):
            inner = self.node(condition.of)
            if inner.kind == "text":
                return NodeDraft("text", text=to_text(condition, self._name_of_segment))
            inner.negated = True
            return inner
        try:
            return self._node(condition)
        except Unsaid:
            return NodeDraft("text", text=to_text(condition, self._name_of_segment))

    def _node(self, condition: Condition) -> NodeDraft:
        match condition:
            case All(of=parts):
                return NodeDraft("and", parts=[self.node(part) for part in parts])
            case AnyOf(of=parts):
                return NodeDraft("or", parts=[self.node(part) for part in parts])
            case Attribute(path=path, test=test):
                return NodeDraft("attribute", name=written_path(path), test=test_draft(test))
            case Fact(name=name, test=test):
                return NodeDraft("fact", name=name, test=test_draft(test))
            case Identifier(kind=kind, test=test):
                return NodeDraft("identifier", name=kind, test=test_draft(test))
            case InSegment(segment_id=segment_id):
                return NodeDraft("segment", name=str(segment_id))
            case Reachable(channel=channel):
                return NodeDraft("reachable", name=channel)
        return self._doing(condition)

    def _doing(self, condition: Condition) -> NodeDraft:
        match condition:
            case HasDevice(where=where):
                return NodeDraft("device", where=_asks(where))
            case Did(event=event, where=where, times=times, when=when):
                return _counted(NodeDraft("event", name=event, where=_asks(where), when=when_draft(when)), times)
            case Sessions(times=times, when=when):
                return _counted(NodeDraft("sessions", when=when_draft(when)), times)
            case Extreme(which=which, event=event, where=where, test=test):
                return NodeDraft(which, name=event, where=_asks(where), test=test_draft(test))
            case Total(measure=measure, event=event, of=of, where=where, test=test, when=when):
                return NodeDraft(
                    measure, name=event, of=written_path(of), where=_asks(where), test=test_draft(test),
                    when=when_draft(when),
                )  # fmt: skip
        raise Unsaid


def _counted(draft: NodeDraft, times: Times) -> NodeDraft:
    draft.relation, draft.number = times.relation, str(times.number)
    return draft


def _asks(where: tuple[Ask, ...]) -> list[AskDraft]:
    return [AskDraft(written_path(ask.path), ask.negated, test_draft(ask.test)) for ask in where]


def when_draft(when: When) -> TestDraft:
    return TestDraft(op="") if when is None else test_draft(when)


def test_draft(test: Comparison) -> TestDraft:
    """Raises `Unsaid` for a comparison the form has no fields for."""
    match test:
        case Equals(value=value) | Has(value=value):
            return TestDraft(_tag(test), type_of(value), _shown(value))
        case OneOf(values=values) | HasAny(values=values):
            types = {type_of(value) for value in values}
            shown = [_shown(value) for value in values]
            if len(types) > 1 or any("\n" in value or value != value.strip() or not value for value in shown):
                raise Unsaid
            return TestDraft(_tag(test), types.pop(), "\n".join(shown))
        case Contains(value=value) | StartsWith(value=value) | EndsWith(value=value):
            return TestDraft(_tag(test), value=value)
        case Matches(pattern=pattern):
            return TestDraft("matches", value=pattern)
        case Less(value=value) | AtMost(value=value) | More(value=value) | AtLeast(value=value):
            return TestDraft(_tag(test), "number", _shown(value))
        case Between(low=low, high=high):
            return TestDraft("between", "number", _shown(low), _shown(high))
        case IsSet():
            return TestDraft("is_set")
    return _time_draft(test)


def _time_draft(test: Comparison) -> TestDraft:
    match test:
        case Before(moment=moment) | After(moment=moment):
            return TestDraft(_tag(test), value=moment)
        case During(first=first, last=last):
            return TestDraft("during", value=first, other=last)
        case InLast(days=days) | InNext(days=days) | Anniversary(days=days):
            return TestDraft(_tag(test), value=str(days))
        case InLastHours(hours=hours):
            return TestDraft("in_last_hours", value=str(hours))
        case Version(relation=relation, value=value):
            return TestDraft(f"version_{relation}", value=value)
    raise Unsaid


def _tag(test: Comparison) -> str:
    return str(type(test).__struct_config__.tag)


def type_of(value: bool | float | str) -> str:
    return "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def _shown(value: bool | float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
