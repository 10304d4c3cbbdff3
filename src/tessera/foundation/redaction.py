"""Finding and blotting out what names one person, in text and in JSON that is not theirs alone.

Used when somebody is erased: audit details, remembered answers, excerpts of refused messages and other people's
evidence may repeat their identifiers. Values shorter than `LEAST` are only ever compared whole: a customer number
`7` must not blot out every seven.
"""

import re
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import msgspec

ERASED: Final = "[erased]"
LEAST: Final = 5
_LEAST_DIGITS: Final = 7
_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_BLANK: Final = re.compile(r'\\[bfnrt"]')
_PHONE_LIKE: Final = re.compile(r"\+?\d(?:[\s()./-]{0,2}\d){6,}")
_NEVER: Final = re.compile(r"(?!)")


class Redactor:
    """Knows the values that name one person; neither case nor JSON's escapes nor blanks in a phone hide them."""

    def __init__(self, values: Iterable[str]) -> None:
        self.values = frozenset(value.lower() for value in values if value.strip())
        self._short = sorted(value for value in self.values if len(value) < LEAST)
        self._long = sorted((value for value in self.values if len(value) >= LEAST), key=len, reverse=True)
        # Part of a longer address or id is somebody else's: `mary.ana@…` does not name `ana@…`.
        pattern = "|".join(re.escape(value) for value in self._long)
        self._pattern = (
            re.compile(rf"(?<![\w.+@-])(?:{pattern})(?![\w@-]|\.\w)", re.IGNORECASE) if self._long else _NEVER
        )
        self._phones = tuple(value.lstrip("+") for value in self.values if re.fullmatch(r"\+\d{7,15}", value))

    def found_in(self, text: str) -> bool:
        """Whether the text names the person."""
        plain = unescaped(text)
        lowered = plain.lower()
        if any(value in lowered for value in self._long) and self._pattern.search(plain):
            return True  # the pattern alone would try every value at every letter
        return any(self._is_phone(one.group()) for one in self._numbers(plain))

    def text(self, text: str) -> str:
        """The text with what names the person blotted out."""
        if text.lower() in self.values:
            return ERASED
        blotted = self._pattern.sub(ERASED, text)
        if not self._phones:
            return blotted
        return _PHONE_LIKE.sub(lambda one: ERASED if self._is_phone(one.group()) else one.group(), blotted)

    def found_in_document(self, text: str) -> bool:
        """Whether a value of this JSON text names the person; the names of its fields say nothing of anybody.

        Short values count where they are the whole value. What is no JSON is read as plain text.
        """
        if not self.found_in(text) and not self.holds_a_short_one(text):
            return False
        try:
            document = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return True
        return bool(self.document(document) != document)

    def holds_a_short_one(self, text: str) -> bool:
        """Whether a value too short to be looked for in any text is a whole JSON text in this one."""
        if not self._short:
            return False
        lowered = text.lower()
        return any(f'"{value}"' in lowered for value in self._short)

    def document(self, value: Any, *, keep: frozenset[str] = frozenset()) -> Any:
        """The JSON value with every text in it as `text` makes it, but for what stands in the fields `keep`.

        Names of fields stay: a person who is called `type` must not take the types out of other people's papers.
        Only an e-mail address or a phone, which no field of ours is called, is blotted out of them.
        """
        match value:
            case str():
                return self.text(value)
            case bool():
                return value
            case int() if str(value) in self.values and len(str(value)) >= LEAST:
                return ERASED
            case list():
                return [self.document(part, keep=keep) for part in value]
            case dict():
                return {
                    self._field(name): part if name in keep else self.document(part, keep=keep)
                    for name, part in value.items()
                }
        return value

    def _field(self, name: str) -> str:
        return self.text(name) if "@" in name or _PHONE_LIKE.search(name) else name

    def _numbers(self, text: str) -> Iterable[re.Match[str]]:
        return _PHONE_LIKE.finditer(text) if self._phones else ()

    def _is_phone(self, text: str) -> bool:
        """Also a number written without its country (`0600 111 222` is the end of `+34600111222`)."""
        digits = "".join(char for char in text if char.isdigit()).lstrip("0")
        return len(digits) >= _LEAST_DIGITS and any(phone.endswith(digits) for phone in self._phones)


OUR_NAMES: Final = frozenset({"attributes", "fields", "scopes", "action", "type"})
"""Fields in which names of ours stand, and no value of a person's."""


def without_texts(value: Any, name: str = "") -> Any:
    """A JSON value that is about the person as a whole: every text goes, but for ids and the names we give things."""
    match value:
        case str():
            return value if name in OUR_NAMES or _is_id(value) else ERASED
        case list():
            return [without_texts(part, name) for part in value]
        case dict():
            return {key: without_texts(part, key) for key, part in value.items()}
    return value


def _is_id(text: str) -> bool:
    try:
        return len(text) == 36 and bool(UUID(text))
    except ValueError:
        return False


def unescaped(text: str) -> str:
    r"""JSON text with `\u0040` and `\/` as the characters they stand for; also where the JSON is cut off."""
    if "\\" not in text:
        return text
    return _BLANK.sub(" ", _ESCAPED.sub(lambda code: chr(int(code[1], 16)), text)).replace("\\/", "/")
