"""The look of masked values, and what looks like an e-mail, a phone number or an address on the internet. Pure."""

import re
from ipaddress import ip_address
from typing import Any, Final

DOTS: Final = "•••"

_LOCAL = r"[^\s@\"'<>()\[\]{}|\\^`,;:/?&=#%]"
# Each part is read once and never tried again: a hostile text costs no more than its length.
EMAIL: Final = re.compile(rf"(?<!{_LOCAL}){_LOCAL}++(?:@|%40)[\w-]++(?:\.[\w-]++)++")
INTERNATIONAL: Final = re.compile(r"(?:\+|%2B)\d[\d\s().\-]{5,20}\d", re.IGNORECASE)
_NUMBERED = re.compile(r"\+?[\d\s().\-/]{7,25}")
_DAY = re.compile(r"\d{4}[-/.]\d{2}[-/.]\d{2}.*|\d+\.\d+")
_OURS = "@localhost"
"""Placeholders for people without an e-mail: made of the profile's id, so they say nothing."""


def plain(name: str) -> str:
    """A name without case and punctuation: `firstName`, `first_name` and `First name` are one."""
    return "".join(char for char in name.casefold() if char.isalnum())


def covered(value: Any) -> Any:
    """A value of which nothing may be read, in the look of its kind; nothing stays nothing."""
    if value is None or value == "":
        return value
    return look_of(value) if isinstance(value, str) else DOTS


def masked_email(text: str) -> str:
    """`a•••@e•••.com`. A placeholder of ours is no secret."""
    if text.endswith(_OURS):
        return text
    local, at, domain = text.replace("%40", "@").rpartition("@")
    host, dot, ending = domain.rpartition(".")
    return f"{shortened(local)}{at}{shortened(host)}{dot}{ending}" if at and dot else DOTS


def masked_phone(text: str) -> str:
    """`•••• 123`: the last three digits, where there are enough others."""
    digits = "".join(char for char in text if char.isdigit())
    return f"•••• {digits[-3:]}" if len(digits) >= 7 else DOTS


def shortened(text: str) -> str:
    """`A•••`; of one or two letters nothing is left."""
    return f"{text[0]}{DOTS}" if len(text) > 2 and text[0].isalnum() else DOTS


def looks_like_phone(text: str) -> bool:
    """Nine to fifteen digits, or seven with signs between them or a plus; days and amounts are none."""
    if not _NUMBERED.fullmatch(text) or _DAY.fullmatch(text):
        return False
    digits = sum(char.isdigit() for char in text)
    return (9 if text.isdigit() else 7) <= digits <= 15


def look_of(text: str) -> str:
    """The look of whatever this text is."""
    if "@" in text or "%40" in text:
        return masked_email(text)
    return masked_phone(text) if looks_like_phone(text) else shortened(text)


def is_address(text: str) -> bool:
    """Whether the whole text is an address on the internet (IPv4 or IPv6)."""
    if not 7 <= len(text) <= 45 or ("." not in text and ":" not in text):
        return False
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
