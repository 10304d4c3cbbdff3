"""Taking an erased person's contacts out of a condition or a report's request, in their JSON forms."""

from typing import Final

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


def without_contacts(form: str, redactor: Redactor) -> str | None:
    """The JSON form without them, which then means nobody by them; None where there are none."""
    if not redactor.found_in_document(form):
        return None
    document = msgspec.json.decode(form)
    blotted = redactor.document(document, keep=_OURS)
    return msgspec.json.encode(blotted).decode() if blotted != document else None
