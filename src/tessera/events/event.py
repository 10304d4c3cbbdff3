"""An event as the rooms see it: one thing that happened to one person, read once from the message that said it."""

from typing import Any
from uuid import UUID

from msgspec import Struct

from tessera.events.messages import Json, Message
from tessera.foundation.clock import Micros

SYSTEM = "system"
"""The kind of events the house itself records (a merge, a split)."""

MERGE_OBJECTS = "_merge_objects"
"""Not an attribute: says that the objects beside it are merged into what is there (reference semantics §1.3)."""

Identifier = tuple[str, str]
"""(kind, value), normalised: `("email", "ana@example.com")`."""


Field = tuple[str, str, str]
"""(kind, parent, name) of a name in the catalogue; the parent of a property is its event, otherwise empty."""


class Judgement(Struct, gc=False):
    """What the catalogue had to say about an event: fields taken out, and what went wrong with which (a code)."""

    removed: list[Field]
    problems: list[tuple[Field, str]]


class Event(Struct, kw_only=True, gc=False):
    """One normalised event.

    `tie` orders events of the same microsecond, so that "the last one" does not depend on arrival.
    `context` is the message's own context over the envelope's; `traits` are attribute changes by the
    names of the profile, already normalised; `misfits` names what did not fit its standard attribute.
    `counted` is false for a name beyond the catalogue's limit, which history keeps and counters do not.
    `judged` is what the catalogue found, None where there was nothing to find.
    """

    event_id: UUID
    tie: int
    lane: int
    workspace_id: int
    source_id: int | None
    kind: str
    name: str
    occurred_at: Micros
    received_at: Micros
    message: Message
    context: Json
    ip: str | None
    user_agent: str | None
    identifiers: list[Identifier]
    traits: dict[str, Any]
    misfits: list[str]
    counted: bool = True
    envelope_json: bytes
    body_json: bytes
    judged: Judgement | None = None

    def judgement(self) -> Judgement:
        """The event's judgement, begun now where there was none."""
        if self.judged is None:
            self.judged = Judgement([], [])
        return self.judged


def tie_of(event_id: UUID) -> int:
    """63 bits of the event's id: a tie-break that is the same wherever and whenever the event is read."""
    return event_id.int >> 65
