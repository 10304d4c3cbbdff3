"""The fold: what one event does to the state of its profile. Pure; the clock and the database are elsewhere.

`fold` may be given the events of a profile in any order. Each event must be given once (history holds each once).
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tessera.events.event import MERGE_OBJECTS, Event
from tessera.events.messages import Json
from tessera.foundation.clock import SECOND, Micros, day_of
from tessera.profiles import sessions
from tessera.profiles.attributes import (
    MAX_ATTRIBUTES,
    MAX_NAME,
    Misfit,
    is_operation,
    tame,
)
from tessera.profiles.devices import device_of, read_agent
from tessera.profiles.places import NOWHERE, place_of
from tessera.profiles.registers import Operation, Register, operate, write
from tessera.profiles.state import (
    Activity,
    Counter,
    Group,
    Registration,
    State,
    Touch,
    later_device,
    prune_days,
    prune_devices,
    within_64_bits,
)

ORDER_COMPLETED: Final = "Order Completed"
MILLIONTHS: Final = 1_000_000
MOST_MONEY: Final = 1e9
_CURRENCY: Final = re.compile(r"[A-Za-z]{3}")

MAX_ADDRESS: Final = 2_000

MAX_REFERENCE: Final = 500
"""Letters of an address or a user agent that are kept as evidence of a registration."""

_COUNTED: Final = frozenset({"track", "page", "screen"})
_ACTIVE: Final = frozenset({"track", "page", "screen", "identify"})
_TELLING: Final = frozenset({"identify", "track"})
_NAMES_A_PERSON: Final = frozenset({"user_id", "email", "phone"})
_CAMPAIGN_FIELDS: Final = ("source", "medium", "name", "term", "content")


def fold(state: State, events: Iterable[Event]) -> State:
    """Fold events into the state, in place; returns it."""
    for event in events:
        fold_event(state, event)
    return state


def fold_event(state: State, event: Event) -> None:
    at = event.occurred_at
    state.created = min(state.created, event.received_at)
    state.first = min(state.first, at)
    state.last = max(state.last, at)
    if event.traits:
        _fold_traits(state, event)
    if event.kind in _COUNTED and event.counted:
        _count(state, event)
    elif event.kind == "group":
        _fold_group(state, event)
    if event.kind in _TELLING:
        known = state.registration
        if known is None or (at, event.tie) < (known.at, known.tie):
            _fold_registration(state, event)
    if event.kind in _ACTIVE and is_by_the_person(event):
        sessions.note(state.sessions, at // SECOND)
        _fold_context(state, event)


def is_by_the_person(event: Event) -> bool:
    """False for what a server or a till says about someone who is not there (no session, no device, no place)."""
    context = event.context
    return (
        context.get("channel") != "server" and context.get("active") is not False and not from_server_library(context)
    )


def from_server_library(context: Json) -> bool:
    library = context.get("library")
    name = library.get("name") if type(library) is dict else None
    return type(name) is str and name in _SERVER_LIBRARIES


_SERVER_LIBRARIES: Final = frozenset(
    {
        "analytics-python",
        "analytics-node",
        "@segment/analytics-node",
        "analytics-go",
        "analytics-java",
        "analytics-ruby",
        "analytics-php",
        "analytics-dotnet",
        "analytics-rust",
        "RudderStack Python SDK",
        "rudder-sdk-python",
    }
)


def _fold_traits(state: State, event: Event) -> None:
    attributes = state.attributes
    merging = MERGE_OBJECTS in event.traits
    for name, value in event.traits.items():
        if name == MERGE_OBJECTS:
            continue
        register = attributes.get(name)
        if register is None:
            if len(attributes) >= MAX_ATTRIBUTES:
                continue
            if type(value) is not dict:
                attributes[name] = Register(event.occurred_at, event.tie, value)
                continue
            register = attributes[name] = Register()
        change(register, event.occurred_at, event.tie, value, merging=merging)


def change(register: Register, at: Micros, tie: int, value: Any, *, merging: bool = False) -> None:
    """One attribute change: a set, a removal (None), an operation, or a merge of objects."""
    if is_operation(value):
        ((op, argument),) = value.items()
        operate(register, Operation(at, tie, op, argument))
    elif merging and type(value) is dict:
        operate(register, Operation(at, tie, "merge", value))
    else:
        write(register, at, tie, value)


def _count(state: State, event: Event) -> None:
    at = event.occurred_at
    counter = state.events.get(event.name)
    if counter is None:
        counter = state.events[event.name] = Counter(0, at, at)
    counter.count += 1
    if at < counter.first:
        counter.first = at
    if at > counter.last:
        counter.last = at
    days, day = counter.days, str(day_of(at))
    known = days.get(day)
    days[day] = (known or 0) + 1
    if known is None and len(days) > 1:
        prune_days(counter)
    amount = revenue_of(event)
    if amount:
        currency = currency_of(event.message.properties or {})
        counter.revenue[currency] = within_64_bits(counter.revenue.get(currency, 0) + amount)


def revenue_of(event: Event) -> int:
    """What the event brought in, in millionths of its currency; 0 where it says nothing.

    `revenue`, or for an order also `total`, `value`, or the sum of its products (reference semantics §5.2).
    Whole numbers, because sums of floats depend on their order.
    """
    properties = event.message.properties
    if not properties:
        return 0
    amount = _money(properties.get("revenue"))
    if amount is None and event.name == ORDER_COMPLETED:
        amount = _money(properties.get("total"))
        if amount is None:
            amount = _money(properties.get("value"))
        if amount is None:
            amount = _sum_of_products(properties.get("products"))
    return amount or 0


def _money(value: Any) -> int | None:
    if type(value) is str:
        try:
            value = float(value)
        except ValueError:
            return None
    if type(value) not in (int, float) or not -MOST_MONEY <= value <= MOST_MONEY:
        return None
    millionths: int = round(value * MILLIONTHS)
    return millionths


def _sum_of_products(products: Any) -> int | None:
    if type(products) is not list:
        return None
    total = 0
    for product in products:
        if type(product) is dict:
            price, quantity = _money(product.get("price")), product.get("quantity", 1)
            if price is not None and type(quantity) is int and 0 <= quantity <= 1_000_000:
                total += price * quantity
    return total if abs(total) <= MOST_MONEY * MILLIONTHS else None


def currency_of(properties: Json) -> str:
    """ISO 4217, or the empty string where the event does not say: the workspace's own, decided on reading."""
    currency = properties.get("currency")
    return currency.upper() if type(currency) is str and _CURRENCY.fullmatch(currency) else ""


