"""The example answers of erasures, suppressions and relations. A test holds each against its schema."""

from typing import Any, Final

from tessera.api.parameters import EXAMPLE_ID, EXAMPLE_OTHER

EXAMPLE_ERASURE: Final = "0199c0e1-0001-7aaa-8bbb-ccccddddeeee"
_AT: Final = "2026-11-20T17:40:11Z"
_COUNTS: Final = {"events_history": 128, "identity_identifier": 3, "identity_profile": 2, "profiles_state": 2}

ERASURE_REPORT: Final[dict[str, Any]] = {
    "erasure_id": EXAMPLE_ERASURE,
    "profile_ids": [EXAMPLE_ID, EXAMPLE_OTHER],
    "counts": _COUNTS,
    "suppressed": 3,
    "erased_at": _AT,
}
ERASURE: Final[dict[str, Any]] = {
    "id": EXAMPLE_ERASURE,
    "asked_at": _AT,
    "asked_by": "api-key:crm",
    "reason": "asked by e-mail, ticket 4711",
    "suppress": True,
    "status": "running",
    "total": 2,
    "done": 1,
    "failed": 0,
    "finished_at": None,
}
ERASURES: Final[dict[str, Any]] = {"erasures": [ERASURE], "next": None}
ERASURE_DETAIL: Final[dict[str, Any]] = {
    "erasure": ERASURE,
    "items": [
        {
            "number": 1,
            "status": "done",
            "code": "",
            "profile_ids": [EXAMPLE_ID, EXAMPLE_OTHER],
            "counts": _COUNTS,
            "suppressed": 3,
            "erased_at": _AT,
        },
        {
            "number": 2,
            "status": "waiting",
            "code": "",
            "profile_ids": [],
            "counts": {},
            "suppressed": 0,
            "erased_at": None,
        },
    ],
    "next": None,
}
SUPPRESSION: Final[dict[str, Any]] = {"kind": "email", "added_at": _AT, "added_by": "ana.owner@example.com"}
SUPPRESSIONS: Final[dict[str, Any]] = {"total": 12, "kinds": {"email": 7, "phone": 5}, "asked": SUPPRESSION}

RELATIONS: Final[dict[str, Any]] = {
    "relations": [
        {
            "type": "referred_by",
            "label": "Referred by",
            "outgoing": True,
            "other": {
                "kind": "email",
                "value": "bo@example.com",
                "profile_id": EXAMPLE_OTHER,
                "name": "Bo Chen",
                "email": "bo@example.com",
            },
            "properties": {"campaign": "bring a friend"},
            "since": _AT,
        }
    ]
}
RELATION_TYPES: Final[dict[str, Any]] = {
    "types": [
        {"name": "referred_by", "label": "Referred by", "inverse": "Referred", "own": False},
        {"name": "sold_by", "label": "Sold by", "inverse": "Sold to", "own": True},
    ]
}
RELATION_TYPE: Final[dict[str, Any]] = RELATION_TYPES["types"][1]
