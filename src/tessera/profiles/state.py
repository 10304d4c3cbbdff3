"""The state of a profile: the fold of the events attributed to it, independent of their order.

Every part is a commutative, associative, idempotent merge (duplicates are gone before the fold): attributes are
registers, counts add, first is min, last is max, devices and groups are maps of such parts, sessions are intervals
that join when they touch. `merge_states` of all members is the person; encoded canonically, equal people are equal
bytes.
"""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct, field

from tessera.foundation.clock import Micros
from tessera.profiles import registers
from tessera.profiles import sessions as intervals
from tessera.profiles.registers import Register

MAX_DEVICES: Final = 50
MOST_WHOLE: Final = 2**63 - 1
BUCKET_DAYS: Final = 31
"""Daily counts are kept for the last day seen and the 30 before it: what "in the last 30 days" needs."""


class Counter(Struct, omit_defaults=True, gc=False):
    """How often, first and last.

    `days` counts per UTC day (its number since 1970, as text); `revenue` is in millionths per currency.
    """

    count: int
    first: Micros
    last: Micros
    days: dict[str, int] = {}
    revenue: dict[str, int] = {}


class Device(Struct, omit_defaults=True, gc=False):
    """A device as its latest event described it (reference semantics §3.2)."""

    first: Micros
    at: Micros
    tie: int
    type: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    name: str | None = None
    platform: str | None = None
    platform_version: str | None = None
    time_zone: str | None = None
    language: str | None = None
    browser: str | None = None
    browser_version: str | None = None
    app: str | None = None
    app_id: str | None = None
    app_version: str | None = None
    app_install_id: str | None = None
    ad_id: str | None = None
    ads_allowed: bool | None = None
    token: str | None = None


class Touch(Struct, omit_defaults=True, gc=False):
    """A campaign that brought the person here."""

    at: Micros
    tie: int
    source: str | None = None
    medium: str | None = None
    name: str | None = None
    term: str | None = None
    content: str | None = None


class Activity(Struct, omit_defaults=True, gc=False):
    """The latest thing the person did, and from where."""

    at: Micros
    tie: int
    event: str | None = None
    source_id: int | None = None
    device: str | None = None
    platform: str | None = None
    browser: str | None = None
    ip: str | None = None
    country: str | None = None
    city: str | None = None
    region: str | None = None
    postcode: str | None = None
    time_zone: str | None = None


class Registration(Struct, array_like=True, gc=False):
    """The first time the person said who they are, and from where (reference semantics §3.1: opt-in evidence)."""

    at: Micros
    tie: int
    event: str | None = None
    source_id: int | None = None
    ip: str | None = None
    country: str | None = None
    city: str | None = None
    page: str | None = None
    referrer: str | None = None
    user_agent: str | None = None
    vendor: str | None = None


class Standing(Struct, omit_defaults=True, gc=False):
    """The status as it was last set, by whom and why (the seven of reference semantics §3.2)."""

    at: Micros
    tie: int
    status: str
    reason: str = ""
    by: str = ""


class TrialMark(Struct, omit_defaults=True, gc=False):
    """Whether the person is one of ours who tries things out, as it was last said."""

    at: Micros
    tie: int
    on: bool
    by: str = ""


class Portrait(Struct, omit_defaults=True, gc=False):
    """The picture as it was last changed: whose row of `profiles_avatar` it is in; no digest where it was removed."""

    at: Micros
    tie: int
    profile_id: UUID
    digest: str | None = None
    by: str = ""


class Group(Struct, omit_defaults=True, gc=False):
    first: Micros
    last: Micros
    traits: dict[str, Register] = {}


class State(Struct, omit_defaults=True, gc=False):
    """Everything known from the events of one profile (or, merged, of one person)."""

    created: Micros = 2**62
    """When the first of the events reached us."""
    first: Micros = 2**62
    last: Micros = registers.NEVER
    attributes: dict[str, Register] = field(default_factory=dict)
    inferred: dict[str, Register] = field(default_factory=dict)
    """Language, time zone and country as devices report them; an attribute said outright goes before."""
    events: dict[str, Counter] = field(default_factory=dict)
    sessions: intervals.Sessions = field(default_factory=intervals.Sessions)
    devices: dict[str, Device] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    first_touch: Touch | None = None
    last_touch: Touch | None = None
    activity: Activity | None = None
    registration: Registration | None = None
    standing: Standing | None = None
    test: TrialMark | None = None
    portrait: Portrait | None = None


