"""How the calls of the tracking API are named in history and in counters, and attributes by their standard names."""

from typing import Final

from tessera.events.messages import Message

NAMES: Final = {
    "page": "Page Viewed",
    "screen": "Screen Viewed",
    "identify": "Identified",
    "group": "Group Joined",
    "alias": "Aliased",
}
STANDARD_NAMES: Final = {
    "firstName": "first_name",
    "firstname": "first_name",
    "lastName": "last_name",
    "lastname": "last_name",
    "birthday": "dob",
    "birthdate": "dob",
    "timezone": "time_zone",
    "timeZone": "time_zone",
    "homeCity": "home_city",
    "currentLocation": "current_location",
    "phoneNumber": "phone",
    "phone_number": "phone",
    "createdAt": "created_at",
}
"""Names of traits (reference semantics §5.1, Segment) by the standard attribute they mean (§1.3, Braze)."""

PROFILES_MERGED: Final = "Profiles Merged"
PROFILES_SPLIT: Final = "Profiles Split"
PERSON_ERASED: Final = "Person Erased"
HISTORY_REDACTED: Final = "History Redacted"
IMPORT_UNDONE: Final = "Import Undone"
STATUS_CHANGED: Final = "Status Changed"
TEST_SUBSCRIBER_CHANGED: Final = "Test Subscriber Changed"
AVATAR_CHANGED: Final = "Avatar Changed"
SEGMENT_ENTERED: Final = "Segment Entered"
SEGMENT_LEFT: Final = "Segment Left"
HOUSE_NAMES: Final = (
    PROFILES_MERGED,
    PROFILES_SPLIT,
    PERSON_ERASED,
    HISTORY_REDACTED,
    IMPORT_UNDONE,
    STATUS_CHANGED,
    TEST_SUBSCRIBER_CHANGED,
    AVATAR_CHANGED,
    SEGMENT_ENTERED,
    SEGMENT_LEFT,
)
"""What the house itself records: no client can send these as such, however it names its own events."""

MESSAGE_EVENTS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("email", "sent"): ("Email Sent",),
    ("email", "delivered"): ("Email Delivered",),
    ("email", "opened"): ("Email Opened",),
    ("email", "clicked"): ("Email Link Clicked", "Email Clicked"),
    ("email", "read"): ("Email Read",),
    ("email", "replied"): ("Email Replied",),
    ("sms", "sent"): ("SMS Sent",),
    ("sms", "delivered"): ("SMS Delivered",),
    ("sms", "clicked"): ("SMS Link Clicked", "SMS Clicked"),
    ("sms", "replied"): ("SMS Replied", "SMS Received"),
    ("push", "sent"): ("Push Notification Sent",),
    ("push", "delivered"): ("Push Notification Delivered", "Push Notification Received"),
    ("push", "opened"): ("Push Notification Opened", "Push Notification Tapped"),
    ("push", "clicked"): ("Push Notification Clicked",),
}
"""What became of a message, by channel: the names of Segment's e-mail and mobile specs (reference semantics §5.2), and
ours where these have none. An e-mail is read when it stays open for at least 12 seconds (§3.1)."""


def name_of(message: Message) -> str:
    return message.event or "" if message.type == "track" else NAMES[message.type]


def spellings_of(attribute: str) -> tuple[str, ...]:
    """Every name under which a client may send this attribute, its own first."""
    return (attribute, *(given for given, standard in STANDARD_NAMES.items() if standard == attribute))
