"""Segments in people's words: kinds, freshness, refusals that name who is in the way."""

from typing import Final

import psycopg
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct

from tessera.audience.segments import queries
from tessera.audience.segments.records import Segment
from tessera.console.words import Text, error_in_words
from tessera.foundation.errors import TesseraError

KINDS: Final[dict[str, Text]] = {"dynamic": gettext_lazy("By condition"), "static": gettext_lazy("Fixed list")}
FRESHNESS: Final[dict[str, Text]] = {
    "kept": gettext_lazy("Kept fresh"),
    "asked": gettext_lazy("When asked"),
    "fixed": gettext_lazy("Changed by hand"),
}
EVERY: Final[dict[str, Text]] = {
    "": gettext_lazy("Once a day, after midnight UTC"),
    "5": gettext_lazy("Every 5 minutes"),
    "15": gettext_lazy("Every 15 minutes"),
    "60": gettext_lazy("Every hour"),
    "360": gettext_lazy("Every 6 hours"),
    "1440": gettext_lazy("Every 24 hours"),
}
"""How often a kept segment is evaluated whole; what people do counts at once."""


class SegmentLine(Struct, frozen=True):
    """A segment as lists show it."""

    facts: Segment
    kind: Text
    freshness: Text


def line_of(segment: Segment) -> SegmentLine:
    return SegmentLine(segment, KINDS[segment.kind], FRESHNESS[segment.freshness])


def refusal_in_words(
    error: TesseraError, connection: "psycopg.Connection[object] | None" = None, segment: Segment | None = None
) -> str:
    """What to tell about a refusal; who uses the segment, and the way of a circle, by their names."""
    if error.code == "segment_in_use" and connection is not None and segment is not None:
        names = "”, “".join(each.name for each in queries.used_by(connection, segment)[:10])
        return _("Other segments ask about this one: “%(names)s”. Change these first.") % {"names": names}
    if error.code == "segment_circle":
        return _("The segment would ask for itself: %(way)s.") % {"way": str(error).partition(": ")[2]}
    return error_in_words(error)
