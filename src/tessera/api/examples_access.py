"""The example answers of the endpoints about staff, keys and the audit trail."""

from typing import Any, Final

from tessera.api.parameters import EXAMPLE_ID, EXAMPLE_OTHER

_FIRST: Final = "2026-11-02T09:14:03.512Z"
_LATER: Final = "2026-11-20T17:40:11Z"

MEMBER: Final[dict[str, Any]] = {
    "account_id": EXAMPLE_ID,
    "email": "bo@shop.example",
    "workspace_id": 1,
    "role": "support",
    "language": "es",
    "time_zone": "Europe/Madrid",
    "sees_pii": False,
    "pii_grant": None,
    "has_second_factor": True,
    "second_factor_demanded": False,
    "created_at": _FIRST,
    "revoked_at": None,
    "last_login": _LATER,
}
INVITATION: Final[dict[str, Any]] = {
    "id": EXAMPLE_OTHER,
    "email": "cy@shop.example",
    "role": "marketer",
    "pii_grant": None,
    "invited_by": "api-key:directory",
    "created_at": _LATER,
    "expires_at": "2026-11-23T17:40:11Z",
}
STAFF: Final[dict[str, Any]] = {"staff": [MEMBER], "invitations": [INVITATION]}
INVITED: Final[dict[str, Any]] = {"invitation": INVITATION, "path": "/join/tsi_x8T…"}

KEY: Final[dict[str, Any]] = {
    "id": 7,
    "workspace_id": 1,
    "name": "crm",
    "prefix": "tsk_x8TqLw0a",
    "scopes": ["profiles:read", "pii:read"],
    "created_at": _FIRST,
    "last_used_at": _LATER,
    "revoked_at": None,
}
KEYS: Final[dict[str, Any]] = {"keys": [KEY]}
MADE: Final[dict[str, Any]] = {"id": 8, "token": "tsk_x8TqLw0a…"}

AUDIT: Final[dict[str, Any]] = {
    "entries": [
        {
            "id": EXAMPLE_ID,
            "at": _LATER,
            "workspace_id": 1,
            "actor": "ana@shop.example",
            "action": "merge_profiles",
            "target": f"profile:{EXAMPLE_ID}",
            "detail": {"absorbed": EXAMPLE_OTHER, "reason": "same loyalty card"},
        }
    ],
    "next": None,
}