def _fold_group(state: State, event: Event) -> None:
    key = str(event.message.group_id)
    at = event.occurred_at
    group = state.groups.get(key)
    if group is None:
        if len(state.groups) >= MAX_ATTRIBUTES:
            return
        group = state.groups[key] = Group(at, at)
    group.first, group.last = min(group.first, at), max(group.last, at)
    for name, value in (event.message.traits or {}).items():
        if len(name) > MAX_NAME or (name not in group.traits and len(group.traits) >= MAX_ATTRIBUTES):
            continue
        with suppress(Misfit):
            write(group.traits.setdefault(name, Register()), at, event.tie, tame(value))


def _fold_context(state: State, event: Event) -> None:
    found = device_of(event)
    if found is not None:
        key, device = found
        known = state.devices.get(key)
        state.devices[key] = later_device(known, device) if known else device
        if len(state.devices) > 1:
            prune_devices(state.devices)
    place = place_of(event.ip) if event.ip else NOWHERE
    _infer(state, event, place.country, place.time_zone)
    touch = touch_of(event)
    if touch is not None:
        first, last = state.first_touch, state.last_touch
        if first is None or (touch.at, touch.tie) < (first.at, first.tie):
            state.first_touch = touch
        if last is None or (touch.at, touch.tie) > (last.at, last.tie):
            state.last_touch = touch
    latest = state.activity
    if latest is None or (event.occurred_at, event.tie) > (latest.at, latest.tie):
        agent = read_agent(event.user_agent) if event.user_agent else None
        state.activity = Activity(
            at=event.occurred_at,
            tie=event.tie,
            event=event.name,
            source_id=event.source_id,
            device=found[1].model or found[1].type if found else None,
            platform=found[1].platform if found else None,
            browser=agent.browser if agent else None,
            ip=event.ip,
            country=place.country,
            city=place.city,
            region=place.region,
            postcode=place.postcode,
            time_zone=place.time_zone or _time_zone(event.context),
        )


def _fold_registration(state: State, event: Event) -> None:
    """Evidence of who said first who this is, if that is what the event does.

    What staff write by hand has no source: that is not the person's word.
    """
    if event.source_id is None or not any(kind in _NAMES_A_PERSON for kind, _ in event.identifiers):
        return
    context = event.context
    page, library = context.get("page"), context.get("library")
    place = place_of(event.ip) if event.ip else NOWHERE
    state.registration = Registration(
        at=event.occurred_at,
        tie=event.tie,
        event=event.name,
        source_id=event.source_id,
        ip=event.ip,
        country=place.country,
        city=place.city,
        page=_reference(page, "url"),
        referrer=_reference(page, "referrer"),
        user_agent=event.user_agent[:MAX_REFERENCE] if event.user_agent else None,
        vendor=_reference(library, "name"),
    )


def _reference(source: Any, name: str) -> str | None:
    value = source.get(name) if type(source) is dict else None
    return value[:MAX_REFERENCE] if type(value) is str and value else None


def _infer(state: State, event: Event, country: str | None, time_zone: str | None) -> None:
    locale = event.context.get("locale")
    language = locale[:35].replace("_", "-").split("-", 1)[0].lower() if type(locale) is str else None
    said = {"language": language, "country": country, "time_zone": _time_zone(event.context) or time_zone}
    for name, value in said.items():
        if value:
            register = state.inferred.get(name)
            if register is None:
                register = state.inferred[name] = Register()
            write(register, event.occurred_at, event.tie, value)


def _time_zone(context: Json) -> str | None:
    zone = context.get("timezone")
    return zone[:64] if type(zone) is str and zone else None


def touch_of(event: Event) -> Touch | None:
    """The campaign of an event: `context.campaign`, else the utm parameters of the page's address."""
    campaign = event.context.get("campaign")
    fields = _from_campaign(campaign) if type(campaign) is dict and campaign else _from_page(event.context)
    if not any(fields):
        return None
    return Touch(event.occurred_at, event.tie, *fields)


def _from_campaign(campaign: Json) -> tuple[str | None, ...]:
    values = (campaign.get(name) for name in _CAMPAIGN_FIELDS)
    return tuple(value[:255] if type(value) is str and value else None for value in values)


def _from_page(context: Json) -> tuple[str | None, ...]:
    page = context.get("page")
    if type(page) is not dict:
        return ()
    search = page.get("search")
    if type(search) is not str or not search:
        url = page.get("url")
        search = url if type(url) is str else ""
    return _from_query(search[:MAX_ADDRESS]) if "utm_" in search else ()


@lru_cache(maxsize=10_000)
def _from_query(address: str) -> tuple[str | None, ...]:
    try:
        query = parse_qs(urlsplit(address).query, max_num_fields=100)
    except ValueError:
        return ()
    names = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
    return tuple(query[name][0][:255] if name in query else None for name in names)
