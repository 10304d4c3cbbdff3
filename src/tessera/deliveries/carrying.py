"""Carrying a delivery to where its export sends it."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from tessera.deliveries import buckets, folders, webhooks
from tessera.deliveries.records import Bucket, Folder, SegmentExport, Webhook
from tessera.deliveries.store import Waiting
from tessera.exports.wanted import CONTENT_TYPES
from tessera.foundation.errors import TesseraError
from tessera.foundation.sealed import unseal


class FolderAway(TesseraError):
    """The folder cannot be written; the message is the system's."""

    code = "folder_unavailable"


def context_of(export_id: object) -> str:
    """What an export's secret is sealed for."""
    return f"deliveries:{export_id}"


def carry(export: SegmentExport, sealed: bytes | None, delivery: Waiting, body: bytes, *, now: datetime) -> None:
    """Raises `TesseraError` with a stable code when it did not arrive."""
    secret = unseal(sealed, context=context_of(export.id)).decode() if sealed else ""
    _WAYS[type(export.destination)](export, secret, delivery, body, now)


def _to_folder(export: SegmentExport, _secret: str, delivery: Waiting, body: bytes, _now: datetime) -> None:
    assert isinstance(export.destination, Folder)
    try:
        folders.write_file(export.destination.path, delivery.file_name, body)
    except OSError as error:
        raise FolderAway(f"{error.strerror or error}") from None


def _to_bucket(export: SegmentExport, secret: str, delivery: Waiting, body: bytes, _now: datetime) -> None:
    assert isinstance(export.destination, Bucket)
    kind = CONTENT_TYPES[delivery.format]
    buckets.put_object(export.destination, secret, delivery.file_name, body, kind, str(delivery.id))


def _to_webhook(export: SegmentExport, secret: str, delivery: Waiting, body: bytes, now: datetime) -> None:
    assert isinstance(export.destination, Webhook)
    webhooks.call(
        export.destination.url,
        secret,
        body,
        delivery=delivery.id,
        export=export.id,
        number=delivery.number,
        content_type=CONTENT_TYPES[delivery.format],
        name=delivery.file_name,
        at=int(now.timestamp()),
    )


_WAYS: Final[dict[type, Callable[[SegmentExport, str, Waiting, bytes, datetime], None]]] = {
    Folder: _to_folder,
    Bucket: _to_bucket,
    Webhook: _to_webhook,
}
