"""The example answers about exports."""

from typing import Any, Final

EXPORT_ID: Final = "0199d2aa-1b2c-7d3e-8f40-5a6b7c8d9e0f"

EXPORT: Final[dict[str, Any]] = {
    "export_id": EXPORT_ID,
    "what": "people",
    "state": "done",
    "wanted": {"what": "people", "format": "parquet", "attributes": ["email", "plan"]},
    "reason": "",
    "actor": "api-key:crm",
    "looked_at": 18204,
    "total": 18204,
    "rows": 18204,
    "bytes": 1630211,
    "file_name": "people-2026-11-20-8d9e0f.parquet",
    "created_at": "2026-11-20T17:40:11Z",
    "started_at": "2026-11-20T17:40:12.104Z",
    "pictured_at": "2026-11-20T17:40:12.131Z",
    "finished_at": "2026-11-20T17:40:19.871Z",
    "kept_until": "2026-11-27T17:40:19.871Z",
}
EXPORTS: Final[dict[str, Any]] = {"exports": [EXPORT], "next": None}
DELETED: Final[dict[str, Any]] = {"export_id": EXPORT_ID, "deleted": True}
