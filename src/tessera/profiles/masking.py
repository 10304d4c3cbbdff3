"""Personal data as those see it who may not: masked copies of what the queries of this room answer.

A mask covers a value for one of three reasons: it stands under a personal name (the standard set below, and what the
catalogue flags), it looks like an e-mail, a phone number or an address on the internet, or it is one of the person's
own known values, wherever it turns up. The look is the same every time: `a•••@e•••.com`, `•••• 123`, `A•••`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote, quote_plus
from uuid import UUID

import msgspec
import psycopg
from msgspec.structs import replace

from tessera.events.catalogue import personal_fields
from tessera.events.event import SYSTEM
from tessera.identity import queries as identity
from tessera.identity.queries import RefusalRecord
from tessera.profiles.bundle import Export
from tessera.profiles.mask_looks import (
    DOTS,
    EMAIL,
    INTERNATIONAL,
    covered,
    is_address,
    look_of,
    looks_like_phone,
    masked_email,
    masked_phone,
    plain,
    shortened,
)
from tessera.profiles.person import (
    ActivityView,
    DeviceView,
    GroupView,
    IdentifierView,
    MergeView,
    PersonView,
    RegistrationView,
    StandingView,
    UtmView,
    values_of,
)
from tessera.profiles.queries import PeoplePage, PersonSummary
from tessera.profiles.relations_of import Relations, RelationView
from tessera.profiles.state import State
from tessera.profiles.store import read_states
from tessera.profiles.timeline import TimelineEvent, TimelinePage

Connection = psycopg.Connection[Any]
Field = tuple[str, str, str]
"""(kind, parent, name) as the catalogue has it."""

PERSONAL_KINDS: Final = frozenset({"email", "phone", "device_token"})
"""Identifiers that are personal whatever they look like."""

PERSONAL_ATTRIBUTES: Final = frozenset(
    {
        *("first_name", "last_name", "name", "email", "phone", "dob", "address", "current_location"),
        *("username", "website", "avatar"),
    }
)
"""Standard attributes that are always masked."""

_ANYWHERE: Final = frozenset(
    {
        *("firstname", "lastname", "surname", "familyname", "givenname", "middlename", "fullname", "nickname"),
        *("maidenname", "displayname", "email", "emailaddress", "mail", "phone", "phonenumber", "mobile"),
        *("mobilephone", "mobilenumber", "telephone", "tel", "cell", "cellphone", "fax", "whatsapp", "telegram"),
        *("dob", "birthday", "birthdate", "dateofbirth", "address", "address1", "address2", "addressline1"),
        *("addressline2", "street", "streetaddress", "shippingaddress", "billingaddress", "postcode", "postalcode"),
        *("zip", "zipcode", "currentlocation", "latitude", "longitude", "lat", "lng", "lon", "coordinates"),
        *("ip", "ipaddress", "avatar", "photo", "photourl", "username", "login", "screenname", "website", "homepage"),
        *("passport", "passportnumber", "ssn", "socialsecuritynumber", "nationalid", "taxid", "vatid", "iban"),
        *("creditcard", "cardnumber", "devicetoken", "pushtoken", "token", "advertisingid", "idfa", "gaid", "adid"),
        *("installid", "appinstallid"),
    }
)
"""Names that mean a person wherever they stand, written without case, spaces, `_` and `-`."""

Names = Callable[[str], bool]


class Mask:
    """What one viewer must not read. `known` are values of the people who are looked at."""

    def __init__(self, fields: frozenset[Field] = frozenset(), known: Iterable[str] = ()) -> None:
        self._attributes = frozenset(plain(name) for kind, _, name in fields if kind == "attribute")
        self._properties = frozenset((parent, plain(name)) for kind, parent, name in fields if kind == "property")
        self._known = frozenset(value.strip() for value in known if len(value.strip()) > 1)

    def knowing(self, known: Iterable[str]) -> "Mask":
        """The same mask with more values to look for."""
        wider = Mask(known=(*self._known, *known))
        wider._attributes, wider._properties = self._attributes, self._properties
        return wider

    def person(self, view: PersonView) -> PersonView:
        """The card's read model, with everything personal masked and the same shape."""
        mask = self.knowing(known_of_view(view))
        return replace(
            view,
            name=mask.words(view.name),
            email=view.email if view.email_is_placeholder else masked_email(view.email),
            identifiers=[mask.identifier(one) for one in view.identifiers],
            attributes=mask.attributes(view.attributes),
            inferred=mask.attributes(view.inferred),
            events={mask.text(name): counter for name, counter in view.events.items()},
            devices=[mask.device(one) for one in view.devices],
            groups=[mask.group(one) for one in view.groups],
            last_activity=mask.activity(view.last_activity),
            registration=mask.registration(view.registration),
            standing=mask.standing(view.standing),
            avatar=None,
            utm=mask.utm(view.utm),
            merges=[mask.merge(one) for one in view.merges],
        )

    def summary(self, one: PersonSummary) -> PersonSummary:
        """A line of the people list."""
        return replace(
            one,
            name=self.words(one.name),
            email=one.email if one.email_is_placeholder else masked_email(one.email),
            phone=masked_phone(one.phone) if one.phone else one.phone,
        )

    def people(self, page: PeoplePage) -> PeoplePage:
        return replace(page, profiles=[self.summary(one) for one in page.profiles])

    def timeline(self, page: TimelinePage) -> TimelinePage:
        return replace(page, events=[self.event(one) for one in page.events])

    def event(self, one: TimelineEvent) -> TimelineEvent:
        return replace(
            one,
            name=self.text(one.name),
            body=self.body(one.body, event=one.name, by_the_house=one.type == SYSTEM),
            envelope=self.body(one.envelope, event=one.name),
        )

    def export(self, document: Export) -> Export:
        mask = self.knowing(known_of_view(document.profile))
        return replace(
            document,
            profile=mask.person(document.profile),
            picture=None,
            relations=[mask.relation(one) for one in document.relations],
            refusals=[mask.refusal(one) for one in document.refusals],
            events=[mask.event(one) for one in document.events],
        )

    def refusal(self, one: RefusalRecord) -> RefusalRecord:
        dropped = self.identifier_value(one.dropped_kind, one.dropped_value)
        return replace(one, dropped_value=dropped, evidence=self.body(one.evidence, by_the_house=True))

    def merge(self, one: MergeView) -> MergeView:
        return replace(one, reason=self.text(one.reason), evidence=self.body(one.evidence, by_the_house=True))

    def relations(self, found: Relations) -> Relations:
        """Both ends' names and identifiers, and what was noted about the relation."""
        return replace(found, relations=[self.relation(one) for one in found.relations])

    def relation(self, one: RelationView) -> RelationView:
        other = replace(
            one.other,
            value=self.identifier_value(one.other.kind, one.other.value),
            name=self.words(one.other.name),
            email=masked_email(one.other.email) if one.other.email else one.other.email,
        )
        return replace(one, other=other, properties=self._object(one.properties, self._in_groups))

    def identifier(self, one: IdentifierView) -> IdentifierView:
        return replace(one, value=self.identifier_value(one.kind, one.value))

    def identifier_value(self, kind: str, value: str) -> str:
        """By its kind; others only where they look like an e-mail or a phone, or are known."""
        match kind:
            case "email":
                return masked_email(value)
            case "phone":
                return masked_phone(value)
            case "device_token":
                return DOTS
        return self.text(value)

    def device(self, one: DeviceView) -> DeviceView:
        hidden = {name: DOTS for name in ("name", "token", "ad_id", "app_install_id") if getattr(one, name) is not None}
        return replace(one, id=self.text(one.id), **hidden)

    def group(self, one: GroupView) -> GroupView:
        return replace(one, group_id=self.text(one.group_id), traits=self._object(one.traits, self._in_groups))

    def activity(self, one: ActivityView | None) -> ActivityView | None:
        if one is None:
            return None
        hidden = {name: DOTS for name in ("ip", "postcode") if getattr(one, name) is not None}
        return replace(one, event=self.text(one.event) if one.event else one.event, **hidden)

    def registration(self, one: RegistrationView | None) -> RegistrationView | None:
        if one is None:
            return None
        texts = ("event", "page", "referrer", "user_agent", "vendor")
        shown = {name: self.text(text) for name in texts if (text := getattr(one, name))}
        return replace(one, ip=DOTS if one.ip else one.ip, **shown)

    def standing(self, one: StandingView | None) -> StandingView | None:
        return one and replace(one, reason=self.text(one.reason))

    def utm(self, one: UtmView) -> UtmView:
        def touch(found: Any) -> Any:
            names = ("source", "medium", "name", "term", "content")
            return found and replace(found, **{n: self.text(v) for n in names if (v := getattr(found, n))})

        return replace(one, first=touch(one.first), last=touch(one.last))

    def attributes(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        return {self.text(name): self.attribute(name, value) for name, value in attributes.items()}

    def attribute(self, name: str, value: Any) -> Any:
        """One attribute by its name; what is masked as a whole keeps the look of its kind."""
        if self._in_traits(name):
            return covered(value)
        return self.value(value, self._in_traits)

    def body(self, body: Any, *, event: str = "", by_the_house: bool = False) -> Any:
        """A message as it was sent, an envelope, or a record of the house (whose `actor` is a colleague)."""
        if not isinstance(body, Mapping):
            return self.value(body, self._anywhere)
        kept = {"actor", "undone_by"} if by_the_house else set()
        return {self.text(key): value if key in kept else self._part(key, value, event) for key, value in body.items()}

    def encoded(self, body: bytes, *, event: str = "", by_the_house: bool = False) -> bytes:
        """As `body`, of JSON as it is kept; what no reader can decode is covered whole."""
        try:
            document = msgspec.json.decode(body)
        except msgspec.DecodeError:
            return b'"' + DOTS.encode() + b'"'
        return msgspec.json.encode(self.body(document, event=event, by_the_house=by_the_house))

    def audit_detail(self, detail: Mapping[str, Any]) -> dict[str, Any]:
        return self._object(detail, self._anywhere)

    def words(self, text: str | None) -> str | None:
        """A name, word by word."""
        return None if text is None else " ".join(shortened(word) for word in text.split())

    def text(self, text: str) -> str:
        """Any text: known values and what looks like an e-mail, a phone or an address is masked inside it."""
        if self._pattern is not None:
            text = self._pattern.sub(lambda found: look_of(found.group()), text)
        if "@" in text or "%40" in text:
            text = EMAIL.sub(lambda found: masked_email(found.group()), text)
        if "+" in text or "%2" in text:
            text = INTERNATIONAL.sub(lambda found: masked_phone(found.group()), text)
        if looks_like_phone(text):
            return masked_phone(text)
        return DOTS if is_address(text) else text

    def value(self, value: Any, names: Names) -> Any:
        """A JSON value at any depth; `names` says which names of objects are personal."""
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return self._object(value, names)
            case list() | tuple():
                return self._list(value, names)
            case bool() | None:
                return value
            case int() | float():
                return DOTS if str(value) in self._digits else value
        return value

    def _part(self, key: str, value: Any, event: str) -> Any:
        match key:
            case "traits":
                return self.value(value, self._in_traits)
            case "properties":
                return self.value(value, lambda name: self._in_properties(event, name))
            case "context" if isinstance(value, Mapping):
                return {self.text(name): self._part(name, part, event) for name, part in value.items()}
            case "device":
                return self.value(value, lambda name: name == "name" or self._anywhere(name))
        return covered(value) if self._anywhere(key) else self.value(value, self._anywhere)

    def _object(self, value: Mapping[str, Any], names: Names) -> dict[str, Any]:
        return {
            self.text(name): covered(part) if names(name) else self.value(part, names) for name, part in value.items()
        }

    def _list(self, value: Sequence[Any], names: Names) -> list[Any]:
        """Identifiers are written as pairs of a kind and a value."""
        if len(value) == 2 and all(isinstance(part, str) for part in value) and value[0] in PERSONAL_KINDS:
            return [value[0], self.identifier_value(value[0], value[1])]
        return [self.value(part, names) for part in value]

    def _anywhere(self, name: str) -> bool:
        return plain(name) in _ANYWHERE

    def _in_groups(self, name: str) -> bool:
        return plain(name) in _ANYWHERE or plain(name) in self._attributes

    def _in_traits(self, name: str) -> bool:
        return plain(name) == "name" or self._in_groups(name)

    def _in_properties(self, event: str, name: str) -> bool:
        return plain(name) in _ANYWHERE or (event, plain(name)) in self._properties

    @cached_property
    def _pattern(self) -> "re.Pattern[str] | None":
        """The known values as whole words, however they are cased, and as they stand in addresses of pages."""
        spelled = {spelling for value in self._known for spelling in _spellings(value)}
        if not spelled:
            return None
        longest_first = sorted(spelled, key=lambda text: (-len(text), text))
        return re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, longest_first))})(?![^\W_])", re.IGNORECASE)

    @cached_property
    def _digits(self) -> frozenset[str]:
        return frozenset(spelling for value in self._known for spelling in _spellings(value) if spelling.isdigit())


