"""How the calls of the tracking API are named in history and in counters."""

from typing import Final

from tessera.events.messages import Message

NAMES: Final = {
    "page": "Page Viewed",
    "screen": "Screen Viewed",
    "identify": "Identified",
    "group": "Group Joined",
    "alias": "Aliased",
}
PROFILES_MERGED: Final = "Profiles Merged"
PROFILES_SPLIT: Final = "Profiles Split"
IMPORT_UNDONE: Final = "Import Undone"


def name_of(message: Message) -> str:
    return message.event or "" if message.type == "track" else NAMES[message.type]
