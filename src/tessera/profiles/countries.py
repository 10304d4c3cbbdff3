"""Recognising a country: ISO 3166-1 alpha-2 codes and English names (Unicode's CLDR, through Babel)."""

from functools import cache, lru_cache

from babel import Locale

MAX_NAME = 100
_OTHER_NAMES = {
    "uk": "GB",
    "great britain": "GB",
    "england": "GB",
    "usa": "US",
    "united states of america": "US",
    "russian federation": "RU",
    "czech republic": "CZ",
    "holland": "NL",
    "viet nam": "VN",
    "turkey": "TR",
}


@cache
def _names() -> dict[str, str]:
    """English name (case-folded) → code, of countries only: CLDR also names continents (numbers) and pseudo-regions."""
    territories = Locale("en").territories
    countries = {code: name for code, name in territories.items() if len(code) == 2 and code.isalpha()}
    for pseudo in ("EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"):
        countries.pop(pseudo, None)
    return {name.casefold(): code for code, name in countries.items()} | _OTHER_NAMES


@cache
def _codes() -> frozenset[str]:
    return frozenset(_names().values())


def country_code(text: str) -> str | None:
    """The alpha-2 code of a code or English name, or None."""
    text = text.strip()
    return _recognised(text) if len(text) <= MAX_NAME else None


@lru_cache(maxsize=4096)
def _recognised(text: str) -> str | None:
    code = text.upper()
    if code != "UK" and code in _codes():
        return code
    return _names().get(text.casefold())
