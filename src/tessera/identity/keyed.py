"""Placing rows by a key, as an import does: the key alone decides whose a row is, and nobody is ever joined.

The row's other identifiers are given to that person where they are free and no rule forbids it; the rest is left out
and named. (Two people who are probably one are for a clerk to judge.)
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from tessera.events.event import Event, Identifier
from tessera.identity.directory import Address, Directory, NewIdentifier, NewProfile, Owner
from tessera.identity.rules import PROFILE, Known, PersonFacts, priority, union_forbidden_by

TAKEN: Final = "identifier_taken"


class Placed(NamedTuple):
    """Where a row belongs; `left_out` names its identifiers that could not be given, each with the reason."""

    profile_id: UUID
    born: bool
    gained: bool
    left_out: list[tuple[str, Identifier]]


class KeyedDirectory(Directory):
    """A plan for rows with keys; written as any other plan."""

    def __init__(
        self,
        owners: dict[Address, Owner],
        roots: dict[UUID, UUID],
        versions: dict[UUID, int],
        people: dict[UUID, PersonFacts],
        *,
        make_id: Callable[[], UUID],
    ) -> None:
        super().__init__(owners, roots, versions, people, make_id=make_id)
        self._newborn: dict[UUID, Event] = {}

    @property
    def knows_anyone(self) -> bool:
        """Whether any of the rows' identifiers was known when this was read."""
        return bool(self._roots)

    def find(self, workspace_id: int, keys: Sequence[Identifier]) -> UUID | None:
        """The profile that has the first of these keys which anyone has."""
        for kind, value in keys:
            if kind == PROFILE:
                profile_id = UUID(value)
                if profile_id in self._roots:
                    return profile_id
            elif (owner := self._owners.get((workspace_id, kind, value))) is not None:
                return owner.profile_id
        return None

    def bring(self, event: Event) -> Placed:
        """A new person of these identifiers, without those that others have."""
        workspace, at, event_id = event.workspace_id, event.occurred_at, event.event_id
        owners, claimed = self._owners, self.new_identifiers
        profile_id = self._make_id()
        self.new_profiles.append(NewProfile(profile_id, workspace, event.received_at))
        self._roots[profile_id] = profile_id
        self._newborn[profile_id] = event
        left_out: list[tuple[str, Identifier]] = []
        owner = Owner(profile_id, at)
        record = tuple.__new__  # what `NewIdentifier(…)` does, without its function written in Python
        for identifier in event.identifiers:
            kind, value = identifier
            address = (workspace, kind, value)
            if address in owners:
                left_out.append((TAKEN, identifier))
                continue
            owners[address] = owner
            claimed[address] = record(NewIdentifier, (workspace, kind, value, profile_id, at, event_id))
        return Placed(profile_id, True, True, left_out)

    def extend(self, event: Event, home: UUID) -> Placed:
        """The person of `home` is who the row speaks of: they gain what is free."""
        root = self._roots[home]
        new: list[Identifier] = []
        left_out: list[tuple[str, Identifier]] = []
        for identifier in event.identifiers:
            if identifier[0] == PROFILE:
                continue
            owner = self._owners.get((event.workspace_id, *identifier))
            if owner is None:
                new.append(identifier)
            elif self._roots[owner.profile_id] != root:
                left_out.append((TAKEN, identifier))
        new.sort(key=priority)
        while new and (rule := union_forbidden_by([self._facts(root)], new, at=event.occurred_at)):
            left_out.append((rule, new.pop()))
        if new:
            self._attach(event, home, new)
        refused = {identifier for _, identifier in left_out}
        self._note_times(event, [each for each in event.identifiers if each not in refused])
        return Placed(home, False, bool(new), left_out)

    def _facts(self, root: UUID) -> PersonFacts:
        """Those of someone whom this very plan brought are made when they are asked for: mostly nobody asks."""
        facts = self._people.get(root)
        if facts is None:
            event = self._newborn[root]
            known = tuple(
                Known(kind, value, event.occurred_at)
                for kind, value in event.identifiers
                if self._owners[event.workspace_id, kind, value].profile_id == root
            )
            facts = self._people[root] = PersonFacts(frozenset({root}), known, 0, frozenset())
        return facts
