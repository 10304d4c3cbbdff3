"""What is known of a segment, as other rooms and the doors read it."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from tessera.foundation.errors import NotFound, TesseraError

Kind = Literal["dynamic", "static"]
Freshness = Literal["asked", "kept", "fixed"]
"""`asked`: evaluated when somebody asks. `kept`: its members are stored, changed at once with what people do, and
evaluated whole by the clock. `fixed`: a static one's list, changed by hand."""

MOST_SEGMENTS: Final = 5_000
"""Per workspace, archived ones included."""
MOST_AT_ONCE: Final = 10_000
"""People named in one call that adds or removes."""
FASTEST_MINUTES: Final = 5

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=2_000)]
Folder = Annotated[str, Meta(max_length=200)]
Tags = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=60)], ...], Meta(max_length=20)]
Minutes = Annotated[int, Meta(ge=FASTEST_MINUTES, le=7 * 24 * 60)]


class NoSuchSegment(NotFound):
    """There is none with this id in the workspace."""


class WrongSegment(TesseraError):
    """This cannot be done with a segment like that; the message says why."""

    code = "wrong_segment"


class NameTaken(TesseraError):
    """Another segment of the workspace has this name."""

    code = "segment_name_taken"


class SegmentInUse(TesseraError):
    """Others are made of it; the message names them."""

    code = "segment_in_use"


class SegmentCircle(TesseraError):
    """A segment would ask, by way of others, for itself; the message names the circle."""

    code = "segment_circle"


class SegmentTooLarge(TesseraError):
    """With the segments that its condition asks about it would be more than can be asked; the message names it."""

    code = "segment_too_large"


class TooManySegments(TesseraError):
    code = "too_many_segments"


class Segment(Struct, frozen=True, kw_only=True):
    """A segment. `condition` is the JSON form's inner object, of dynamic ones; `text` is its text form.

    `size` is how many people it had at `counted_at`, None before anybody counted. `current` is false while the members
    of a kept one are those of an earlier condition. `problem` says why it could not be evaluated.
    """

    id: UUID
    workspace_id: int
    name: str
    description: str
    folder: str
    tags: tuple[str, ...]
    kind: Kind
    condition: bytes | None
    freshness: Freshness
    every_minutes: int | None
    version: int
    created_at: datetime
    created_by: str
    changed_at: datetime
    archived_at: datetime | None
    size: int | None
    counted_at: datetime | None
    refreshed_at: datetime | None
    refreshed_version: int
    problem: str

    @property
    def current(self) -> bool:
        return self.freshness != "kept" or self.refreshed_version == self.version

    @property
    def stored(self) -> bool:
        """Whether its members are in `audience_member`."""
        return self.freshness != "asked"


class NewSegment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`condition` is the text form or empty for a static one."""

    name: Name
    description: Text = ""
    folder: Folder = ""
    tags: Tags = ()
    condition: bytes | None = None
    keep_fresh: bool = False
    every_minutes: Minutes | None = None


class SegmentChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed; the rest stays."""

    name: Name | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    folder: Folder | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    condition: bytes | UnsetType = UNSET
    keep_fresh: bool | UnsetType = UNSET
    every_minutes: Minutes | UnsetType | None = UNSET


class Member(Struct, frozen=True):
    """Somebody in a segment, and since when (None where it is only evaluated when asked)."""

    person_id: UUID
    entered_at: datetime | None


class MembersPage(Struct, frozen=True):
    """`next` is the cursor of the following page, or None."""

    members: list[Member]
    next: UUID | None


class ItemResult(Struct, frozen=True):
    """What became of one of many: done, already so, or why not (`unknown_person`)."""

    item: str
    person_id: UUID | None
    result: Literal["done", "already", "unknown_person"]


class SizeAt(Struct, frozen=True):
    """How many people a segment had at the last count of that hour."""

    hour: datetime
    size: int