decode_state = msgspec.json.Decoder(State).decode
encode_state = msgspec.json.Encoder(order="deterministic").encode


def merge_states(states: Iterable[State]) -> State:
    """All these profiles as one person."""
    person = State()
    for state in states:
        _absorb(person, state)
    return person


def _absorb(person: State, other: State) -> None:
    person.created = min(person.created, other.created)
    person.first = min(person.first, other.first)
    person.last = max(person.last, other.last)
    _absorb_registers(person.attributes, other.attributes)
    _absorb_registers(person.inferred, other.inferred)
    for name, counter in other.events.items():
        mine = person.events.get(name)
        person.events[name] = _sum(mine, counter) if mine else counter
    person.sessions = intervals.united(person.sessions, other.sessions)
    for key, device in other.devices.items():
        known = person.devices.get(key)
        person.devices[key] = later_device(known, device) if known else device
    prune_devices(person.devices)
    for key, group in other.groups.items():
        _absorb_group(person.groups, key, group)
    person.first_touch = _pick(person.first_touch, other.first_touch, latest=False)
    person.last_touch = _pick(person.last_touch, other.last_touch, latest=True)
    person.activity = _pick(person.activity, other.activity, latest=True)
    person.registration = _pick(person.registration, other.registration, latest=False)
    person.standing = _pick(person.standing, other.standing, latest=True)
    person.test = _pick(person.test, other.test, latest=True)
    person.portrait = _pick(person.portrait, other.portrait, latest=True)


def _absorb_registers(mine: dict[str, Register], theirs: dict[str, Register]) -> None:
    for name, register in theirs.items():
        known = mine.get(name)
        mine[name] = registers.merged(known, register) if known else register


def _absorb_group(groups: dict[str, Group], key: str, other: Group) -> None:
    known = groups.get(key)
    if known is None:
        groups[key] = other
        return
    traits = dict(known.traits)
    _absorb_registers(traits, other.traits)
    groups[key] = Group(min(known.first, other.first), max(known.last, other.last), traits)


def _sum(one: Counter, other: Counter) -> Counter:
    days = dict(one.days)
    for day, count in other.days.items():
        days[day] = days.get(day, 0) + count
    revenue = dict(one.revenue)
    for currency, amount in other.revenue.items():
        revenue[currency] = within_64_bits(revenue.get(currency, 0) + amount)
    counter = Counter(one.count + other.count, min(one.first, other.first), max(one.last, other.last), days, revenue)
    prune_days(counter)
    return counter


def within_64_bits(amount: int) -> int:
    """The amount, or the largest that JSON readers elsewhere can hold."""
    return min(max(amount, -MOST_WHOLE), MOST_WHOLE)


def prune_days(counter: Counter) -> None:
    """Forget the days before the window that ends with the last day seen."""
    numbers = [int(day) for day in counter.days]
    oldest = max(numbers, default=0) - BUCKET_DAYS
    if min(numbers, default=0) <= oldest:
        counter.days = {day: count for day, count in counter.days.items() if int(day) > oldest}


def later_device(one: Device, other: Device) -> Device:
    newest = other if (other.at, other.tie) > (one.at, one.tie) else one
    first = min(one.first, other.first)
    return newest if newest.first == first else msgspec.structs.replace(newest, first=first)


def prune_devices(devices: dict[str, Device]) -> None:
    """Keep the most recently used ones."""
    while len(devices) > MAX_DEVICES:
        del devices[min(devices, key=lambda key: (devices[key].at, devices[key].tie))]


def _pick(one: Any, other: Any, *, latest: bool) -> Any:
    if one is None or other is None:
        return one or other
    later = (other.at, other.tie) > (one.at, one.tie)
    return other if later == latest else one
