"""The person as the card and the API show them: all members of a root, read together."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from xxhash import xxh64_hexdigest, xxh64_intdigest

from tessera.foundation.clock import SECOND, Micros, to_datetime
from tessera.identity.queries import HeldIdentifier, Member, MergeRecord
from tessera.profiles.facts import DEFAULT_STATUS
from tessera.profiles.fold import MILLIONTHS, ORDER_COMPLETED
from tessera.profiles.registers import Register, value_of
from tessera.profiles.state import (
    Activity,
    Counter,
    Device,
    Group,
    Portrait,
    Registration,
    Standing,
    State,
    Touch,
)

BUCKETS = 10_000


class IdentifierView(Struct, frozen=True):
    kind: str
    value: str
    verified: bool
    first_seen: datetime
    profile_id: UUID


class CounterView(Struct, frozen=True):
    """`revenue` by currency (ISO 4217), in whole units."""

    count: int
    first_at: datetime
    last_at: datetime
    last_30_days: int
    revenue: dict[str, float]


class PurchasesView(Struct, frozen=True):
    """Completed orders. `revenue` is in `currency`: the one currency used, else the workspace's own."""

    count: int
    revenue: float
    currency: str
    revenue_by_currency: dict[str, float]
    first_at: datetime | None
    last_at: datetime | None


class SessionsView(Struct, frozen=True):
    count: int
    first_at: datetime | None
    last_at: datetime | None


class DeviceView(Struct, frozen=True, omit_defaults=True):
    id: str
    first_at: datetime
    last_at: datetime
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


class TouchView(Struct, frozen=True):
    at: datetime
    source: str | None
    medium: str | None
    name: str | None
    term: str | None
    content: str | None


class UtmView(Struct, frozen=True):
    first: TouchView | None
    last: TouchView | None


class ActivityView(Struct, frozen=True):
    at: datetime
    event: str | None
    source_id: int | None
    device: str | None
    platform: str | None
    browser: str | None
    ip: str | None
    country: str | None
    city: str | None
    region: str | None
    postcode: str | None
    time_zone: str | None


class RegistrationView(Struct, frozen=True):
    """The first time the person said who they are: the evidence of their registration."""

    at: datetime
    event: str | None
    source_id: int | None
    ip: str | None
    country: str | None
    city: str | None
    page: str | None
    referrer: str | None
    user_agent: str | None
    vendor: str | None


class StandingView(Struct, frozen=True):
    """Who last set the status, when and why."""

    at: datetime
    reason: str
    by: str


class AvatarView(Struct, frozen=True):
    """Where the picture is kept: `digest` changes with it, so that what was fetched may be kept."""

    profile_id: UUID
    digest: str


class GroupView(Struct, frozen=True):
    group_id: str
    first_at: datetime
    last_at: datetime
    traits: dict[str, Any]


class MemberView(Struct, frozen=True):
    profile_id: UUID
    created_at: datetime


class MergeView(Struct, frozen=True):
    """`kept` and `absorbed` stood for the two people; the links are the very profiles that were linked."""

    merge_id: UUID
    kept: UUID
    absorbed: UUID
    kept_link: UUID
    absorbed_link: UUID
    reason: str
    evidence: dict[str, Any]
    at: datetime
    undone_at: datetime | None
    undone_by: str | None


class PersonView(Struct, frozen=True):
    """`profile_id` is the profile that stands for the person (its root), as is `person_id`."""

    profile_id: UUID
    person_id: UUID
    md5: str
    xxh: str
    status: str
    standing: StandingView | None
    test_subscriber: bool
    avatar: AvatarView | None
    name: str | None
    email: str
    email_is_placeholder: bool
    random_bucket: int
    identifiers: list[IdentifierView]
    attributes: dict[str, Any]
    inferred: dict[str, Any]
    events: dict[str, CounterView]
    purchases: PurchasesView
    sessions: SessionsView
    devices: list[DeviceView]
    groups: list[GroupView]
    registration: RegistrationView | None
    last_activity: ActivityView | None
    utm: UtmView
    members: list[MemberView]
    merges: list[MergeView]
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    created_at: datetime


def md5_of(profile_id: UUID) -> str:
    """The MD5 of the id's text form, for links that must not carry the id."""
    return hashlib.md5(str(profile_id).encode(), usedforsecurity=False).hexdigest()


def xxh_of(profile_id: UUID) -> str:
    """The XXH64 of the id's text form, 16 hexadecimal digits."""
    return xxh64_hexdigest(str(profile_id).encode())


def bucket_of(profile_id: UUID) -> int:
    """0 to 9999, the same for ever, evenly spread: what experiments and control groups are cut by."""
    return xxh64_intdigest(str(profile_id).encode()) % BUCKETS


def placeholder_of(profile_id: UUID) -> str:
    """What stands where an e-mail is required and there is none. Never sendable (reference semantics §3.1)."""
    return f"{profile_id}@localhost"


def values_of(registers: Mapping[str, Register]) -> dict[str, Any]:
    """The attributes that have a value, by name."""
    values = ((name, value_of(register)) for name, register in sorted(registers.items()))
    return {name: value for name, value in values if value is not None}


def name_of(attributes: Mapping[str, Any]) -> str | None:
    """What to call the person: first and last name, else the name they gave."""
    parts = [attributes.get("first_name"), attributes.get("last_name")]
    name = " ".join(part for part in parts if isinstance(part, str) and part)
    given = attributes.get("name")
    return name or (given if isinstance(given, str) else None)


