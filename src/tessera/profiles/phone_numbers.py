"""Telephone numbers in their one form, E.164. What the library takes 40 µs for, most numbers do not need.

A number that is plainly written (its country's code and digits, or the digits that people dial at home) is judged here
by the library's own tables; every other is left to the library. Both give the same answer; a property test says so.
"""

import re
from functools import cache, lru_cache
from typing import Final, NamedTuple

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat

_ABROAD: Final = re.compile(r"\+([1-9][0-9]{6,14})")
_AT_HOME: Final = re.compile(r"[1-9][0-9]{5,14}")
_SEPARATORS: Final = str.maketrans("", "", " -.()")


class NotANumber(ValueError):
    """The text is no telephone number that anyone could have."""


class _Shape(NamedTuple):
    """What a plainly written number of a country looks like: how long it may be and how it does not begin."""

    calling_code: str
    lengths: frozenset[int]
    prefix: "re.Pattern[str] | None"
    abroad: "re.Pattern[str] | None"

    def fits(self, digits: str) -> bool:
        return len(digits) in self.lengths and not (self.prefix and self.prefix.match(digits))


def e164(text: str, region: str) -> str:
    """The number in E.164; `region` (ISO 3166-1) is assumed where it names no country. Raises `NotANumber`."""
    return _plain(text.translate(_SEPARATORS), region) or by_the_library(text, region)


def _plain(digits: str, region: str) -> str | None:
    """The number if it is plainly written, else None: the library shall say."""
    if (found := _ABROAD.fullmatch(digits)) is not None:
        rest = found.group(1)
        for length in (1, 2, 3):
            shape = _shape_of_code(rest[:length])
            if shape is not None:
                return digits if rest[length] != "0" and shape.fits(rest[length:]) else None
        return None
    if _AT_HOME.fullmatch(digits):
        shape = _shape_of_region(region)
        if (
            shape is not None
            and not digits.startswith(shape.calling_code)
            and not (shape.abroad and shape.abroad.match(digits))
            and shape.fits(digits)
        ):
            return f"+{shape.calling_code}{digits}"
    return None


@cache
def _shape_of_code(code: str) -> _Shape | None:
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code))
    if regions is None:
        return None
    return _shape(PhoneMetadata.metadata_for_region_or_calling_code(int(code), regions[0]))


@cache
def _shape_of_region(region: str) -> _Shape | None:
    metadata = PhoneMetadata.metadata_for_region(region.upper(), None)
    code = metadata.country_code if metadata else None
    if code is None or phonenumbers.region_code_for_country_code(code) != region.upper():
        return None  # it shares its code with a larger neighbour, by whose lengths it is judged
    return _shape(metadata)


def _shape(metadata: PhoneMetadata | None) -> _Shape | None:
    if metadata is None:
        return None
    prefix, abroad = metadata.national_prefix_for_parsing, metadata.international_prefix
    lengths = metadata.general_desc.possible_length if metadata.general_desc else ()
    return _Shape(
        str(metadata.country_code),
        frozenset(lengths),
        re.compile(prefix) if prefix else None,
        re.compile(abroad) if abroad else None,
    )


@lru_cache(maxsize=50_000)
def by_the_library(text: str, region: str) -> str:
    """As `e164`, in full."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise NotANumber(str(error)) from None
    if not phonenumbers.is_possible_number(number):
        raise NotANumber("not a possible phone number")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
