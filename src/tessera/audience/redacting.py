"""Taking an erased person's contacts out of a condition or a report's request, in their JSON forms.

What is left can be read still, and means nobody by them.
"""

import re
from typing import Any, Final

import msgspec

from tessera.foundation.redaction import Redactor

_OURS: Final = frozenset(
    {
        "by", "channel", "cohort", "columns", "days", "direction", "every", "first", "hours", "is", "kind", "km",
        "last", "latitude", "longitude", "measure", "moment", "name", "number", "op", "path", "relation", "report",
        "segment_id", "which", "within",
    }
)  # fmt: skip
"""Fields in which words of the language, moments, counts, places and names of fields stand, and nobody's contacts."""
_NAMES: Final = frozenset({"event", "type"})
"""Names of events and relations. Anybody may call themselves `Order Completed`, be erased, and must not take that from
every segment: of these only what is like an e-mail address or a phone is taken."""
_LIKE_A_CONTACT: Final = re.compile(r"@|\d(?:[\s()./-]{0,2}\d){6}")
_NOBODYS_PATTERN: Final = r"\[erased\]"
"""Of a pattern no part is left: what stands in its place would mean others."""


def without_contacts(form: str, redactor: Redactor) -> str | None:
    """The JSON form without them, which then means nobody by them; None where there are none."""
    if not redactor.found_in_document(form):
        return None
    document = msgspec.json.decode(form)
    blotted = _blotted(document, redactor)
    return msgspec.json.encode(blotted).decode() if blotted != document else None


def _blotted(value: Any, redactor: Redactor, field: str = "") -> Any:
    match value:
        case dict() if value.get("op") == "version":
            return value
        case dict():
            return {name: part if name in _OURS else _blotted(part, redactor, name) for name, part in value.items()}
        case list() if field == "of" and all(isinstance(part, str) for part in value):
            return value  # the path of a number
        case list():
            return [_blotted(part, redactor, field) for part in value]
        case str() if field not in _NAMES or _LIKE_A_CONTACT.search(value):
            found = redactor.text(value)
            return _NOBODYS_PATTERN if field == "pattern" and found != value else found
    return value
