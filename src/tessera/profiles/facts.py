"""What staff say about a person: the status, the test mark, the picture. Said as events of the house, folded like any.

Each is a register: the latest wins, by time and then by the event's id, so that merges, splits and replays give the
same person in whatever order the facts are read.
"""

from typing import Any, Final

from tessera.events.event import tie_of
from tessera.events.history import SystemRecord
from tessera.events.vocabulary import AVATAR_CHANGED, STATUS_CHANGED, TEST_SUBSCRIBER_CHANGED
from tessera.foundation.errors import TesseraError
from tessera.profiles.state import Portrait, Standing, State, TrialMark

STATUSES: Final = (
    "subscribed",
    "unsubscribed",
    "complainer",
    "hard_bounced",
    "unconfirmed",
    "suspended",
    "invalid",
)
"""Of a person as a whole (reference semantics §3.2)."""

DEFAULT_STATUS: Final = "subscribed"
LONGEST_REASON: Final = 500


class InvalidStatus(TesseraError):
    """The status is none of the seven, or the reason is missing or too long."""

    code = "invalid_status"


def status_body(status: str, reason: str) -> dict[str, Any]:
    """What the event of a change of status says. Raises `InvalidStatus`."""
    reason = reason.strip()
    if status not in STATUSES:
        raise InvalidStatus(f"there is no status {status[:50]}; there are {', '.join(STATUSES)}")
    if not reason or len(reason) > LONGEST_REASON or "\0" in reason:
        raise InvalidStatus(f"a reason of 1 to {LONGEST_REASON} characters is asked for")
    return {"status": status, "reason": reason}


def fold_fact(state: State, record: SystemRecord) -> None:
    """What an event of the house makes of the state of its profile; names that mean nothing here change nothing.

    The moment is not one of the person's own activity: first and last seen stay as they are.
    """
    at, tie, body = record.at, tie_of(record.event_id), record.body
    by = str(body.get("actor", ""))
    if record.name == STATUS_CHANGED and _is_later(at, tie, state.standing):
        state.standing = Standing(at, tie, body["status"], body["reason"], by)
    elif record.name == TEST_SUBSCRIBER_CHANGED and _is_later(at, tie, state.test):
        state.test = TrialMark(at, tie, body["test_subscriber"], by)
    elif record.name == AVATAR_CHANGED and _is_later(at, tie, state.portrait):
        state.portrait = Portrait(at, tie, record.profile_id, body["digest"], by)


def _is_later(at: int, tie: int, known: Standing | TrialMark | Portrait | None) -> bool:
    return known is None or (at, tie) > (known.at, known.tie)
