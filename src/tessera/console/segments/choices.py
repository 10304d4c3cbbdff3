"""What the form offers: names of the catalogue, of segments, of what is known of everybody; comparisons by type."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import psycopg
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from msgspec import Struct

from tessera.audience.conditions.reach import CHANNELS
from tessera.audience.segments.queries import all_segments
from tessera.audience.segments.records import Segment
from tessera.audience.sentences.subjects import fact_called
from tessera.audience.text.writer import written_path
from tessera.audience.vocabulary import DEVICE, FACTS
from tessera.console.segments.drafts import ON_EVENTS, AskDraft, NodeDraft, TestDraft
from tessera.console.words import IDENTIFIER_KINDS, Text, attribute_in_words
from tessera.events.catalogue import hidden_fields, names_offered
from tessera.events.vocabulary import NAMES as HOUSE_EVENTS

Connection = psycopg.Connection[Any]
Choices = Sequence[tuple[str, str | Promise]]

OPS: Final[dict[str, Text]] = {
    "equals": pgettext_lazy("comparison", "is"),
    "one_of": pgettext_lazy("comparison", "is one of"),
    "contains": pgettext_lazy("comparison", "contains"),
    "starts_with": pgettext_lazy("comparison", "starts with"),
    "ends_with": pgettext_lazy("comparison", "ends with"),
    "matches": pgettext_lazy("comparison", "matches the pattern"),
    "has": pgettext_lazy("comparison", "has the element"),
    "has_any": pgettext_lazy("comparison", "has one of the elements"),
    "less": pgettext_lazy("comparison", "is less than"),
    "at_most": pgettext_lazy("comparison", "is at most"),
    "more": pgettext_lazy("comparison", "is more than"),
    "at_least": pgettext_lazy("comparison", "is at least"),
    "between": pgettext_lazy("comparison", "is between"),
    "before": pgettext_lazy("comparison", "is before"),
    "after": pgettext_lazy("comparison", "is after"),
    "during": pgettext_lazy("comparison", "is from … to …"),
    "in_last": pgettext_lazy("comparison", "is in the last days"),
    "in_last_hours": pgettext_lazy("comparison", "is in the last hours"),
    "in_next": pgettext_lazy("comparison", "is in the next days"),
    "anniversary": pgettext_lazy("comparison", "has its day again within days"),
    "version_less": pgettext_lazy("comparison", "is a version before"),
    "version_at_most": pgettext_lazy("comparison", "is at most the version"),
    "version_equal": pgettext_lazy("comparison", "is the version"),
    "version_at_least": pgettext_lazy("comparison", "is at least the version"),
    "version_more": pgettext_lazy("comparison", "is a version after"),
    "is_set": pgettext_lazy("comparison", "is known"),
}
_TEXT: Final = (
    "equals", "one_of", "contains", "starts_with", "ends_with", "matches", "is_set",
    "version_less", "version_at_most", "version_equal", "version_at_least", "version_more",
)  # fmt: skip
_NUMBER: Final = ("equals", "less", "at_most", "more", "at_least", "between", "one_of", "is_set")
_TIME: Final = ("in_last", "in_last_hours", "before", "after", "during", "in_next", "anniversary", "is_set")
_LIST: Final = ("has", "has_any", "is_set")
BY_TYPE: Final[dict[str, tuple[str, ...]]] = {
    "text": _TEXT,
    "number": _NUMBER,
    "boolean": ("equals", "is_set"),
    "time": _TIME,
    "list": _LIST,
    "": tuple(OPS),
}
"""Comparisons by the type of what is compared; all where it is not known."""
SHAPES: Final[dict[str, str]] = {
    **dict.fromkeys(("equals", "has"), "value"),
    **dict.fromkeys(("one_of", "has_any"), "values"),
    **dict.fromkeys(("less", "at_most", "more", "at_least"), "number"),
    "between": "numbers",
    **dict.fromkeys(("before", "after"), "moment"),
    "during": "moments",
    **dict.fromkeys(("in_last", "in_next", "anniversary"), "days"),
    "in_last_hours": "hours",
    "is_set": "",
}
"""What fields a comparison has; a text where it is not here."""

WINDOWS: Final[dict[str, Text]] = {
    "": pgettext_lazy("window of time", "at any time"),
    "in_last": pgettext_lazy("window of time", "in the last days"),
    "in_last_hours": pgettext_lazy("window of time", "in the last hours"),
    "before": pgettext_lazy("window of time", "before"),
    "after": pgettext_lazy("window of time", "after"),
    "during": pgettext_lazy("window of time", "from … to …"),
}
RELATIONS: Final[dict[str, Text]] = {
    "at_least": pgettext_lazy("how often", "at least"),
    "at_most": pgettext_lazy("how often", "at most"),
    "exactly": pgettext_lazy("how often", "exactly"),
}
KINDS: Final[dict[str, tuple[Text, str]]] = {
    "attribute": (_("Attribute"), "badge"),
    "event": (_("Event"), "bolt"),
    "fact": (_("Known of everybody"), "person"),
    "segment": (_("Segment"), "donut_small"),
    "device": (_("Device"), "devices"),
    "reachable": (_("Reachable"), "mail"),
    "identifier": (_("Identifier"), "key"),
    "sessions": (_("Sessions"), "schedule"),
    "first": (_("First time of an event"), "first_page"),
    "last": (_("Last time of an event"), "last_page"),
    "sum": (_("Sum over events"), "functions"),
    "average": (_("Average over events"), "avg_pace"),
    "text": (_("Written as text"), "code"),
}
"""Kinds of rows in the order they are offered in, with their icons."""
CHANNEL_WORDS: Final[dict[str, Text]] = {
    "email": _("by e-mail"),
    "sms": _("by text message"),
    "push": _("by push message"),
}
_TYPE_OF: Final[dict[str, str]] = {
    "text": "text",
    "number": "number",
    "boolean": "boolean",
    "date": "time",
    "list": "list",
}
_USUAL: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("country", "language", "home_city", "gender", "first_name", "last_name", "email", "phone"), "text"
    ),
    "age": "number",
    "dob": "time",
}
"""Offered before anything has come."""


class Names(Struct, frozen=True):
    """What can be named in the workspace. Types are those of conditions, empty where they are mixed or not known."""

    attributes: Mapping[str, str]
    events: Sequence[str]
    properties: Mapping[str, Mapping[str, str]]
    segments: Mapping[UUID, Segment]
    systems: Sequence[str] = ()

    def segment_called(self, segment_id: UUID) -> str:
        """For the text form: its name, or its id where the name would not find it again."""
        found = self.segments.get(segment_id)
        return found.name if found is not None and found.archived_at is None else str(segment_id)

    def segment_named(self, name: str) -> UUID:
        """The segment of this name in any capitals, or with this id. Raises KeyError and ValueError."""
        for each in self.segments.values():
            if each.archived_at is None and each.name.lower() == name.strip().lower():
                return each.id
        return UUID(name)

    @property
    def called(self) -> dict[UUID, str]:
        return {each.id: each.name for each in self.segments.values()}

    @property
    def offered(self) -> list[Segment]:
        return [each for each in self.segments.values() if each.archived_at is None]

    def type_of(self, kind: str, name: str) -> str:
        """Of what a row compares."""
        match kind:
            case "attribute":
                return self.attributes.get(name, "")
            case "fact":
                return FACTS.get(name, "")
            case "identifier":
                return "text"
            case "first" | "last":
                return "time"
            case "sum" | "average":
                return "number"
        return ""

    def type_inside(self, kind: str, event: str, name: str) -> str:
        """Of a device's field, or of a property of an event."""
        return DEVICE.get(name, "") if kind == "device" else self.properties.get(event, {}).get(name, "")

    def inside(self, kind: str, event: str) -> Sequence[str]:
        """The names a test within a row may begin with."""
        return list(DEVICE) if kind == "device" else list(self.properties.get(event, {}))


