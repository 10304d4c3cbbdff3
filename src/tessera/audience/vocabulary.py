"""The facts that are known of everybody, and of every device, with their types: what conditions may name."""

from typing import Final

from tessera.audience.leaves import Type

FACTS: Final[dict[str, Type]] = {
    "bucket": "number",
    "status": "text",
    "test": "boolean",
    "created_at": "time",
    "first_seen_at": "time",
    "last_seen_at": "time",
    "sessions": "number",
    "registered_at": "time",
    "registration.source": "number",
    "registration.country": "text",
    "activity.platform": "text",
    "activity.browser": "text",
    "activity.country": "text",
    "activity.city": "text",
    **{
        f"utm.{which}.{field}": "text"
        for which in ("first", "last")
        for field in ("source", "medium", "name", "term", "content")
    },
    "utm.first.at": "time",
    "utm.last.at": "time",
}

IMPLIED: Final = frozenset({"language", "country", "time_zone"})
"""Attributes that are taken from what came with their events, where nobody said otherwise (`person.attributes_of`)."""

DEVICE: Final[dict[str, Type]] = {
    **dict.fromkeys(
        (
            "type", "manufacturer", "model", "name", "platform", "platform_version", "time_zone", "language", "browser",
            "browser_version", "app", "app_id", "app_version", "app_install_id", "ad_id",
        ),
        "text",
    ),
    "ads_allowed": "boolean",
    "push": "boolean",
    "first_seen_at": "time",
    "last_seen_at": "time",
}  # fmt: skip
