"""The example answers about automatic exports of segments."""

from typing import Any, Final

EXPORT_ID: Final = "0199d2bb-2c3d-7e4f-9051-6b7c8d9e0f1a"
SEGMENT_ID: Final = "0199d2b0-0a1b-7c2d-8e3f-405162738495"

DELIVERY: Final[dict[str, Any]] = {
    "id": "0199d2cc-3d4e-7f50-a162-7c8d9e0f1a2b",
    "number": 42,
    "state": "sent",
    "file_name": "vip-customers-0f1a2b/000042-changes.csv",
    "format": "csv",
    "entered": 18,
    "left": 5,
    "bytes": 2210,
    "attempts": 1,
    "next_try_at": None,
    "problem": "",
    "detail": "",
    "cut_at": "2026-11-20T17:40:12.104Z",
    "sent_at": "2026-11-20T17:40:13.871Z",
    "kept": True,
}
EXPORT: Final[dict[str, Any]] = {
    "export_id": EXPORT_ID,
    "segment_id": SEGMENT_ID,
    "name": "VIP customers",
    "folder": "vip-customers-0f1a2b",
    "destination": {"to": "webhook", "url": "https://lake.example.com/segments"},
    "format": "csv",
    "schedule": "change",
    "attributes": ["plan"],
    "identifiers": ["email"],
    "everybody": True,
    "state": "active",
    "due_at": None,
    "created_at": "2026-11-01T09:00:00Z",
    "created_by": "api-key:crm",
    "changed_at": "2026-11-01T09:00:00Z",
    "last": DELIVERY,
}
EXPORTS: Final[dict[str, Any]] = {"exports": [EXPORT]}
MADE: Final[dict[str, Any]] = {"export": EXPORT | {"last": None}, "secret": "tws_1b2c3d4e5f60718293a4b5c6d7e8f901"}
DELIVERIES: Final[dict[str, Any]] = {"deliveries": [DELIVERY], "next": None}
DELETED: Final[dict[str, Any]] = {"export_id": EXPORT_ID, "deleted": True}
