"""On which channels a person can be reached: there is where to write to, and their status does not forbid it."""

from typing import Final, Literal

import ibis.expr.types as ir

from tessera.audience.conditions.comparisons import Ask, Equals, IsSet
from tessera.audience.conditions.condition import Condition, Found, Reads
from tessera.audience.conditions.groups import All, AnyOf
from tessera.audience.conditions.known import Attribute, Fact, HasDevice, Identifier
from tessera.audience.person import Person
from tessera.audience.world import World
from tessera.foundation.clock import Micros

Channel = Literal["email", "sms", "push"]
SENDABLE: Final = "subscribed"
"""The only status to which is sent (reference semantics §3.2): who has not confirmed, or is suspended, waits."""


CHANNELS: Final[dict[Channel, tuple[Condition, ...]]] = {
    "email": (Identifier(kind="email", test=IsSet()), Attribute(path=("email",), test=IsSet())),
    "sms": (Identifier(kind="phone", test=IsSet()), Attribute(path=("phone",), test=IsSet())),
    "push": (HasDevice(where=(Ask(path=("push",), test=Equals(value=True)),)),),
}
"""What a channel needs of a person, any of it: an address or a number as identifier or attribute; for push a device
with a token."""


class Reachable(Condition, frozen=True, kw_only=True, tag="reachable"):
    """They can be written to on this channel."""

    channel: Channel

    def meaning(self) -> Condition:
        """The same, said by other conditions."""
        needs = CHANNELS[self.channel]
        return All(of=(Fact(name="status", test=Equals(value=SENDABLE)), AnyOf(of=needs)))

    def holds_for(self, person: Person, now: Micros) -> bool:
        return self.meaning().holds_for(person, now)

    def reads(self) -> Reads:
        return self.meaning().reads()

    def predicate(self, people: ir.Table, world: World, now: Micros) -> ir.BooleanValue | None:
        return self.meaning().predicate(people, world, now)

    def found(self, world: World, now: Micros) -> Found:
        return self.meaning().found(world, now)

    def narrow(self, people: ir.Table, world: World, now: Micros) -> ir.Table:
        return self.meaning().narrow(people, world, now)

    def exclude(self, people: ir.Table, world: World, now: Micros) -> ir.Table:
        return self.meaning().exclude(people, world, now)
