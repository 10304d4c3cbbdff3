"""What a device is, from its user agent and the context an SDK sends (fields: reference semantics §3.2)."""

from functools import lru_cache
from typing import Any, Final, NamedTuple

from msgspec import Struct
from ua_parser import parse

from tessera.events.event import Event
from tessera.events.messages import Json
from tessera.profiles.state import Device

MAX_AGENT: Final = 1_000
_BROWSERS: Final = (
    ("Facebook", "Facebook"),
    ("Instagram", "Facebook"),
    ("Edge", "Chrome"),
    ("Opera", "Opera"),
    ("Outlook", "Outlook"),
    ("Thunderbird", "Thunderbird"),
    ("Chrome", "Chrome"),
    ("Chromium", "Chrome"),
    ("Firefox", "Firefox"),
    ("Safari", "Safari"),
    ("IE", "IE"),
)
_PLATFORMS: Final = (
    ("Windows", "Windows"),
    ("iOS", "iOS"),
    ("iPadOS", "iOS"),
    ("Mac", "Mac"),
    ("Android", "Android"),
    ("BlackBerry", "BlackBerry"),
    ("Linux", "Linux"),
    ("Ubuntu", "Linux"),
    ("Fedora", "Linux"),
    ("Chrome OS", "Linux"),
)
_MOBILE: Final = frozenset({"iOS", "Android", "BlackBerry"})


class Agent(Struct, frozen=True):
    """What a user agent says of itself."""

    type: str
    platform: str | None
    platform_version: str | None
    browser: str | None
    browser_version: str | None
    manufacturer: str | None
    model: str | None


NO_AGENT: Final = Agent("Other", None, None, None, None, None, None)


def _first_match(family: str, table: tuple[tuple[str, str], ...]) -> str | None:
    return next((name for needle, name in table if needle in family), None)


def read_agent(user_agent: str) -> Agent:
    """Parse a user agent (its first 1,000 characters); unknown parts are None and the type is then `Other`."""
    return _read_agent(user_agent[:MAX_AGENT])


@lru_cache(maxsize=20_000)
def _read_agent(user_agent: str) -> Agent:
    found = parse(user_agent)
    device_family = found.device.family if found.device else ""
    browser_family = found.user_agent.family if found.user_agent else ""
    system = found.os.family if found.os else ""
    platform = _first_match(system, _PLATFORMS)
    bot = device_family == "Spider"
    kind = "Mobile" if platform in _MOBILE else "Desktop" if platform and not bot else "Other"
    return Agent(
        type=kind,
        platform=platform,
        platform_version=_version(found.os),
        browser="Bots" if bot else _first_match(browser_family, _BROWSERS) or browser_family or None,
        browser_version=_version(found.user_agent),
        manufacturer=found.device.brand if found.device and not bot else None,
        model=found.device.model if found.device and not bot else None,
    )


def _version(part: Any) -> str | None:
    if part is None or part.major is None:
        return None
    return ".".join(number for number in (part.major, part.minor) if number)


class Description(NamedTuple):
    """A device without the times it was seen."""

    key: str
    fields: tuple[Any, ...]


def device_of(event: Event) -> tuple[str, Device] | None:
    """The device an event came from, with the key it is kept under, or None where nothing tells."""
    context = event.context
    if "device" in context or "os" in context or "app" in context:
        described = _describe_fully(event)
    elif event.user_agent is not None:
        described = _describe_browser(
            event.user_agent[:MAX_AGENT], _text(context, "timezone"), _text(context, "locale")
        )
    else:
        return None
    return described.key, Device(event.occurred_at, event.occurred_at, event.tie, *described.fields)


@lru_cache(maxsize=50_000)
def _describe_browser(user_agent: str, time_zone: str | None, language: str | None) -> Description:
    return _describe({}, {}, {}, user_agent, time_zone, language)


def _describe_fully(event: Event) -> Description:
    context = event.context
    device, system, app = (_object(context, name) for name in ("device", "os", "app"))
    zone, language = _text(context, "timezone"), _text(context, "locale")
    return _describe(device, system, app, event.user_agent, zone, language)


def _describe(
    device: Json, system: Json, app: Json, user_agent: str | None, time_zone: str | None, language: str | None
) -> Description:
    agent = read_agent(user_agent) if user_agent else NO_AGENT
    kind = _type(device, system, agent)
    model = _text(device, "model") or agent.model
    platform = _platform(device, system) or agent.platform
    key = _text(device, "id") or "/".join(part or "-" for part in (kind, platform, agent.browser, model))
    fields = (
        kind,
        _text(device, "manufacturer") or agent.manufacturer,
        model,
        _text(device, "name"),
        platform,
        _text(system, "version") or agent.platform_version,
        time_zone,
        language,
        agent.browser,
        agent.browser_version,
        _text(app, "name"),
        _text(app, "namespace"),
        _text(app, "version"),
        _text(app, "installId"),
        _text(device, "advertisingId"),
        _flag(device, "adTrackingEnabled"),
        _text(device, "token"),
    )
    return Description(key[:255], fields)


def _type(device: Json, system: Json, agent: Agent) -> str:
    return "Mobile" if _platform(device, system) in _MOBILE else agent.type


def _platform(device: Json, system: Json) -> str | None:
    said = _text(device, "type") or _text(system, "name")
    if said is None:
        return None
    known = {"ios": "iOS", "ipados": "iOS", "iphone os": "iOS", "android": "Android", "macos": "Mac", "mac os x": "Mac"}
    return known.get(said.lower()) or _first_match(said, _PLATFORMS)


def _object(source: Json, key: str) -> Json:
    value = source.get(key)
    return value if type(value) is dict else {}


def _text(source: Json, key: str) -> str | None:
    value = source.get(key)
    return value[:255] if type(value) is str and value else None


def _flag(source: Json, key: str) -> bool | None:
    value = source.get(key)
    return value if type(value) is bool else None
