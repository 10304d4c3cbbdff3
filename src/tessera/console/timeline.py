"""A person's history as lines people can read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from django.utils.translation import gettext as _
from msgspec import Struct

from tessera.console.words import actor_in_words, reason_in_words, status_in_words
from tessera.events.event import SYSTEM
from tessera.events.vocabulary import (
    AVATAR_CHANGED,
    NAMES,
    PROFILES_MERGED,
    PROFILES_SPLIT,
    SEGMENT_ENTERED,
    SEGMENT_LEFT,
    STATUS_CHANGED,
    TEST_SUBSCRIBER_CHANGED,
)
from tessera.profiles.timeline import TimelineEvent

_ICONS: Final = {
    "page": "web",
    "screen": "smartphone",
    "identify": "badge",
    "group": "groups",
    "alias": "link",
    "track": "bolt",
    PROFILES_MERGED: "call_merge",
    PROFILES_SPLIT: "call_split",
    STATUS_CHANGED: "flag",
    TEST_SUBSCRIBER_CHANGED: "science",
    AVATAR_CHANGED: "photo_camera",
    SEGMENT_ENTERED: "login",
    SEGMENT_LEFT: "logout",
    SYSTEM: "manage_accounts",
}
_TELLING: Final = ("name", "title", "product", "product_name", "category", "query", "coupon", "order_id", "plan")
"""Properties that say most about an event, in this order."""

MOST_DETAILS: Final = 3
LONGEST_DETAIL: Final = 80


class Line(Struct, frozen=True):
    """One entry of the history. `said` is the message as it was sent."""

    event_id: UUID
    at: datetime
    icon: str
    title: str
    summary: str
    source: str
    said: str


def line_of(event: TimelineEvent, sources: dict[int, str], segments: Mapping[str, str]) -> Line:
    """The event in words; `sources` and `segments` name these by their ids."""
    return Line(
        event_id=event.event_id,
        at=event.occurred_at,
        icon=_ICONS.get(event.name if event.type == SYSTEM else event.type) or _ICONS.get(event.type, "bolt"),
        title=_title(event, segments),
        summary=_summary(event),
        source=sources.get(event.source_id or 0, ""),
        said=msgspec.json.format(msgspec.json.encode(event.body), indent=2).decode(),
    )


def _title(event: TimelineEvent, segments: Mapping[str, str]) -> str:
    segment = segments.get(str(event.body.get("segment_id", "")), _("(deleted)"))
    known = {
        NAMES["page"]: _("Viewed a page"),
        NAMES["screen"]: _("Viewed a screen"),
        NAMES["identify"]: _("Told who they are"),
        NAMES["group"]: _("Joined a group"),
        NAMES["alias"]: _("Got another ID"),
        PROFILES_MERGED: _("Two profiles became one person"),
        PROFILES_SPLIT: _("A merge was undone"),
        STATUS_CHANGED: _("Status: %(status)s") % {"status": status_in_words(str(event.body.get("status", "")))},
        TEST_SUBSCRIBER_CHANGED: _("Marked as a test subscriber")
        if event.body.get("test_subscriber")
        else _("No longer a test subscriber"),
        AVATAR_CHANGED: _("Got a new picture") if event.body.get("digest") else _("The picture was removed"),
        SEGMENT_ENTERED: _("Entered the segment %(segment)s") % {"segment": segment},
        SEGMENT_LEFT: _("Left the segment %(segment)s") % {"segment": segment},
    }
    by_the_house = event.type != "track"
    return known.get(event.name, event.name) if by_the_house else event.name


def _summary(event: TimelineEvent) -> str:
    body = event.body
    match event.type:
        case "page" | "screen":
            return _of_page(body)
        case "identify":
            return ", ".join(list(_object(body, "traits"))[:8])
        case "group":
            return str(body.get("groupId") or "")[:LONGEST_DETAIL]
        case "alias":
            return f"{body.get('previousId', '')} → {body.get('userId', '')}"[:LONGEST_DETAIL]
        case "system":
            reason, actor = str(body.get("reason") or ""), str(body.get("actor") or "")
            told = (reason_in_words(reason), actor_in_words(actor)) if reason != "event" else ()
            return " · ".join(_short(part) for part in told if part)
    return _of_properties(_object(body, "properties"))


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _of_page(body: dict[str, Any]) -> str:
    properties = _object(body, "properties")
    page = _object(_object(body, "context"), "page")
    parts = [
        body.get("name") or properties.get("title") or page.get("title"),
        properties.get("path") or page.get("url"),
    ]
    return " · ".join(_short(part) for part in parts if isinstance(part, str) and part)


def _of_properties(properties: dict[str, Any]) -> str:
    """The money first, then what tells most, then whatever comes first."""
    parts: list[str] = []
    amount = next((properties[key] for key in ("revenue", "total", "value", "price") if key in properties), None)
    if isinstance(amount, int | float | str) and not isinstance(amount, bool):
        written = f"{amount:.2f}" if isinstance(amount, float) else str(amount)
        parts.append(f"{written}\u00a0{properties.get('currency', '')}".strip()[:LONGEST_DETAIL])
    telling = [properties[key] for key in _TELLING if key in properties]
    rest = [
        f"{key}: {value}" for key, value in properties.items() if _plain(value) and key not in _MONEY | set(_TELLING)
    ]
    parts += [_short(value) for value in telling if _plain(value)] + [_short(value) for value in rest]
    return " · ".join(parts[:MOST_DETAILS])


_MONEY: Final = frozenset({"revenue", "total", "value", "price", "currency"})


def _plain(value: Any) -> bool:
    """Whether the value says something in a few words: not nothing, not zero, not an object."""
    return isinstance(value, str | int | float) and bool(value)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST_DETAIL else text[: LONGEST_DETAIL - 1] + "…"