def segments_known(connection: Connection, workspace_id: int) -> Names:
    """The segments alone: all that reading a text and saying a sentence need."""
    return Names({}, [], {}, {each.id: each for each in all_segments(connection, workspace_id, archived=None)})


def names_of(connection: Connection, workspace_id: int) -> Names:
    """Hidden and blocked names are not offered; what is written of them is kept."""
    hidden = {name for kind, _parent, name in hidden_fields(connection, workspace_id) if kind == "attribute"}
    attributes = {name: type_ for name, type_ in _USUAL.items() if name not in hidden}
    events: list[str] = []
    properties: dict[str, dict[str, str]] = {}
    for one in names_offered(connection, workspace_id):
        type_ = _TYPE_OF.get(one.type, "")
        if one.kind == "attribute":
            attributes[written_path((one.name,))] = type_
        elif one.kind == "property":
            properties.setdefault(one.parent, {})[written_path((one.name,))] = type_
        elif one.name not in _NOT_DONE:
            events.append(one.name)
    found = {each.id: each for each in all_segments(connection, workspace_id, archived=None)}
    return Names(dict(sorted(attributes.items())), events, properties, found)


_NOT_DONE: Final = frozenset(HOUSE_EVENTS[kind] for kind in ("identify", "group", "alias") if kind in HOUSE_EVENTS)
"""Events that say who people are: they are not what somebody did."""