def mask_for(connection: Connection, workspace_id: int, people: Iterable[UUID] = ()) -> Mask:
    """The mask of a workspace, knowing the values of these people, whichever of their profiles are named."""
    mask = Mask(personal_fields(connection, workspace_id))
    known = known_values(connection, list(people))
    return mask.knowing(value for values in known.values() for value in values)


def masks_for(connection: Connection, workspace_id: int, people: Iterable[UUID]) -> dict[UUID, Mask]:
    """As `mask_for`, one for each: for lists in which every row is of somebody else."""
    mask = Mask(personal_fields(connection, workspace_id))
    return {profile: mask.knowing(known) for profile, known in known_values(connection, list(people)).items()}


def known_values(connection: Connection, profiles: Sequence[UUID]) -> dict[UUID, frozenset[str]]:
    """What is personal of the people these profiles belong to, by profile; four statements however many there are."""
    if not profiles:
        return {}
    roots = identity.roots_of(connection, list(profiles))
    members = {member.profile_id: member.root_id for member in identity.members_of(connection, list(roots.values()))}
    known: dict[UUID, set[str]] = {}
    for held in identity.identifiers_of(connection, list(members)):
        if held.kind in PERSONAL_KINDS:
            known.setdefault(members[held.profile_id], set()).add(held.value)
    for profile, state in read_states(connection, list(members)).items():
        known.setdefault(members[profile], set()).update(_known_of_state(state))
    return {profile: frozenset(known.get(root, ())) for profile, root in roots.items()}


