"""What is known of automatic exports and of their deliveries."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from tessera.foundation.errors import NotFound, TesseraError

Format = Literal["csv", "ndjson", "parquet"]
State = Literal["active", "paused", "ended"]
"""`ended`: its segment was deleted and everything before was delivered."""
DeliveryState = Literal["waiting", "sent"]
MOST_EXPORTS: Final = 100
"""Per workspace."""
MOST_COLUMNS: Final = 100

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Names = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=600)], ...], Meta(max_length=MOST_COLUMNS)]
Address = Annotated[str, Meta(min_length=1, max_length=1_000)]
Words = Annotated[str, Meta(max_length=400)]


class InvalidSegmentExport(TesseraError):
    """The export cannot be like this; the message says which part of it."""

    code = "invalid_segment_export"


class TooManySegmentExports(TesseraError):
    code = "too_many_segment_exports"


class NoSuchSegmentExport(NotFound):
    """There is none with this id in the workspace."""


class Folder(Struct, frozen=True, kw_only=True, tag="folder", tag_field="to", forbid_unknown_fields=True):
    """A folder of this machine, below one of `TESSERA_EXPORT_ROOTS`."""

    path: Address


class Bucket(Struct, frozen=True, kw_only=True, tag="s3", tag_field="to", forbid_unknown_fields=True):
    """An S3-compatible bucket. Without an `endpoint` it is one of Amazon's; `prefix` is where in it files begin."""

    bucket: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]$")]
    key_id: Annotated[str, Meta(min_length=1, max_length=200)]
    endpoint: Annotated[str, Meta(max_length=1_000)] = ""
    region: Annotated[str, Meta(pattern=r"^[a-z0-9\-]{0,40}$")] = ""
    prefix: Words = ""


class Webhook(Struct, frozen=True, kw_only=True, tag="webhook", tag_field="to", forbid_unknown_fields=True):
    """An address that each delivery is POSTed to, signed."""

    url: Address


Destination = Folder | Bucket | Webhook


class SegmentExport(Struct, frozen=True, kw_only=True):
    """An automatic export of a segment.

    `taken` is the last move that is in a delivery, `number` that of the last delivery. `due_at` is when the next is cut
    by the clock, None on change. `asked`: somebody wants what there is now.
    """

    id: UUID
    workspace_id: int
    segment_id: UUID
    name: str
    slug: str
    format: Format
    attributes: tuple[str, ...]
    identifiers: tuple[str, ...]
    destination: Destination
    schedule: str
    everybody: bool
    state: State
    taken: int
    number: int
    due_at: datetime | None
    asked: bool
    created_at: datetime
    created_by: str
    changed_at: datetime


class NewSegmentExport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`secret` is a bucket's key, or what a webhook is signed with (made where there is none). `everybody`: the first
    delivery is who is in now. `attributes` and `identifiers` (by kind) are the columns beside who, what and when.
    """

    name: Name
    destination: Destination
    format: Format = "csv"
    schedule: Annotated[str, Meta(max_length=200)] = "change"
    attributes: Names = ()
    identifiers: Names = ()
    everybody: bool = False
    secret: Annotated[str, Meta(max_length=500)] = ""


class SegmentExportChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed; the rest stays. What was decided already goes out as it is, to the new destination."""

    name: Name | UnsetType = UNSET
    destination: Destination | UnsetType = UNSET
    format: Format | UnsetType = UNSET
    schedule: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    attributes: Names | UnsetType = UNSET
    identifiers: Names | UnsetType = UNSET
    secret: Annotated[str, Meta(min_length=1, max_length=500)] | UnsetType = UNSET
    paused: bool | UnsetType = UNSET


class Delivery(Struct, frozen=True, kw_only=True):
    """One delivery. `id` is what the receiver knows it by; it goes out with the same content however often it is tried.

    `problem` is the code of why it has not arrived yet, `detail` what the other side said. `kept`: its content can be
    downloaded still.
    """

    id: UUID
    number: int
    state: DeliveryState
    file_name: str
    format: Format
    entered: int
    left: int
    bytes: int
    attempts: int
    next_try_at: datetime | None
    problem: str
    detail: str
    cut_at: datetime
    sent_at: datetime | None
    kept: bool


class DeliveryPage(Struct, frozen=True):
    """Newest first; `next` is the cursor of the following page, or None."""

    deliveries: list[Delivery]
    next: int | None


class SegmentExportView(Struct, frozen=True, kw_only=True):
    """An automatic export as programs read it. Its secret is never told again.

    `folder` is where its files lie at the destination. `last` is its oldest delivery that has not arrived, or else its
    newest.
    """

    export_id: UUID
    segment_id: UUID
    name: str
    folder: str
    destination: Destination
    format: Format
    schedule: str
    attributes: tuple[str, ...]
    identifiers: tuple[str, ...]
    everybody: bool
    state: State
    due_at: datetime | None
    created_at: datetime
    created_by: str
    changed_at: datetime
    last: Delivery | None
