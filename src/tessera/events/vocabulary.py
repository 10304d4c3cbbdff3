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
IMPORT_UNDONE: Final = "Import Undone"


def name_of(message: Message) -> str:
    return message.event or "" if message.type == "track" else NAMES[message.type]


def spellings_of(attribute: str) -> tuple[str, ...]:
    """Every name under which a client may send this attribute, its own first."""
    return (attribute, *(given for given, standard in STANDARD_NAMES.items() if standard == attribute))
