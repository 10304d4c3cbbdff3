"""Example answers about the catalogue, data quality, sources and brands."""

from typing import Any, Final

from tessera.api.parameters import EXAMPLE_ID

_FIRST: Final = "2026-11-02T09:14:03.512Z"
_LATER: Final = "2026-11-20T17:40:11Z"

ENTRY: Final[dict[str, Any]] = {
    "kind": "property",
    "parent": "Order Completed",
    "name": "revenue",
    "type": "number",
    "first_seen": _FIRST,
    "last_seen": _LATER,
    "volume": 5120,
    "misfits": 2,
    "status": "declared",
    "declared_type": "number",
    "allowed": None,
    "personal": False,
    "personal_by_hand": False,
    "description": "What the order brought in, taxes included",
    "example": "29.9",
    "types": {"number": 311},
    "days": {"2026-11-19": 201, "2026-11-20": 188},
    "sources": [1],
    "dropped": 0,
}
CATALOGUE: Final[dict[str, Any]] = {"entries": [ENTRY], "next": None}
PROBLEM: Final[dict[str, Any]] = {
    "kind": "property",
    "parent": "Order Completed",
    "name": "revenue",
    "code": "wrong_type",
    "source_id": 1,
    "count": 2,
    "first_seen": _FIRST,
    "last_seen": _LATER,
    "examples": [{"event_id": "3c0a4b1e-93d7-4a1f-0c55-6a7b8c9d0e1f", "profile_id": EXAMPLE_ID, "at": _LATER}],
    "acknowledged_at": None,
    "acknowledged_by": "",
    "open": True,
}
PROBLEMS: Final[dict[str, Any]] = {"problems": [PROBLEM], "next": None}
DETAIL: Final[dict[str, Any]] = {"entry": ENTRY, "problems": [PROBLEM]}
REHEARSAL: Final[dict[str, Any]] = {
    "events": 1000,
    "values": 412,
    "fitting": 410,
    "types": {"number": 400, "text": 12},
    "misfits": ["free"],
}

BRAND: Final[dict[str, Any]] = {"id": 1, "name": "Casa Luna", "slug": "casa-luna"}
BRANDS: Final[dict[str, Any]] = {"brands": [BRAND]}
SOURCE: Final[dict[str, Any]] = {
    "id": 1,
    "workspace_id": 1,
    "name": "Shop",
    "kind": "site",
    "allowed_origins": ["https://shop.example"],
    "created_at": _FIRST,
    "disabled_at": None,
    "brand_id": 1,
    "brand": "Casa Luna",
}
SOURCES: Final[dict[str, Any]] = {"sources": [SOURCE]}
KEY: Final[dict[str, Any]] = {
    "id": 1,
    "source_id": 1,
    "source": "Shop",
    "name": "Shop front",
    "key": "twk_0t9Xw2rJk3Zc1Qm8vYbN5aLd7fHs4GpE",
    "created_at": _FIRST,
    "revoked_at": None,
}
KEYS: Final[dict[str, Any]] = {"keys": [KEY]}
