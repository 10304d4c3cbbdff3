"""Placing events on people: a plan made in memory for a whole batch, then written in a few set-based statements.

The plan is made from what could be read without locks and is checked when the locks are held (`Outdated` asks for
another try), so rivals cost a repetition and never a wrong answer.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct

from tessera.events.event import Event, Identifier
from tessera.events.history import SystemRecord
from tessera.events.vocabulary import PROFILES_MERGED
from tessera.foundation.clock import Micros
from tessera.foundation.errors import TesseraError
from tessera.foundation.ids import uuid7
from tessera.identity.rules import PREVIOUS, PROFILE, Known, PersonFacts, priority, union_forbidden_by

Address = tuple[int, str, str]
"""(workspace, kind, value): where an identifier lives."""


class NoSuchProfile(TesseraError):
    code = "not_found"


class MergeRefused(TesseraError):
    """The two people stay apart; the message names the rule that forbids it."""

    code = "merge_refused"


class IdentifierTaken(TesseraError):
    """The identifier already belongs to another person, whom only a deliberate merge may join."""

    code = "identifier_taken"


class IdentifierRefused(TesseraError):
    """A rule forbids to give the person this identifier."""

    code = "identifier_refused"


class NewIdentifier(NamedTuple):
    workspace_id: int
    kind: str
    value: str
    profile_id: UUID
    first_seen: Micros
    event_id: UUID


class NewProfile(NamedTuple):
    profile_id: UUID
    workspace_id: int
    created_at: Micros


class PlannedMerge(Struct, frozen=True):
    """A merge to be stored. `kept`/`absorbed` are the roots it joins, the links are the profiles that were linked."""

    merge_id: UUID
    workspace_id: int
    kept: UUID
    absorbed: UUID
    kept_link: UUID
    absorbed_link: UUID
    reason: str
    evidence: dict[str, Any]
    at: Micros
    lane: int


class Refusal(NamedTuple):
    """A union that a rule forbade, and the identifier that was left out because of it."""

    profile_id: UUID
    rule: str
    dropped: Identifier
    workspace_id: int
    other_id: UUID | None
    at: Micros
    evidence: dict[str, Any]


class Owner(NamedTuple):
    profile_id: UUID
    first_seen: Micros


class Directory:
    """Who is who, as far as one batch needs to know, and what the batch will change about it."""

    def __init__(
        self,
        owners: dict[Address, Owner],
        roots: dict[UUID, UUID],
        versions: dict[UUID, int],
        people: dict[UUID, PersonFacts],
        *,
        make_id: Callable[[], UUID] = uuid7,
    ) -> None:
        self._owners = owners
        self._roots = roots
        self._people = people
        self._make_id = make_id
        self.versions = versions
        self.new_profiles: list[NewProfile] = []
        self.new_identifiers: dict[Address, NewIdentifier] = {}
        self.earlier: dict[Address, Micros] = {}
        self.merges: list[PlannedMerge] = []
        self.refusals: list[Refusal] = []
        self.judged: set[UUID] = set()
        self.moved: set[UUID] = set()

    @property
    def changes_anything(self) -> bool:
        return bool(self.new_identifiers or self.earlier or self.new_profiles or self.merges or self.refusals)

    def owner_of(self, address: Address) -> UUID:
        return self._owners[address].profile_id

    def root_of(self, profile_id: UUID) -> UUID:
        return self._roots[profile_id]

    def place(self, event: Event) -> UUID:
        """The profile this event belongs to, making, extending and joining people as the rules allow.

        Merge protection: where the union would break a rule, the weakest identifier of the event is dropped and
        the rest is tried again (reference semantics §5.4).
        """
        known = self._known_owner(event)
        if known is not None:
            return known
        identifiers = self._ranked(event)
        dropped: list[tuple[str, Identifier, UUID | None]] = []
        while True:
            owners = [self._owner(event.workspace_id, identifier) for identifier in identifiers]
            first = next((owner for owner in owners if owner is not None), None)
            new = [i for i, owner in zip(identifiers, owners, strict=True) if owner is None]
            roots = self._roots_of(owners)
            if len(roots) < 2 and not new:
                assert first is not None
                break
            if len(roots) > 1 and identifiers[0][0] == PROFILE:
                taken = next(
                    i for i, owner in zip(identifiers, owners, strict=True) if owner and self._roots[owner] != roots[0]
                )
                raise IdentifierTaken(f"{taken[0]} {taken[1]} belongs to another person; merge them deliberately")
            if rule := self._forbidden(event, roots, new):
                if identifiers[0][0] == PROFILE:
                    raise IdentifierRefused(f"{rule}: {identifiers[-1][0]} {identifiers[-1][1]} cannot be added")
                last_owner = owners[-1]
                dropped.append((rule, identifiers.pop(), self._roots[last_owner] if last_owner else None))
                continue
            first = self._join(event, first, identifiers, owners, new)
            break
        self._note_times(event, identifiers)
        for rule, identifier, other in dropped:
            self._refuse(event, first, rule, identifier, other)
        return first

    def _known_owner(self, event: Event) -> UUID | None:
        """The answer for the usual event: it says nothing new about who is who."""
        workspace, at, root, strongest = event.workspace_id, event.occurred_at, None, None
        for kind, value in event.identifiers:
            owner = self._owners.get((workspace, kind, value))
            if owner is None or owner.first_seen > at:
                return None
            if strongest is None:
                if kind != "user_id" and len(event.identifiers) > 1:
                    return None
                strongest, root = owner.profile_id, self._roots[owner.profile_id]
            elif self._roots[owner.profile_id] != root:
                return None
        return strongest

    def _ranked(self, event: Event) -> list[Identifier]:
        """Strongest first; what an alias supersedes is last, so that the new name decides."""
        ranked = sorted(event.identifiers, key=priority)
        if event.kind == "alias" and ranked[-1][0] == PREVIOUS:
            value = ranked.pop()[1]
            kind = "user_id" if (event.workspace_id, "user_id", value) in self._owners else "anonymous_id"
            if (kind, value) not in ranked:
                ranked.append((kind, value))
        return ranked

    def _owner(self, workspace_id: int, identifier: Identifier) -> UUID | None:
        kind, value = identifier
        if kind == PROFILE:
            profile_id = UUID(value)
            if profile_id not in self._roots:
                raise NoSuchProfile(f"there is no profile {value}")
            return profile_id
        owner = self._owners.get((workspace_id, kind, value))
        return owner.profile_id if owner else None

    def _roots_of(self, owners: Iterable[UUID | None]) -> list[UUID]:
        return list(dict.fromkeys(self._roots[owner] for owner in owners if owner is not None))

    def _forbidden(self, event: Event, roots: Sequence[UUID], new: Sequence[Identifier]) -> str | None:
        people = [self._people[root] for root in roots]
        return union_forbidden_by(people, new, at=event.occurred_at)

    def _join(
        self,
        event: Event,
        first: UUID | None,
        identifiers: list[Identifier],
        owners: list[UUID | None],
        new: list[Identifier],
    ) -> UUID:
        home = self._born(event) if first is None else first
        for identifier, owner in zip(identifiers, owners, strict=True):
            if owner is not None and self._roots[owner] != self._roots[home]:
                self.merge(home, owner, event=event, linked=(identifiers[owners.index(home)], identifier))
        if new:
            self._attach(event, home, new)
        return home

    def _born(self, event: Event) -> UUID:
        profile_id = self._make_id()
        self.new_profiles.append(NewProfile(profile_id, event.workspace_id, event.received_at))
        self._roots[profile_id] = profile_id
        self._people[profile_id] = PersonFacts(frozenset({profile_id}), (), 0, frozenset())
        return profile_id

    def _attach(self, event: Event, home: UUID, new: list[Identifier]) -> None:
        for kind, value in new:
            address = (event.workspace_id, kind, value)
            self._owners[address] = Owner(home, event.occurred_at)
            self.new_identifiers[address] = NewIdentifier(*address, home, event.occurred_at, event.event_id)
        root = self._roots[home]
        person = self._people[root]
        known = tuple(Known(kind, value, event.occurred_at) for kind, value in new)
        self._people[root] = person._replace(identifiers=person.identifiers + known)
        self.judged.add(root)

    def merge(self, home: UUID, other: UUID, *, event: Event, linked: tuple[Identifier, Identifier]) -> None:
        """Join the person of `other` to the person of `home`; the event that linked them is the evidence."""
        kept, absorbed = self._roots[home], self._roots[other]
        self.merges.append(
            PlannedMerge(
                merge_id=self._make_id(),
                workspace_id=event.workspace_id,
                kept=kept,
                absorbed=absorbed,
                kept_link=home,
                absorbed_link=other,
                reason="event",
                evidence=evidence_of(event) | {"linked": [list(linked[0]), list(linked[1])]},
                at=event.received_at,
                lane=event.lane,
            )
        )
        mine, theirs = self._people[kept], self._people.pop(absorbed)
        self._people[kept] = PersonFacts(
            mine.members | theirs.members,
            mine.identifiers + theirs.identifiers,
            mine.merges + theirs.merges + 1,
            mine.apart | theirs.apart,
        )
        for member in theirs.members:
            self._roots[member] = kept
        self.moved |= theirs.members
        self.judged.update((kept, absorbed, *theirs.members))

    def _refuse(self, event: Event, home: UUID, rule: str, identifier: Identifier, other: UUID | None) -> None:
        evidence = evidence_of(event) | {"dropped": list(identifier)}
        refusal = Refusal(self._roots[home], rule, identifier, event.workspace_id, other, event.received_at, evidence)
        self.refusals.append(refusal)

    def _note_times(self, event: Event, identifiers: list[Identifier]) -> None:
        at = event.occurred_at
        for kind, value in identifiers:
            address = (event.workspace_id, kind, value)
            owner = self._owners.get(address)
            if owner is None or owner.first_seen <= at:
                continue
            self._owners[address] = owner._replace(first_seen=at)
            if address in self.new_identifiers:
                self.new_identifiers[address] = self.new_identifiers[address]._replace(first_seen=at)
            else:
                self.earlier[address] = at


def merged_record(merge: PlannedMerge) -> SystemRecord:
    """The event that tells the rooms above, and the world, that two people are one."""
    body = {
        "merge_id": str(merge.merge_id),
        "kept": str(merge.kept),
        "absorbed": str(merge.absorbed),
        "reason": merge.reason,
        "evidence": merge.evidence,
    }
    return SystemRecord(merge.lane, merge.merge_id, merge.workspace_id, merge.kept, PROFILES_MERGED, merge.at, body)


def evidence_of(event: Event) -> dict[str, Any]:
    """What the console shows as the reason: the event and the identifiers it carried."""
    return {
        "event_id": str(event.event_id),
        "source_id": event.source_id,
        "type": event.kind,
        "name": event.name,
        "occurred_at": event.occurred_at,
        "identifiers": [list(identifier) for identifier in sorted(event.identifiers, key=priority)],
    }
