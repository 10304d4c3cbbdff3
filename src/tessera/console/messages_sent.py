"""The row of signs on the card: what became of the messages a person got, by channel, lit by what happened."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from django.utils.translation import gettext_lazy as _
from msgspec import Struct

from tessera.console.words import Text
from tessera.events.vocabulary import MESSAGE_EVENTS
from tessera.profiles.person import CounterView

CHANNELS: Final[dict[str, tuple[str, Text]]] = {
    "email": ("mail", _("E-mail")),
    "sms": ("sms", _("SMS")),
    "push": ("notifications", _("Push")),
}
ACTS: Final[dict[str, tuple[str, Text]]] = {
    "sent": ("send", _("Sent")),
    "delivered": ("inbox", _("Delivered")),
    "opened": ("drafts", _("Opened")),
    "clicked": ("ads_click", _("Clicked")),
    "read": ("visibility", _("Read for 12 seconds or more")),
    "replied": ("reply", _("Replied")),
}


class Sign(Struct, frozen=True):
    """One act on one channel. Dark while `count` is 0."""

    icon: str
    label: str
    count: int
    last_at: datetime | None


class Channel(Struct, frozen=True):
    icon: str
    label: str
    signs: list[Sign]


def channels_of(events: Mapping[str, CounterView]) -> list[Channel]:
    """Every channel with every act it knows, in their order."""
    return [
        Channel(
            icon,
            str(label),
            [_sign(act, names, events) for (known, act), names in MESSAGE_EVENTS.items() if known == channel],
        )
        for channel, (icon, label) in CHANNELS.items()
    ]


def _sign(act: str, names: tuple[str, ...], events: Mapping[str, CounterView]) -> Sign:
    found = [events[name] for name in names if name in events]
    icon, label = ACTS[act]
    last = max((counter.last_at for counter in found), default=None)
    return Sign(icon, str(label), sum(counter.count for counter in found), last)
