"""Where an address on the internet is: the bundled country database, or any mmdb the operator names.

The bundled one (geoip2fast, GeoLite2-derived) knows countries only. An mmdb of cities also gives city, region,
postcode and time zone; both MaxMind's nested records and flat ones (DB-IP) are read.
"""

import re
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import maxminddb
from geoip2fast import GeoIP2Fast
from msgspec import Struct

from tessera.foundation.settings import settings


class Place(Struct, frozen=True):
    country: str | None = None
    city: str | None = None
    region: str | None = None
    postcode: str | None = None
    time_zone: str | None = None


NOWHERE = Place()
# What an address looks like; whether it is one, and a public one, the databases know (and ask faster than we could).
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*")


@lru_cache(maxsize=50_000)
def place_of(ip: str) -> Place:
    """The place of a public address; `NOWHERE` for private, unknown and malformed ones."""
    return _lookup()(ip) if _ADDRESS.fullmatch(ip) else NOWHERE


@cache
def _lookup() -> Callable[[str], Place]:
    path = settings().geo_database
    return _mmdb(path) if path else _bundled()


def _bundled() -> Callable[[str], Place]:
    database = GeoIP2Fast(geoip2fast_data_file="geoip2fast-ipv6.dat.gz")

    def look_up(ip: str) -> Place:
        code = database.lookup(ip).country_code
        return Place(country=code) if code and len(code) == 2 and code.isalpha() else NOWHERE

    return look_up


def _mmdb(path: Path) -> Callable[[str], Place]:
    reader = maxminddb.open_database(path, maxminddb.MODE_MMAP)

    def look_up(ip: str) -> Place:
        try:
            record = reader.get(ip)
        except ValueError:
            return NOWHERE
        return _place_from(record) if isinstance(record, dict) else NOWHERE

    return look_up


def _place_from(record: dict[str, Any]) -> Place:
    if isinstance(record.get("country"), dict) or isinstance(record.get("city"), dict):
        location = record.get("location") or {}
        regions = record.get("subdivisions") or [{}]
        return Place(
            country=(record.get("country") or {}).get("iso_code"),
            city=_name(record.get("city")),
            region=_name(regions[0]),
            postcode=(record.get("postal") or {}).get("code"),
            time_zone=location.get("time_zone"),
        )
    return Place(
        country=record.get("country_code") or None,
        city=record.get("city") or None,
        region=record.get("state1") or record.get("region") or None,
        postcode=record.get("postcode") or None,
        time_zone=record.get("timezone") or record.get("time_zone") or None,
    )


def _name(part: Any) -> str | None:
    names = (part or {}).get("names") or {}
    name = names.get("en")
    return str(name) if name else None
