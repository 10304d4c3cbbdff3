"""The example answers about imports."""

from typing import Any, Final

IMPORT_ID: Final = "0199d2ab-3c4d-7e5f-8a60-7b8c9d0e1f2a"
_AT: Final = "2026-11-20T17:40:11Z"
_COUNTS: Final[dict[str, int]] = {
    "rows": 2000,
    "created": 1893,
    "updated": 100,
    "unchanged": 0,
    "skipped": 0,
    "errors": 7,
    "warnings": 2,
    "repeated": 0,
}
_NONE: Final[dict[str, int]] = dict.fromkeys(_COUNTS, 0)
_COLUMNS: Final[list[dict[str, Any]]] = [
    {"name": "Correo", "target": "email"},
    {"name": "Puntos", "target": "attribute:points", "type": "number", "decimal": ","},
]
_PLAN: Final[dict[str, Any]] = {"format": {"delimiter": ";"}, "columns": _COLUMNS}

UPLOADING: Final[dict[str, Any]] = {
    "id": IMPORT_ID,
    "workspace_id": 1,
    "name": "people.csv",
    "actor": "api-key:crm",
    "state": "uploading",
    "created_at": _AT,
    "started_at": None,
    "finished_at": None,
    "size": 0,
    "chunks": 0,
    "file_kept": True,
    "plan": None,
    "counts": _NONE,
    "checked": None,
    "row_number": 0,
    "progress": 0.0,
    "rows_per_second": None,
    "problem": "",
    "problem_code": "",
    "stalled": False,
    "undo": None,
}
IMPORT: Final[dict[str, Any]] = UPLOADING | {
    "state": "finished",
    "started_at": "2026-11-20T17:41:00Z",
    "finished_at": "2026-11-20T17:41:01Z",
    "size": 90233,
    "chunks": 1,
    "plan": _PLAN,
    "counts": _COUNTS,
    "checked": _COUNTS,
    "row_number": 2001,
    "progress": 1.0,
    "rows_per_second": 2000.0,
}
UNDONE: Final[dict[str, Any]] = IMPORT | {
    "state": "undone",
    "undo": {
        "events": 1993,
        "people": 1893,
        "identifiers": 1893,
        "refolded": 100,
        "merges": 0,
        "incomplete": [],
        "steps_left": 0,
    },
}
IMPORTS: Final[dict[str, Any]] = {"imports": [IMPORT], "next": None}
CHUNK: Final[dict[str, Any]] = {"number": 0, "bytes": 90233}
DELETED: Final[dict[str, Any]] = {"id": IMPORT_ID, "deleted": True}
INSPECTION: Final[dict[str, Any]] = {
    "sample": {
        "format": {"delimiter": ";"},
        "columns": ["Correo", "Puntos"],
        "rows": [["ana@example.com", "12,5"]],
    },
    "suggested": _PLAN,
}
