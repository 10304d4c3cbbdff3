"""One person as conditions see them: leaves of what is known, and what they did, read only when it is asked for."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from msgspec import Struct

from tessera.audience.leaves import Leaf, Leaves, Path, Type, leaves_of
from tessera.audience.vocabulary import DEVICE
from tessera.foundation.clock import SECOND, Micros
from tessera.identity.queries import HeldIdentifier
from tessera.profiles.facts import DEFAULT_STATUS
from tessera.profiles.person import bucket_of, values_of
from tessera.profiles.relations_of import Relation
from tessera.profiles.state import Device, State, Touch


class Happening(Struct, frozen=True):
    """One event of a person: when it happened, at which source, with which properties."""

    at: Micros
    source_id: int | None
    properties: Leaves


class Doings(Protocol):
    """What a person did by this name, all of it, in any order."""

    def __call__(self, name: str) -> Sequence[Happening]: ...


class Person(Struct, frozen=True):
    """`attributes` and `devices` are leaves; `facts` are what is known of everybody, by name."""

    person_id: UUID
    attributes: Leaves
    facts: Mapping[str, Leaf]
    devices: Sequence[Leaves]
    identifiers: Mapping[str, frozenset[str]]
    sessions: Sequence[tuple[Micros, Micros]]
    did: Doings
    segments: Callable[[UUID], bool] = lambda _: False
    relations: frozenset[Relation] = frozenset()

    def values(self, path: Path) -> dict[Type, Leaf]:
        """The attribute's leaves by type."""
        return at_path(self.attributes, path)


def at_path(leaves: Leaves, path: Path) -> dict[Type, Leaf]:
    """The leaves of one path, by type."""
    return {kind: leaf for (found, kind), leaf in leaves.items() if found == path}


def attributes_of(state: State) -> Leaves:
    """What is set on a person, with what their devices say of language, zone and country where nothing was said."""
    inferred = values_of(state.inferred)
    return leaves_of({**inferred, **values_of(state.attributes)})


def facts_of(root: UUID, state: State, *, born: Micros) -> dict[str, Leaf]:
    """What is known of everybody, by the names of `vocabulary.FACTS`; what is not known is left out."""
    found: dict[str, Leaf | None] = {
        "bucket": float(bucket_of(root)),
        "status": state.standing.status if state.standing else DEFAULT_STATUS,
        "test": bool(state.test and state.test.on),
        "created_at": born,
        "first_seen_at": state.first if abs(state.first) < 2**61 else None,
        "last_seen_at": state.last if abs(state.last) < 2**61 else None,
        "sessions": float(state.sessions.count),
        **_touch("utm.first", state.first_touch),
        **_touch("utm.last", state.last_touch),
    }
    registration, activity = state.registration, state.activity
    if registration is not None:
        found |= {
            "registered_at": registration.at,
            "registration.source": float(registration.source_id) if registration.source_id is not None else None,
            "registration.country": registration.country,
        }
    if activity is not None:
        found |= {
            "activity.platform": activity.platform,
            "activity.browser": activity.browser,
            "activity.country": activity.country,
            "activity.city": activity.city,
        }
    return {name: leaf for name, leaf in found.items() if leaf is not None}


def _touch(prefix: str, touch: Touch | None) -> dict[str, Leaf | None]:
    if touch is None:
        return {}
    fields = ("source", "medium", "name", "term", "content")
    return {f"{prefix}.at": touch.at, **{f"{prefix}.{field}": getattr(touch, field) for field in fields}}


def device_leaves(device: Device) -> Leaves:
    """A device as leaves, by the names of its fields; each has the one type of `vocabulary.DEVICE`.

    A version that is written as a date is text as all others are.
    """
    described: dict[str, Any] = {
        name: getattr(device, name) for name in Device.__struct_fields__ if name not in ("first", "at", "tie", "token")
    }
    said = leaves_of({name: value for name, value in described.items() if value is not None})
    leaves = {(path, kind): leaf for (path, kind), leaf in said.items() if DEVICE[path[0]] == kind}
    leaves[("first_seen_at",), "time"] = device.first
    leaves[("last_seen_at",), "time"] = device.at
    if device.token is not None:
        leaves[("push",), "boolean"] = True
    return leaves


def sessions_of(state: State) -> list[tuple[Micros, Micros]]:
    """First and last moment of the sessions that are kept one by one."""
    return [(first * SECOND, last * SECOND) for first, last in state.sessions.intervals]


def identifiers_by_kind(identifiers: Iterable[HeldIdentifier]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for identifier in identifiers:
        found.setdefault(identifier.kind, set()).add(identifier.value)
    return {kind: frozenset(values) for kind, values in found.items()}
