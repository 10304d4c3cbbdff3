"""What an erasure removes, in people's words and in the order people ask."""

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from msgspec import Struct

_WORDS: Final[dict[str, str | Promise]] = {
    "identity_profile": _("Profiles"),
    "identity_identifier": _("Identifiers"),
    "profiles_state": _("Sets of attributes, counters and devices"),
    "events_history": _("Events of their history"),
    "profiles_avatar": _("Pictures"),
    "profiles_relation": _("Relations, from and to them"),
    "identity_merge": _("Merges, with their evidence"),
    "identity_refusal": _("Refused merges, with their evidence"),
    "profiles_search": _("Words they were found by"),
    "events_inbox": _("Messages that were waiting"),
    "events_quarantine": _("Messages that were set aside"),
    "events_rejection": _("Excerpts of refused messages"),
    "events_history_of_others": _("Mentions in other people’s history"),
    "events_catalogue": _("Examples in the catalogue"),
    "events_problem": _("Examples of data problems"),
    "duplicates_pair": _("Suggestions of duplicates"),
    "audience_member": _("Places in segments"),
    "audience_segment": _("Mentions in segments"),
    "audience_report": _("Mentions in reports"),
    "audience_move": _("Moves that were to be delivered"),
    "deliveries_delivery": _("Kept contents of deliveries"),
    "deliveries_export": _("Mentions in automatic exports"),
    "imports_chunk": _("Pieces of imported files"),
    "imports_error": _("Rows of imports that were wrong"),
    "exports_files": _("Files of exports"),
    "exports_export": _("Names in requests for exports"),
    "access_auditentry": _("Details in the audit trail"),
    "access_rememberedreply": _("Remembered answers of the API"),
}


class RemovedLine(Struct, frozen=True):
    label: str
    rows: int


def removed_lines(counts: Mapping[str, int]) -> list[RemovedLine]:
    """One line per kind of thing; kinds that have no words of their own come last, by the name of their table."""
    known = [name for name in _WORDS if name in counts]
    others = sorted(name for name in counts if name not in _WORDS)
    return [RemovedLine(str(_WORDS.get(name, name)), counts[name]) for name in (*known, *others)]
