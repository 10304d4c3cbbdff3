"""Finding and blotting out what names one person, in text and in JSON that is not theirs alone.

Used when somebody is erased: audit details, remembered answers, excerpts of refused messages and other people's
evidence may repeat their identifiers. Values shorter than `LEAST` are only ever compared whole: a customer number
`7` must not blot out every seven.
"""

import re
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

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

    def document(self, value: Any) -> Any:
        """The JSON value with every text in it (names of fields too) as `text` makes it."""
        match value:
            case str():
                return self.text(value)
            case bool():
                return value
            case int() if str(value) in self.values and len(str(value)) >= LEAST:
                return ERASED
            case list():
                return [self.document(part) for part in value]
            case dict():
                return {self.text(name): self.document(part) for name, part in value.items()}
        return value

    def _numbers(self, text: str) -> Iterable[re.Match[str]]:
        return _PHONE_LIKE.finditer(text) if self._phones else ()

    def _is_phone(self, text: str) -> bool:
        """Also a number written without its country (`0600 111 222` is the end of `+34600111222`)."""
        digits = "".join(char for char in text if char.isdigit()).lstrip("0")
        return len(digits) >= _LEAST_DIGITS and any(phone.endswith(digits) for phone in self._phones)


_OUR_NAMES: Final = frozenset({"attributes", "fields", "scopes", "action", "type"})
"""Fields in which names of ours stand, and no value of a person's."""


def without_texts(value: Any, name: str = "") -> Any:
    """A JSON value that is about the person as a whole: every text goes, but for ids and the names we give things."""
    match value:
        case str():
            return value if name in _OUR_NAMES or _is_id(value) else ERASED
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
