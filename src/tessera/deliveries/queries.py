"""What screens and the API read about automatic exports."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.audience.segments.queries import all_segments
from tessera.deliveries import store
from tessera.deliveries.records import (
    Delivery,
    DeliveryPage,
    NoSuchSegmentExport,
    SegmentExport,
    SegmentExportView,
)
from tessera.exports.wanted import CONTENT_TYPES
from tessera.foundation.errors import TesseraError

Connection = psycopg.Connection[Any]


class ContentGone(TesseraError):
    """The delivery's content is not kept (any more)."""

    code = "export_not_ready"


class Taken(Struct, frozen=True):
    """A delivery's content, to be taken away."""

    name: str
    content_type: str
    body: bytes


class ExportLine(Struct, frozen=True):
    """An export with its segment's name (empty where it was deleted).

    `delivery` is the oldest that has not arrived, or else its newest.
    """

    export: SegmentExport
    segment: str
    delivery: Delivery | None


def segment_exports(connection: Connection, workspace_id: int, segment_id: UUID | None = None) -> list[SegmentExport]:
    """By name; of one segment where it is named."""
    return store.of_workspace(connection, workspace_id, segment_id)


def segment_export(connection: Connection, workspace_id: int, export_id: UUID) -> SegmentExport:
    """Raises `NoSuchSegmentExport`."""
    return store.read(connection, workspace_id, export_id)


def views(connection: Connection, exports: Sequence[SegmentExport]) -> list[SegmentExportView]:
    """These exports as programs read them."""
    newest = store.last_of(connection, [each.id for each in exports])
    same = ("segment_id", "name", "destination", "format", "schedule", "attributes", "identifiers", "everybody")
    return [
        SegmentExportView(
            export_id=each.id,
            folder=each.slug,
            state=each.state,
            due_at=each.due_at,
            created_at=each.created_at,
            created_by=each.created_by,
            changed_at=each.changed_at,
            last=newest.get(each.id),
            **{name: getattr(each, name) for name in same},
        )
        for each in exports
    ]


def of_segment(connection: Connection, workspace_id: int, segment_id: UUID, export_id: UUID) -> SegmentExport:
    """Raises `NoSuchSegmentExport` for one of another segment, too."""
    found = store.read(connection, workspace_id, export_id)
    if found.segment_id != segment_id:
        raise NoSuchSegmentExport(f"this segment has no automatic export {export_id}")
    return found


def lines(connection: Connection, workspace_id: int, exports: Sequence[SegmentExport]) -> list[ExportLine]:
    """These exports as lists show them."""
    names = {each.id: each.name for each in all_segments(connection, workspace_id, archived=None)}
    newest = store.last_of(connection, [each.id for each in exports])
    return [ExportLine(each, names.get(each.segment_id, ""), newest.get(each.id)) for each in exports]


def deliveries(
    connection: Connection, export: SegmentExport, *, before: int | None = None, limit: int = 50
) -> DeliveryPage:
    """Newest first."""
    found = store.deliveries(connection, export.id, before=before, limit=limit + 1)
    return DeliveryPage(found[:limit], found[limit - 1].number if len(found) > limit else None)


def content(connection: Connection, export: SegmentExport, number: int) -> Taken:
    """Raises `NoSuchSegmentExport` for a number it never had, `ContentGone`."""
    found = store.delivery(connection, export.id, number)
    if found is None:
        raise NoSuchSegmentExport(f"it has no delivery {number}")
    body = store.content_of(connection, export.id, number)
    if body is None:
        raise ContentGone("the content of this delivery is not kept")
    name = found.file_name.rpartition("/")[2]
    return Taken(name, CONTENT_TYPES[found.format], body)
