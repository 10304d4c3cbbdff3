"""The example answers about segments. A test holds each against its schema."""

from typing import Any, Final

from tessera.api.parameters import EXAMPLE_ID, EXAMPLE_OTHER

SEGMENT_ID: Final = "0199d5aa-1b2c-7d3e-8f40-5a6b7c8d9e0f"
_STATIC_ID: Final = "0199d5ab-77aa-7123-9abc-0f1e2d3c4b5a"
_AT: Final = "2026-11-20T17:40:11Z"

TEXT: Final = 'country = "ES" and did("Order Completed", total > 100) >= 2 in 30 days'
_SPAIN: Final[dict[str, Any]] = {
    "is": "attribute",
    "path": ["country"],
    "test": {"op": "equals", "value": "ES"},
}
CONDITION: Final[dict[str, Any]] = {"version": 1, "condition": _SPAIN}

SEGMENT: Final[dict[str, Any]] = {
    "id": SEGMENT_ID,
    "name": "Spain",
    "description": "Everybody who lives there",
    "folder": "Countries",
    "tags": ["core"],
    "kind": "dynamic",
    "condition": CONDITION,
    "text": 'country = "ES"',
    "freshness": "kept",
    "every_minutes": 60,
    "version": 1,
    "created_at": _AT,
    "created_by": "api-key:crm",
    "changed_at": _AT,
    "archived_at": None,
    "size": 1820,
    "counted_at": _AT,
    "refreshed_at": _AT,
    "current": True,
    "problem": "",
}
STATIC: Final[dict[str, Any]] = {
    **SEGMENT,
    "id": _STATIC_ID,
    "name": "Spain in November",
    "kind": "static",
    "condition": None,
    "text": None,
    "freshness": "fixed",
    "every_minutes": None,
    "refreshed_at": None,
}
SEGMENTS: Final[dict[str, Any]] = {"segments": [STATIC, SEGMENT], "next": None}
DELETED: Final[dict[str, Any]] = {"id": SEGMENT_ID, "deleted": True}
USED_BY: Final[dict[str, Any]] = {
    "segments": [{"id": _STATIC_ID, "name": "Spain and Portugal", "archived": False}],
    "reports": [{"id": "0199d5ac-3344-7b11-8c22-aabbccddeeff", "name": "Orders in Spain"}],
    "exports": [{"id": "0199d5ac-4455-7b11-8c22-aabbccddeeff", "name": "To the lake", "state": "active"}],
}
SIZES: Final[dict[str, Any]] = {
    "sizes": [{"hour": "2026-11-20T16:00:00Z", "size": 1811}, {"hour": "2026-11-20T17:00:00Z", "size": 1820}]
}
COUNT: Final[dict[str, Any]] = {"people": 1820, "evaluated": False}
PREVIEW: Final[dict[str, Any]] = {
    "condition": CONDITION,
    "text": 'country = "ES"',
    "people": 1820,
    "total": 18204,
    "funnel": [{"condition": CONDITION, "text": 'country = "ES"', "left": 1820, "alone": 1820}],
    "reach": {"email": 1604, "sms": 412, "push": 96},
    "sample": [EXAMPLE_ID, EXAMPLE_OTHER],
}
MEMBERS: Final[dict[str, Any]] = {
    "members": [{"person_id": EXAMPLE_ID, "entered_at": _AT}, {"person_id": EXAMPLE_OTHER, "entered_at": _AT}],
    "next": None,
}
ITEM_RESULTS: Final[dict[str, Any]] = {
    "done": 1,
    "already": 0,
    "unknown": 1,
    "results": [
        {"item": "email:ana@example.com", "person_id": EXAMPLE_ID, "result": "done"},
        {"item": "user_id:4711", "person_id": None, "result": "unknown_person"},
    ],
}
EXPLANATION: Final[dict[str, Any]] = {
    "person_id": EXAMPLE_ID,
    "holds": True,
    "verdict": {
        "condition": CONDITION,
        "text": 'country = "ES"',
        "holds": True,
        "parts": [],
        "segment_id": None,
        "segment": None,
    },
}
PERSON_SEGMENTS: Final[dict[str, Any]] = {
    "segments": [{"id": SEGMENT_ID, "name": "Spain", "kind": "dynamic", "freshness": "kept", "since": _AT}]
}
ANALYST: Final[dict[str, Any]] = {
    "running": True,
    "engine": "duckdb",
    "behind": 0,
    "lag_ms": 0,
    "seen_at": _AT,
}
SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$ref": "#/$defs/Document",
    "$defs": {},
}
