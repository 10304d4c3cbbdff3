"""How rooms above intake react to events: in the same transaction, without intake knowing them."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import psycopg

from tessera.events.event import Event


class Happened(NamedTuple):
    """An event with the profile it was attributed to and the person it stood for at that moment."""

    event: Event
    profile_id: UUID
    root_id: UUID


class Reaction(Protocol):
    """A room's answer to events. What it writes commits with them, or not at all.

    It must take locks only on its own tables, and may be called again with the same events when a batch is retried
    (the first attempt was rolled back).
    """

    name: str

    def react(self, connection: psycopg.Connection[Any], happened: Sequence[Happened]) -> None:
        """Act on a batch of events, in the order they were recorded. Called for every batch: pick yours out first."""


def wants(reaction: Reaction, kind: str) -> bool:
    """Whether a reaction looks at events of this kind. One that names its `kinds` spares whoever writes millions of
    others the work of telling it."""
    kinds: frozenset[str] | None = getattr(reaction, "kinds", None)
    return kinds is None or kind in kinds


_registered: list[Reaction] = []


def use_reactions(reactions: Sequence[Reaction]) -> None:
    """Say, once per process and before anything is acted on, what reacts to events. The project has the list."""
    _registered[:] = reactions


def registered_reactions() -> Sequence[Reaction]:
    """Whatever reacts in this process."""
    return tuple(_registered)
