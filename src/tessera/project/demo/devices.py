"""What people of the demo world hold in their hands."""

from random import Random
from typing import Any, Final, NamedTuple
from uuid import UUID


class Browser(NamedTuple):
    """A browser with its cookie: one `anonymousId`."""

    anonymous_id: str
    user_agent: str


class Phone(NamedTuple):
    """An installed app: its own `anonymousId`, and what a mobile SDK says of the device."""

    anonymous_id: str
    device: dict[str, Any]
    system: dict[str, str]


_WEBKIT: Final = "AppleWebKit/537.36 (KHTML, like Gecko)"
DESKTOPS: Final = (
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/138.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5"
    " Safari/605.1.15",
    f"Mozilla/5.0 (X11; Linux x86_64) {_WEBKIT} Chrome/137.0.0.0 Safari/537.36",
)
MOBILES: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5"
    " Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (Linux; Android 15; SM-S921B) {_WEBKIT} Chrome/138.0.0.0 Mobile Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {_WEBKIT} Chrome/138.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.7"
    " Mobile/15E148 Safari/604.1",
)
_PHONES: Final = (
    ("ios", "iOS", "Apple", ("iPhone16,1", "iPhone15,4", "iPhone14,7"), ("18.5", "17.7")),
    ("android", "Android", "Samsung", ("SM-S921B", "SM-A546B"), ("15", "14")),
    ("android", "Android", "Google", ("Pixel 8", "Pixel 9"), ("15",)),
)


def random_id(rnd: Random) -> str:
    return str(UUID(int=rnd.getrandbits(128), version=4))


def a_desktop(rnd: Random) -> Browser:
    return Browser(random_id(rnd), rnd.choice(DESKTOPS))


def a_mobile(rnd: Random) -> Browser:
    return Browser(random_id(rnd), rnd.choice(MOBILES))


def a_phone(rnd: Random, *, owner: str) -> Phone:
    kind, system, maker, models, versions = rnd.choice(_PHONES)
    device = {
        "id": random_id(rnd).upper() if kind == "ios" else f"{rnd.getrandbits(64):016x}",
        "type": kind,
        "manufacturer": maker,
        "model": rnd.choice(models),
        "name": f"{owner}'s phone",
        "token": f"{rnd.getrandbits(256):064x}",
        "adTrackingEnabled": rnd.random() < 0.4,
    }
    return Phone(random_id(rnd), device, {"name": system, "version": rnd.choice(versions)})
