"""Imports in people's words: states, targets, what is wrong with a row, refusals."""

from collections.abc import Iterable
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from msgspec import Struct

from tessera.console.words import ATTRIBUTES, attribute_in_words, error_in_words, kind_in_words
from tessera.foundation.errors import TesseraError
from tessera.imports.plan import Column

Text = str | Promise

STATES: Final[dict[str, tuple[Text, str]]] = {
    "uploading": (_("upload not finished"), ""),
    "ready": (_("being prepared"), ""),
    "checking": (_("dry run"), "chip--warn"),
    "queued": (_("waiting"), "chip--warn"),
    "running": (_("running"), "chip--warn"),
    "paused": (_("paused"), "chip--warn"),
    "cancelled": (_("cancelled"), ""),
    "failed": (_("failed"), "chip--bad"),
    "finished": (_("done"), "chip--ok"),
    "undoing": (_("being undone"), "chip--warn"),
    "undone": (_("undone"), ""),
}
"""Each state with the chip it wears."""

FORMATS: Final[tuple[tuple[str, Text], ...]] = (
    ("csv", _("CSV: rows with a delimiter")),
    ("ndjson", _("NDJSON: one JSON object per line")),
    ("segment", _("Segment messages, one per line")),
)
DELIMITERS: Final[tuple[tuple[str, Text], ...]] = (
    (",", _("Comma")),
    (";", _("Semicolon")),
    ("\t", _("Tab")),
    ("|", _("Vertical bar")),
)
MATCHES: Final[tuple[tuple[str, Text], ...]] = (
    ("email", _("E-mail")),
    ("phone", _("Phone")),
    ("email_or_phone", _("E-mail, else phone")),
    ("user_id", _("User ID")),
    ("external", _("ID in another system")),
    ("profile_id", _("Profile ID (only changes people who are there)")),
)
POLICIES: Final[tuple[tuple[str, Text], ...]] = (
    ("create_and_update", _("Add and change people")),
    ("create_only", _("Only add new people")),
    ("update_only", _("Only change people")),
)
TYPES: Final[tuple[tuple[str, Text], ...]] = (
    ("auto", _("as it is")),
    ("text", _("Text")),
    ("number", _("Number")),
    ("boolean", _("Yes or no")),
    ("date", _("Date")),
    ("list", _("List")),
    ("object", _("Object (JSON)")),
)
OVERWRITES: Final[tuple[tuple[str, Text], ...]] = (
    ("always", _("is replaced")),
    ("if_empty", _("stays")),
)
WHEN_EMPTY: Final[tuple[tuple[str, Text], ...]] = (
    ("leave", _("no change")),
    ("clear", _("removes it")),
)
IDENTIFIERS: Final = ("email", "phone", "user_id", "profile_id")

PROBLEMS: Final[dict[str, Text]] = {
    "blocked_identifier": _("This value names nobody in particular, so it is left out."),
    "does_not_fit": _("The value does not fit the type of the column."),
    "identifier_taken": _("This belongs to another person, so it is left out."),
    "invalid_key": _("The value that people are matched by will not do."),
    "line_too_long": _("The line is too long."),
    "missing_key": _("The row has nothing to match people by."),
    "no_such_profile": _("There is no such profile."),
    "nul_character": _("The row holds characters that are no text."),
    "ragged_row": _("The row has too many or too few cells."),
    "row_too_large": _("The row is too large."),
    "suppressed": _("This contact asked to be kept out."),
    "too_many_fields": _("The row sets too many attributes."),
    "undecodable": _("Some characters are not of the file’s encoding."),
    "unreadable_row": _("The row cannot be read."),
}


STOPPED: Final[dict[str, Text]] = {
    "file_dropped_erased": _("The file was dropped: somebody in it has been erased. Upload it again without them."),
    "file_dropped_unread": _(
        "The file was dropped: somebody has been erased, and it could not be searched for them, as it has more than"
        " 20 MB when unpacked or is damaged. Upload it again without them."
    ),
    "file_dropped_old": _("The file is no longer kept: the import stood still for too long. Upload it again."),
}
"""Why an import has lost its file (`imports.records.PROBLEMS`)."""


class ImportRefusal(Struct, frozen=True):
    """A refusal: what to tell everybody, and the details as the engine says them."""

    title: str
    detail: str


def refusal_of(error: TesseraError) -> ImportRefusal:
    title = error_in_words(error)
    detail = str(error)
    return ImportRefusal(title, "" if detail == title else detail)


def target_in_words(column: Column) -> str:
    """Where a column goes, as the form shows it: nothing for a column that is ignored."""
    if column.target == "ignore":
        return ""
    if column.target.startswith("attribute:"):
        name = column.target.removeprefix("attribute:")
        return attribute_in_words(name) if name in ATTRIBUTES and name not in IDENTIFIERS else name
    return kind_in_words(column.target) if column.target in IDENTIFIERS else column.target


def targets(custom: Iterable[str]) -> list[str]:
    """What the form proposes: identifiers, standard attributes, then the workspace's own."""
    standard = [str(words) for name, words in ATTRIBUTES.items() if name not in IDENTIFIERS]
    own = sorted(name for name in custom if name not in ATTRIBUTES)
    return [*(kind_in_words(kind) for kind in IDENTIFIERS), *standard, *own]


def read_target(text: str) -> str:
    """What was typed as the plan's target: a proposal's words, `external:<system>`, or the name of an attribute."""
    text = text.strip()
    if not text:
        return "ignore"
    known = {kind_in_words(kind).casefold(): kind for kind in IDENTIFIERS}
    known |= {
        str(words).casefold(): f"attribute:{name}" for name, words in ATTRIBUTES.items() if name not in IDENTIFIERS
    }
    if text.casefold() in known:
        return known[text.casefold()]
    if text in IDENTIFIERS or text.startswith(("external:", "attribute:")):
        return text
    return f"attribute:{text}"
