"""The example answers that the OpenAPI document shows. A test holds each against its schema."""

from typing import Any, Final

from tessera.api.parameters import EXAMPLE_ID, EXAMPLE_MERGE, EXAMPLE_OTHER

_FIRST: Final = "2026-11-02T09:14:03.512Z"
_LATER: Final = "2026-11-20T17:40:11Z"

MERGE: Final[dict[str, Any]] = {
    "merge_id": EXAMPLE_MERGE,
    "kept": EXAMPLE_ID,
    "absorbed": EXAMPLE_OTHER,
    "kept_link": EXAMPLE_ID,
    "absorbed_link": EXAMPLE_OTHER,
    "reason": "same loyalty card, confirmed by telephone",
    "evidence": {"actor": "api-key:crm", "reason": "same loyalty card, confirmed by telephone"},
    "at": _LATER,
    "undone_at": None,
    "undone_by": None,
}
UNDONE_MERGE: Final[dict[str, Any]] = MERGE | {"undone_at": "2026-11-21T08:00:00Z", "undone_by": "api-key:crm"}

PERSON: Final[dict[str, Any]] = {
    "profile_id": EXAMPLE_ID,
    "person_id": EXAMPLE_ID,
    "md5": "5f4dcc3b5aa765d61d8327deb882cf99",
    "xxh": "26c7827d889f6da3",
    "status": "subscribed",
    "standing": {"at": _LATER, "reason": "asked to by telephone", "by": "api-key:crm"},
    "test_subscriber": False,
    "avatar": {"profile_id": EXAMPLE_ID, "digest": "9f86d081884c7d659a2feaa0c55ad015"},
    "name": "Ana Lee",
    "email": "ana@example.com",
    "email_is_placeholder": False,
    "random_bucket": 4711,
    "identifiers": [
        {
            "kind": "email",
            "value": "ana@example.com",
            "verified": False,
            "first_seen": _FIRST,
            "profile_id": EXAMPLE_ID,
        }
    ],
    "attributes": {"email": "ana@example.com", "first_name": "Ana", "last_name": "Lee", "plan": "pro"},
    "inferred": {"language": "en"},
    "events": {
        "Order Completed": {
            "count": 2,
            "first_at": _FIRST,
            "last_at": _LATER,
            "last_30_days": 2,
            "revenue": {"EUR": 59.8},
        }
    },
    "purchases": {
        "count": 2,
        "revenue": 59.8,
        "currency": "EUR",
        "revenue_by_currency": {"EUR": 59.8},
        "first_at": _FIRST,
        "last_at": _LATER,
    },
    "sessions": {"count": 3, "first_at": _FIRST, "last_at": _LATER},
    "devices": [
        {
            "id": "web",
            "first_at": _FIRST,
            "last_at": _LATER,
            "type": "desktop",
            "platform": "Linux",
            "browser": "Chrome",
        }
    ],
    "groups": [],
    "registration": {
        "at": _FIRST,
        "event": "Identified",
        "source_id": 1,
        "ip": "203.0.113.7",
        "country": "ES",
        "city": None,
        "page": "https://shop.example/sign-up",
        "referrer": "https://shop.example/",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/139.0.0.0",
        "vendor": "analytics.js",
    },
    "last_activity": {
        "at": _LATER,
        "event": "Order Completed",
        "source_id": 1,
        "device": "desktop",
        "platform": "Linux",
        "browser": "Chrome",
        "ip": "203.0.113.7",
        "country": "ES",
        "city": None,
        "region": None,
        "postcode": None,
        "time_zone": "Europe/Madrid",
    },
    "utm": {
        "first": {
            "at": _FIRST,
            "source": "newsletter",
            "medium": "email",
            "name": "autumn",
            "term": None,
            "content": None,
        },
        "last": None,
    },
    "members": [
        {"profile_id": EXAMPLE_ID, "created_at": _FIRST},
        {"profile_id": EXAMPLE_OTHER, "created_at": "2026-11-05T10:00:00Z"},
    ],
    "merges": [MERGE],
    "first_seen_at": _FIRST,
    "last_seen_at": _LATER,
    "created_at": _FIRST,
}

PEOPLE: Final[dict[str, Any]] = {
    "profiles": [
        {
            "profile_id": EXAMPLE_ID,
            "person_id": EXAMPLE_ID,
            "name": "Ana Lee",
            "email": "ana@example.com",
            "email_is_placeholder": False,
            "phone": None,
            "country": "ES",
            "identifiers": 3,
            "purchases": 2,
            "last_seen_at": _LATER,
            "created_at": _FIRST,
        }
    ],
    "next": None,
}

EVENTS: Final[dict[str, Any]] = {
    "events": [
        {
            "event_id": "3c0a4b1e-93d7-4a1f-0c55-6a7b8c9d0e1f",
            "profile_id": EXAMPLE_ID,
            "source_id": 1,
            "type": "track",
            "name": "Order Completed",
            "occurred_at": _LATER,
            "received_at": _LATER,
            "recorded_at": _LATER,
            "body": {
                "type": "track",
                "event": "Order Completed",
                "userId": "4711",
                "messageId": "m-1",
                "properties": {"order_id": "o-1", "revenue": 29.9, "currency": "EUR"},
            },
            "envelope": {},
        }
    ],
    "next": "1795369211000000.17.204",
    "incomplete": False,
}

REFUSALS: Final[dict[str, Any]] = {
    "refusals": [
        {
            "profile_id": EXAMPLE_ID,
            "other_id": EXAMPLE_OTHER,
            "rule": "limit:user_id",
            "dropped_kind": "anonymous_id",
            "dropped_value": "a-77",
            "times": 4,
            "first_at": _FIRST,
            "last_at": _LATER,
            "evidence": {"event": "Signed In"},
        }
    ]
}

EXPORT: Final[dict[str, Any]] = {
    "exported_at": _LATER,
    "profile": PERSON,
    "picture": None,
    "relations": [],
    "refusals": [],
    "events": EVENTS["events"],
    "incomplete": False,
}

STATS: Final[dict[str, Any]] = {
    "people": 18204,
    "profiles": 21377,
    "events": 902113,
    "waiting": 0,
    "counted_at": "2026-11-20T12:00:00Z",
}
