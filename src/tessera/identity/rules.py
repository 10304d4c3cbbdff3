"""Who may be one person: decisions that change nothing, after Segment Unify's identity rules.

Source: reference semantics §5.4 (flat match, blocked values, limits per kind and period, priority, merge protection,
caps). Pure functions over small values; tested as tables.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from tessera.events.event import Identifier
from tessera.foundation.clock import DAY, Micros

PROFILE: Final = "profile_id"
"""Not a stored identifier: how a clerk or the house names a profile directly."""

PREVIOUS: Final = "previous_id"
"""What an alias call supersedes: a user_id where that is known, else an anonymous_id."""

MAX_MERGES: Final = 100
MAX_IDENTIFIERS: Final = 1_000


class Limit(NamedTuple):
    """At most `most` values of a kind on one person within `period` (None: ever)."""

    most: int
    period: Micros | None


USER_ID_LIMIT: Final = Limit(1, None)
LIMITS: Final[dict[str, Limit]] = {
    "user_id": USER_ID_LIMIT,
    "anonymous_id": Limit(5, 7 * DAY),
    "email": Limit(5, 365 * DAY),
    "phone": Limit(5, 365 * DAY),
    "device_token": Limit(5, 365 * DAY),
}
OTHER_LIMIT: Final = Limit(5, None)

_PRIORITY: Final = {PROFILE: "0", "user_id": "1", "email": "2", PREVIOUS: "9"}
_BLOCKED: Final = re.compile(r"[0-]*|-1|null|anonymous|undefined|\(null\)|nil|none", re.IGNORECASE)


class Known(NamedTuple):
    """An identifier that a person already has."""

    kind: str
    value: str
    first_seen: Micros


class PersonFacts(NamedTuple):
    """What the rules need to know of one person."""

    members: frozenset[UUID]
    identifiers: tuple[Known, ...]
    merges: int
    apart: frozenset[frozenset[UUID]]
    """Pairs of profiles that a clerk took apart: no event may join them again."""


def priority(identifier: Identifier) -> tuple[str, str, str]:
    """Sort key, strongest first: user_id, then email, then by kind's name."""
    kind, value = identifier
    return (_PRIORITY.get(kind, "3"), kind, value)


def is_blocked(value: str) -> bool:
    """True for values that clients send when they know nothing (`0000-0000`, `-1`, `null`, `anonymous`…)."""
    return _BLOCKED.fullmatch(value) is not None


def limit_of(kind: str) -> Limit:
    return LIMITS.get(kind, OTHER_LIMIT)


def broken_limits(people: Sequence[PersonFacts], new: Sequence[Identifier], *, at: Micros) -> list[str]:
    """The limits that these people and identifiers would break together, as names of rules.

    A period reaches from `at`, the time of the event that links them, to both sides: a late event is judged by its
    own time. Only a kind to which two sides contribute can be broken by joining them.
    """
    sides = [Counter(known.kind for known in person.identifiers if _counts(known, at)) for person in people]
    sides.append(Counter(kind for kind, _ in new))
    kinds = dict.fromkeys(kind for side in sides for kind in side)
    return [
        f"limit:{kind}"
        for kind in kinds
        if sum(side[kind] for side in sides) > limit_of(kind).most
        and (sum(bool(side[kind]) for side in sides) > 1 or sides[-1][kind])
    ]


def _counts(known: Known, at: Micros) -> bool:
    period = limit_of(known.kind).period
    return period is None or abs(known.first_seen - at) < period


def union_forbidden_by(people: Sequence[PersonFacts], new: Sequence[Identifier], *, at: Micros) -> str | None:
    """The first rule that forbids these people (and these new identifiers) to be one person, or None."""
    return next(iter(rules_against(people, new, at=at)), None)


def rules_against(people: Sequence[PersonFacts], new: Sequence[Identifier], *, at: Micros) -> list[str]:
    """Every rule that forbids the union: `limit:<kind>`, `cap:merges`, `cap:identifiers`, `kept_apart`."""
    rules = broken_limits(people, new, at=at)
    if (new or len(people) > 1) and sum(len(person.identifiers) for person in people) + len(new) > MAX_IDENTIFIERS:
        rules.append("cap:identifiers")
    if len(people) > 1:
        if sum(person.merges for person in people) + len(people) - 1 > MAX_MERGES:
            rules.append("cap:merges")
        if _would_rejoin(people):
            rules.append("kept_apart")
    return rules


def _would_rejoin(people: Sequence[PersonFacts]) -> bool:
    """Whether this union brings together a pair that a clerk took apart and that is apart today."""
    together: frozenset[UUID] = frozenset().union(*(person.members for person in people))
    pairs = {pair for person in people for pair in person.apart if pair <= together}
    return any(not any(pair <= person.members for person in people) for pair in pairs)


class Link(NamedTuple):
    """A merge that stands: it joined the person of `absorbed` to the person of `kept`."""

    kept: UUID
    absorbed: UUID


def roots_after(profiles: Iterable[UUID], links: Sequence[Link]) -> dict[UUID, UUID]:
    """Which profile stands for each, when exactly these merges happened, in this order.

    This is what makes a split exact: a person taken apart is what the remaining merges make of its profiles, as
    though the undone one had never been.
    """
    root = {profile: profile for profile in profiles}
    for link in links:
        kept, absorbed = root[link.kept], root[link.absorbed]
        if kept != absorbed:
            for profile, current in root.items():
                if current == absorbed:
                    root[profile] = kept
    return root
