"""What a tab of the card can show: every attribute, and the facts a person has beside them, each under a key."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple

from django.utils.translation import gettext_lazy as _
from msgspec import Struct

from tessera.console.words import ATTRIBUTES, Text, attribute_in_words
from tessera.profiles.person import PersonView, TouchView

Look = Literal["text", "moment", "number", "money", "code", "status", "source", "address"]
Read = Callable[[PersonView], Any]
ATTRIBUTE: Final = "attribute:"
LONGEST_KEY: Final = 265


class FieldLine(Struct, frozen=True):
    """One line of a tab. `name` is the attribute's, where it is one; `inferred` ones nobody said."""

    key: str
    label: str
    value: Any
    look: Look = "text"
    name: str = ""
    inferred: bool = False


class Fact(NamedTuple):
    label: Text
    look: Look
    read: Read


def _of(part: str, field: str) -> Read:
    def read(person: PersonView) -> Any:
        whole = getattr(person, part)
        return getattr(whole, field) if whole is not None else None

    return read


def _plain(field: str) -> Read:
    return lambda person: getattr(person, field)


def _identifier(kind: str) -> Read:
    return lambda person: next((one.value for one in person.identifiers if one.kind == kind), None)


def _touch(touch: TouchView | None) -> str | None:
    parts = (touch.source, touch.medium, touch.name) if touch else ()
    return " / ".join(part for part in parts if part) or None


_REGISTERED: Final[dict[str, tuple[Text, Look]]] = {
    "at": (_("Registered"), "moment"),
    "event": (_("Registered by"), "text"),
    "source_id": (_("Registered at"), "source"),
    "ip": (_("Registration IP"), "code"),
    "city": (_("Registration city"), "text"),
    "country": (_("Registration country"), "text"),
    "page": (_("Registration page"), "address"),
    "referrer": (_("Came to it from"), "address"),
    "vendor": (_("Sent by"), "text"),
    "user_agent": (_("User agent"), "text"),
}
_TRACKED: Final[dict[str, tuple[Text, Look]]] = {
    "at": (_("Last activity"), "moment"),
    "event": (_("Last event"), "text"),
    "source_id": (_("Last source"), "source"),
    "ip": (_("Last IP"), "code"),
    "city": (_("Last city"), "text"),
    "country": (_("Last country"), "text"),
    "region": (_("Last region"), "text"),
    "postcode": (_("Last postal code"), "text"),
    "time_zone": (_("Last time zone"), "text"),
    "device": (_("Last device"), "text"),
    "platform": (_("Last platform"), "text"),
    "browser": (_("Last browser"), "text"),
}
REGISTRATION: Final = tuple(_REGISTERED)
TRACKED: Final = tuple(_TRACKED)
FACTS: Final[dict[str, Fact]] = {
    "status": Fact(_("Status"), "status", _plain("status")),
    "test_subscriber": Fact(_("Test subscriber"), "text", _plain("test_subscriber")),
    "user_id": Fact(_("User ID"), "code", _identifier("user_id")),
    "first_seen_at": Fact(_("First seen"), "moment", _plain("first_seen_at")),
    "last_seen_at": Fact(_("Last seen"), "moment", _plain("last_seen_at")),
    "created_at": Fact(_("Created"), "moment", _plain("created_at")),
    "orders": Fact(_("Orders"), "number", _of("purchases", "count")),
    "revenue": Fact(_("Revenue"), "money", _plain("purchases")),
    "last_order_at": Fact(_("Last order"), "moment", _of("purchases", "last_at")),
    "sessions": Fact(_("Sessions"), "number", _of("sessions", "count")),
    "events": Fact(_("Events"), "number", lambda person: sum(one.count for one in person.events.values())),
    "first_touch": Fact(_("First campaign"), "text", lambda person: _touch(person.utm.first)),
    "last_touch": Fact(_("Last campaign"), "text", lambda person: _touch(person.utm.last)),
    "random_bucket": Fact(_("Random bucket"), "code", _plain("random_bucket")),
    **{f"registration.{name}": Fact(*_REGISTERED[name], _of("registration", name)) for name in REGISTRATION},
    **{f"activity.{name}": Fact(*_TRACKED[name], _of("last_activity", name)) for name in TRACKED},
}

CONTACT: Final = ("email", "phone", "address", "website", "username")
PERSONAL: Final = tuple(name for name in ATTRIBUTES if name not in CONTACT)


def is_field(key: str) -> bool:
    """Whether a tab can show this key, for one person or another."""
    if key.startswith(ATTRIBUTE):
        return len(ATTRIBUTE) < len(key) <= LONGEST_KEY and "\0" not in key
    return key in FACTS


def label_of(key: str) -> str:
    """What the field is called."""
    return attribute_in_words(key.removeprefix(ATTRIBUTE)) if key.startswith(ATTRIBUTE) else str(FACTS[key].label)


def chosen_lines(person: PersonView, keys: Iterable[str]) -> list[FieldLine]:
    """These fields in this order, also where nothing is known."""
    return [line_of_field(person, key) for key in keys]


def known_lines(person: PersonView, keys: Iterable[str]) -> list[FieldLine]:
    """Those of the fields that something is known about."""
    return [line for line in chosen_lines(person, keys) if line.value is not None]


def line_of_field(person: PersonView, key: str) -> FieldLine:
    """The field with the person's value, or None as its value."""
    if not key.startswith(ATTRIBUTE):
        fact = FACTS[key]
        return FieldLine(key, str(fact.label), fact.read(person), fact.look)
    name = key.removeprefix(ATTRIBUTE)
    inferred = name not in person.attributes and name in person.inferred
    value = person.inferred[name] if inferred else person.attributes.get(name)
    return FieldLine(key, label_of(key), value, name=name, inferred=inferred)


def given_lines(person: PersonView, tab: str) -> list[FieldLine]:
    """What a tab shows whose fields nobody chooses."""
    match tab:
        case "personal":
            return known_lines(person, _attributes(PERSONAL))
        case "contact":
            return known_lines(person, _attributes(CONTACT))
        case "registration":
            return known_lines(person, [f"registration.{name}" for name in REGISTRATION])
        case "tracked":
            return known_lines(person, [f"activity.{name}" for name in TRACKED])
    return known_lines(person, _attributes(sorted(set(person.attributes) - set(ATTRIBUTES))))


def _attributes(names: Iterable[str]) -> list[str]:
    return [ATTRIBUTE + name for name in names]


def attribute_lines(person: PersonView) -> list[FieldLine]:
    """Every attribute: the standard ones in their order, then the custom ones by name, then what was inferred."""
    said = person.attributes
    names = [*(name for name in ATTRIBUTES if name in said), *(name for name in said if name not in ATTRIBUTES)]
    return known_lines(person, _attributes([*names, *person.inferred]))


def choices(person: PersonView, taken: Sequence[str]) -> list[tuple[str, str]]:
    """The fields that may still be put on a tab, by label."""
    offered = [*FACTS, *_attributes(ATTRIBUTES), *_attributes(person.attributes)]
    return sorted(
        ((key, label_of(key)) for key in dict.fromkeys(offered) if key not in taken),
        key=lambda pair: pair[1].casefold(),
    )
