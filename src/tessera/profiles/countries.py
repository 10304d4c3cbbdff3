"""Recognising a country: ISO 3166-1 alpha-2 codes and English names, from the data that `phonenumbers` carries."""

from functools import lru_cache

from phonenumbers import SUPPORTED_REGIONS
from phonenumbers.geodata.locale import LOCALE_DATA

_CODES = frozenset(SUPPORTED_REGIONS) | frozenset(code for code in LOCALE_DATA if len(code) == 2)


def _english(names: dict[str, str]) -> str:
    name = names.get("en", "")
    return names.get(name[1:], "") if name.startswith("*") else name  # "*aa": the same as in language aa


_BY_NAME = {_english(names).casefold(): code for code, names in LOCALE_DATA.items() if _english(names)}
_OTHER_NAMES = {
    "uk": "GB",
    "great britain": "GB",
    "england": "GB",
    "usa": "US",
    "united states of america": "US",
    "russian federation": "RU",
    "czech republic": "CZ",
    "holland": "NL",
    "south korea": "KR",
    "viet nam": "VN",
}


@lru_cache(maxsize=4096)
def country_code(text: str) -> str | None:
    """The alpha-2 code of a code or English name, or None."""
    text = text.strip()
    known = _OTHER_NAMES.get(text.casefold())
    if known:
        return known
    if text.upper() in _CODES:
        return text.upper()
    return _BY_NAME.get(text.casefold())
