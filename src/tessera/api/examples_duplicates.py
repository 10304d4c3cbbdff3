"""The example answers about duplicates. A test holds each against its schema."""

from typing import Any, Final

from tessera.api.parameters import EXAMPLE_ID, EXAMPLE_MERGE, EXAMPLE_OTHER

EXAMPLE_PAIR: Final = "0199c0e1-2222-7333-8444-555566667777"
EXAMPLE_RUN: Final = "0199c0e1-1111-7222-8333-444455556666"

RUN: Final[dict[str, Any]] = {
    "run_id": EXAMPLE_RUN,
    "state": "done",
    "asked_by": "api-key:crm",
    "asked_at": "2026-11-20T17:40:11Z",
    "started_at": "2026-11-20T17:40:12Z",
    "finished_at": "2026-11-20T17:40:19Z",
    "people": 18204,
    "compared": 24031,
    "proposed": 212,
    "apart": 31,
    "remembered": 12,
    "crowds": [{"key": "phone", "values": 3, "people": 402}],
    "learned": True,
    "error": None,
}
WAITING_RUN: Final[dict[str, Any]] = RUN | {
    "state": "waiting",
    "started_at": None,
    "finished_at": None,
    "people": 0,
    "compared": 0,
    "proposed": 0,
    "apart": 0,
    "remembered": 0,
    "crowds": [],
    "learned": False,
}
PAIR: Final[dict[str, Any]] = {
    "pair_id": EXAMPLE_PAIR,
    "run_id": EXAMPLE_RUN,
    "left": EXAMPLE_ID,
    "right": EXAMPLE_OTHER,
    "probability": 0.9987,
    "bits": 9.585,
    "start": -12.7,
    "weights": [
        {"field": "last_name", "level": "almost", "bits": 5.2},
        {"field": "dob", "level": "same", "bits": 13.4},
        {"field": "place", "level": "same_city", "bits": 3.685},
    ],
    "state": "open",
    "found_at": "2026-11-20T17:40:19Z",
    "decided_at": None,
    "decided_by": None,
    "merge_id": None,
}
_DECIDED: Final[dict[str, Any]] = {"decided_at": "2026-11-21T08:00:00Z", "decided_by": "api-key:crm"}
REJECTED: Final[dict[str, Any]] = PAIR | _DECIDED | {"state": "rejected"}
MERGED: Final[dict[str, Any]] = PAIR | _DECIDED | {"state": "merged", "merge_id": EXAMPLE_MERGE}
PAIRS: Final[dict[str, Any]] = {"pairs": [PAIR], "next": None}