def view_of(
    root: UUID,
    state: State,
    *,
    members: Sequence[Member],
    identifiers: Sequence[HeldIdentifier],
    merges: Sequence[MergeRecord],
    currency: str,
    today: int,
) -> PersonView:
    """Put the person together. `today` is the UTC day (days since 1970) that "the last 30 days" count back from."""
    attributes = values_of(state.attributes)
    inferred = {name: value for name, value in values_of(state.inferred).items() if name not in attributes}
    email = attributes.get("email") or next((i.value for i in reversed(identifiers) if i.kind == "email"), None)
    born = min((member.created_at for member in members), default=None)
    return PersonView(
        profile_id=root,
        person_id=root,
        md5=md5_of(root),
        xxh=xxh_of(root),
        status=state.standing.status if state.standing else DEFAULT_STATUS,
        standing=_standing(state.standing),
        test_subscriber=state.test is not None and state.test.on,
        avatar=_avatar(state.portrait),
        name=name_of(attributes),
        email=email or placeholder_of(root),
        email_is_placeholder=email is None,
        random_bucket=bucket_of(root),
        identifiers=[IdentifierView(i.kind, i.value, i.verified, i.first_seen, i.profile_id) for i in identifiers],
        attributes=attributes,
        inferred=inferred,
        events={name: _counter(counter, currency, today) for name, counter in sorted(state.events.items())},
        purchases=_purchases(state.events.get(ORDER_COMPLETED), currency),
        sessions=_sessions(state),
        devices=_devices(state.devices),
        groups=[_group(key, group) for key, group in sorted(state.groups.items())],
        registration=_registration(state.registration),
        last_activity=_activity(state.activity),
        utm=UtmView(_touch(state.first_touch), _touch(state.last_touch)),
        members=[MemberView(member.profile_id, member.created_at) for member in members],
        merges=[merge_view(merge) for merge in merges],
        first_seen_at=_moment(state.first),
        last_seen_at=_moment(state.last),
        created_at=_moment(state.created) or born or to_datetime(0),
    )


def merge_view(merge: MergeRecord) -> MergeView:
    """The merge as the card and the API show it."""
    return MergeView(**{name: getattr(merge, name) for name in MergeView.__struct_fields__})


def _standing(standing: Standing | None) -> StandingView | None:
    return StandingView(to_datetime(standing.at), standing.reason, standing.by) if standing else None


def _avatar(portrait: Portrait | None) -> AvatarView | None:
    if portrait is None or portrait.digest is None:
        return None
    return AvatarView(portrait.profile_id, portrait.digest)


def _registration(found: Registration | None) -> RegistrationView | None:
    if found is None:
        return None
    fields = {name: getattr(found, name) for name in RegistrationView.__struct_fields__ if name != "at"}
    return RegistrationView(at=to_datetime(found.at), **fields)


def _moment(micros: Micros) -> datetime | None:
    return to_datetime(micros) if abs(micros) < 2**60 else None


def _money(revenue: Mapping[str, int], currency: str) -> dict[str, float]:
    money: dict[str, float] = {}
    for code, amount in sorted(revenue.items()):
        money[code or currency] = money.get(code or currency, 0) + amount / MILLIONTHS
    return money


def _counter(counter: Counter, currency: str, today: int) -> CounterView:
    recent = sum(count for day, count in counter.days.items() if int(day) >= today - 30)
    revenue = _money(counter.revenue, currency)
    return CounterView(counter.count, to_datetime(counter.first), to_datetime(counter.last), recent, revenue)


def _purchases(counter: Counter | None, currency: str) -> PurchasesView:
    if counter is None:
        return PurchasesView(0, 0.0, currency, {}, None, None)
    by_currency = _money(counter.revenue, currency)
    main = next(iter(by_currency)) if len(by_currency) == 1 else currency
    first, last = to_datetime(counter.first), to_datetime(counter.last)
    return PurchasesView(counter.count, by_currency.get(main, 0.0), main, by_currency, first, last)


def _sessions(state: State) -> SessionsView:
    sessions = state.sessions
    if not sessions.count:
        return SessionsView(0, None, None)
    first = sessions.settled_first if sessions.settled else sessions.intervals[0][0]
    assert sessions.last is not None
    return SessionsView(sessions.count, to_datetime(first * SECOND), to_datetime(sessions.last * SECOND))


def _devices(devices: Mapping[str, Device]) -> list[DeviceView]:
    newest_first = sorted(devices.items(), key=lambda item: (item[1].at, item[0]), reverse=True)
    return [
        DeviceView(
            key,
            to_datetime(device.first),
            to_datetime(device.at),
            **{name: getattr(device, name) for name in _DEVICE_FIELDS},
        )
        for key, device in newest_first
    ]


_DEVICE_FIELDS = tuple(name for name in Device.__struct_fields__ if name not in ("first", "at", "tie"))


def _group(key: str, group: Group) -> GroupView:
    return GroupView(key, to_datetime(group.first), to_datetime(group.last), values_of(group.traits))


def _touch(touch: Touch | None) -> TouchView | None:
    if touch is None:
        return None
    return TouchView(to_datetime(touch.at), touch.source, touch.medium, touch.name, touch.term, touch.content)


def _activity(activity: Activity | None) -> ActivityView | None:
    if activity is None:
        return None
    fields = {name: getattr(activity, name) for name in ActivityView.__struct_fields__ if name != "at"}
    return ActivityView(at=to_datetime(activity.at), **fields)