def _known_of_state(state: State) -> Iterable[str]:
    attributes = values_of(state.attributes)
    yield from _texts([attributes[name] for name in PERSONAL_ATTRIBUTES & attributes.keys()])
    for device in state.devices.values():
        yield from (value for value in (device.token, device.ad_id, device.app_install_id, device.name) if value)
    if state.activity and state.activity.ip:
        yield state.activity.ip


def known_of_view(view: PersonView) -> list[str]:
    """The person's own values, as the card holds them."""
    found = list(_texts([view.attributes[name] for name in PERSONAL_ATTRIBUTES & view.attributes.keys()]))
    found += [one.value for one in view.identifiers if one.kind in PERSONAL_KINDS]
    for one in view.devices:
        found += [value for value in (one.token, one.ad_id, one.app_install_id, one.name) if value]
    return found + ([view.last_activity.ip] if view.last_activity and view.last_activity.ip else [])


def _texts(value: Any) -> Iterable[str]:
    """Every text inside, and numbers as they are written."""
    match value:
        case str():
            yield value
            yield from (word for word in value.split() if len(word) > 2) if len(value) < 100 else ()
        case Mapping():
            for part in value.values():
                yield from _texts(part)
        case list():
            for part in value:
                yield from _texts(part)
        case bool() | None:
            return
        case int() | float():
            yield str(value)


def _spellings(value: str) -> set[str]:
    digits = value.removeprefix("+")
    numbers = {digits} if digits.isdigit() and len(digits) > 5 else set()
    return {value, quote(value, safe=""), quote_plus(value)} | numbers