def attribute_label(name: str) -> str:
    """`Country` for `country`; a name of the workspace's own stands as it is."""
    return attribute_in_words(name)


def facts() -> list[tuple[str, str]]:
    """What is known of everybody, in people's words, each beginning with a capital."""
    return [(name, capital(fact_called(name))) for name in FACTS]


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def identifier_kinds() -> Choices:
    return list(IDENTIFIER_KINDS.items())


def channels() -> Choices:
    return [(channel, CHANNEL_WORDS[channel]) for channel in CHANNELS]


def ops_for(type_: str, op: str, kind: str = "") -> Choices:
    """The comparisons that fit the type, and the one that is chosen, whatever it is."""
    fitting: tuple[str, ...] = BY_TYPE.get(type_, BY_TYPE[""])
    if kind in ("first", "last"):
        fitting = ("in_last", "in_last_hours", "before", "after", "during", "in_next")
    elif kind in ("sum", "average"):
        fitting = ("at_least", "at_most", "more", "less", "equals")
    if op in OPS and op not in fitting:
        fitting = (*fitting, op)
    return [(each, OPS[each]) for each in fitting]


def fitted(row: NodeDraft, names: Names) -> NodeDraft:
    """The row with a name, where it has none, and a comparison that fits what it compares."""
    if not row.name:
        row.name = _first_name(row.kind, names)
    if row.kind in ("sum", "average") and row.of not in names.properties.get(row.name, {}):
        numbers = [name for name, type_ in names.properties.get(row.name, {}).items() if type_ == "number"]
        row.of = (numbers or [""])[0]
    fit_test(row.test, names.type_of(row.kind, row.name), row.kind)
    return row


def _first_name(kind: str, names: Names) -> str:
    if kind in ON_EVENTS:
        return names.events[0] if names.events else ""
    first = {
        "attribute": "country" if "country" in names.attributes else "",
        "fact": "last_seen_at",
        "identifier": "email",
        "reachable": "email",
        "segment": str(names.offered[0].id) if names.offered else "",
    }
    return first.get(kind, "")


def fitted_ask(ask: AskDraft, kind: str, event: str, names: Names) -> AskDraft:
    """As `fitted`, of a test within a row."""
    if not ask.name:
        inside = names.inside(kind, event)
        ask.name = "platform" if kind == "device" else inside[0] if inside else ""
    fit_test(ask.test, names.type_inside(kind, event, ask.name), "")
    return ask


def fit_test(test: TestDraft, type_: str, kind: str) -> None:
    """Another comparison where this one does not fit the type; a value of the type where it takes any."""
    if test.op not in [op for op, _words in ops_for(type_, "", kind)]:
        test.op = str(ops_for(type_, "", kind)[0][0])
    if type_ in ("text", "number", "boolean"):
        test.type = type_
        if type_ == "boolean" and test.value not in ("true", "false"):
            test.value = "true"
    if SHAPES.get(test.op) in ("days", "hours") and not test.value.isdigit():
        test.value, test.other = "30" if SHAPES[test.op] == "days" else "24", ""
