"""What is known of an import, as other rooms and the doors read it."""

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from tessera.foundation.errors import TesseraError
from tessera.imports.plan import Plan
from tessera.imports.sniffing import Sample

State = Literal[
    "uploading", "ready", "checking", "queued", "running", "paused", "cancelled", "failed", "finished", "undoing",
    "undone",
]  # fmt: skip
"""uploading → ready → (checking → ready) → queued → running → finished, or paused, cancelled, failed on the way;
from each of these, once something was written: undoing → undone."""

BUSY: Final = frozenset({"checking", "queued", "running", "undoing"})
STARTED: Final = frozenset({"queued", "running", "paused", "cancelled", "failed", "finished", "undoing", "undone"})


class NoSuchImport(TesseraError):
    code = "not_found"


class WrongState(TesseraError):
    """The import is not where this can be done; the message says where it is."""

    code = "wrong_import_state"


class FileGone(TesseraError):
    """The file was dropped: after some days (`TESSERA_IMPORT_KEEP_DAYS`), or because a person in it was erased."""

    code = "import_file_gone"


class Counts(Struct, kw_only=True):
    """`rows` were read; each is one of created, updated, unchanged, skipped (by the policy), repeated or errors.

    `warnings` count values that were left out of rows which were taken; `repeated` are Segment's messages that were
    taken in before. Of Segment's messages, `updated` are all that were recorded, `created` the people they brought.
    """

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    errors: int = 0
    warnings: int = 0
    repeated: int = 0

    def add(self, other: "Counts") -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


PROBLEMS: Final[dict[str, str]] = {
    "file_dropped_erased": "The file was dropped: somebody in it has been erased. Upload it again without them.",
    "file_dropped_unread": (
        "The file was dropped: somebody has been erased, and it could not be searched for them, as it has more than"
        " 20 MB when unpacked or is damaged. Upload it again without them."
    ),
    "file_dropped_old": "The file is no longer kept: the import stood still for too long. Upload it again.",
}
"""Why an import failed that lost its file, by the code that is kept with it."""


class UndoReport(Struct, kw_only=True):
    """What undoing removed. `incomplete` are profiles that could not be refolded, as part of their history is gone."""

    events: int = 0
    people: int = 0
    identifiers: int = 0
    refolded: int = 0
    merges: int = 0
    incomplete: list[UUID] = []
    steps_left: int = 0


class ImportView(Struct, frozen=True, kw_only=True):
    """An import. `progress` is the part of the file that was read, 0 to 1; `size` is in bytes as uploaded.

    `problem` says why it failed, `problem_code` is its code where it is one of `PROBLEMS`.
    `stalled` is true when whoever runs it has not been heard of for a minute: it may be resumed.
    """

    id: UUID
    workspace_id: int
    name: str
    actor: str
    state: State
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    size: int
    chunks: int
    file_kept: bool
    plan: Plan | None
    counts: Counts
    checked: Counts | None
    row_number: int
    progress: float
    rows_per_second: float | None
    problem: str
    stalled: bool
    undo: UndoReport | None
    problem_code: str = ""


class Inspection(Struct, frozen=True, kw_only=True):
    """What the beginning of a file says: how to read it, its first rows, and the plan that suggests itself."""

    sample: Sample
    suggested: Plan


class RowProblem(Struct, frozen=True, kw_only=True):
    """Something wrong with a row: an `error` (the row was not taken) or a `warning` (this value was left out).

    `row` counts from 1 as a spreadsheet does, the header too.
    """

    row: int
    severity: Literal["error", "warning"]
    field: str
    value: str
    code: str
    detail: str


class ImportsPage(Struct, frozen=True):
    """`next` is the cursor of the following page, or None."""

    imports: list[ImportView]
    next: str | None
