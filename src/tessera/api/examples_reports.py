"""The example answers about reports. A test holds each against its schema."""

from typing import Any, Final

REPORT_ID: Final = "0199d5ac-3344-7b11-8c22-aabbccddeeff"
_AT: Final = "2026-11-20T17:40:11Z"

REQUEST: Final[dict[str, Any]] = {
    "report": "trend",
    "period": {"op": "during", "first": "2026-11-19", "last": "2026-11-20"},
    "step": {"event": "Order Completed"},
    "measure": "people",
}
ANSWER: Final[dict[str, Any]] = {
    "report": "trend",
    "answer": {
        "measure": "people",
        "every": "day",
        "starts": ["2026-11-19", "2026-11-20"],
        "lines": [{"slice": {}, "values": [118, 131], "total": 236}],
    },
}
REPORT: Final[dict[str, Any]] = {
    "id": REPORT_ID,
    "name": "Buyers by day",
    "description": "",
    "report": "trend",
    "request": REQUEST,
    "created_at": _AT,
    "created_by": "api-key:crm",
    "changed_at": _AT,
}
REPORTS: Final[dict[str, Any]] = {"reports": [REPORT]}
DELETED: Final[dict[str, Any]] = {"id": REPORT_ID, "deleted": True}
SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "anyOf": [{"$ref": "#/$defs/Trend"}],
    "$defs": {},
}
