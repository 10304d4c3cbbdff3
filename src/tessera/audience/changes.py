"""What changed for whom in a step of the analyst, so that only those segments are looked at that could move."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from tessera.audience.conditions.condition import Reads
from tessera.events.history import Recorded
from tessera.events.vocabulary import STANDARD_NAMES

_OF_ANY_EVENT: Final = frozenset({"fact", "device", "session", "identifier", "relation"})
"""What any event of a person may change: when they were last seen, on what, as whom."""


class Changes:
    """By profile while a step is read; `stand_for` makes people of them."""

    def __init__(self) -> None:
        self.anything: set[UUID] = set()
        """Those of whom anything may be otherwise now: merged, split, corrected."""
        self.seen: set[UUID] = set()
        """Those who did anything at all."""
        self.events: defaultdict[str, set[UUID]] = defaultdict(set)
        self.attributes: defaultdict[str, set[UUID]] = defaultdict(set)
        self.segments: defaultdict[str, set[UUID]] = defaultdict(set)
        """By the segment they entered or left."""

    def note(self, row: Recorded) -> None:
        """A row of history that a client sent."""
        profile = row.profile_id
        self.seen.add(profile)
        self.events[row.name].add(profile)
        names = _traits_of(msgspec.json.decode(row.body))
        if b'"traits"' in row.envelope:  # said once of all messages of a batch
            names |= _traits_of(msgspec.json.decode(row.envelope))
        for name in names:
            self.attributes[STANDARD_NAMES.get(name, name)].add(profile)

    def add(self, later: "Changes") -> None:
        """What changed in a later step as well."""
        self.anything |= later.anything
        self.seen |= later.seen
        mine, theirs = (self.events, self.attributes, self.segments), (later.events, later.attributes, later.segments)
        for named, fresh in zip(mine, theirs, strict=True):
            for name, people in fresh.items():
                named[name] |= people

    def stand_for(self, roots: Mapping[UUID, UUID]) -> None:
        """Put in the place of each profile who stands for it; who is gone is nobody's."""

        def people(profiles: Iterable[UUID]) -> set[UUID]:
            return {roots[profile] for profile in profiles if profile in roots}

        self.anything, self.seen = people(self.anything), people(self.seen)
        for named in (self.events, self.attributes, self.segments):
            for name in named:
                named[name] = people(named[name])

    def touching(self, dependencies: Reads) -> set[UUID]:
        """The people for whom a condition with these dependencies could answer otherwise now."""
        found = set(self.anything)
        for kind, name in dependencies:
            if kind in _OF_ANY_EVENT:
                found |= self.seen
            elif kind == "event":
                found |= self.events.get(name, set())
            elif kind == "attribute":
                found |= self.attributes.get(name, set())
            elif kind == "segment":
                found |= self.segments.get(name, set())
        return found


def _traits_of(body: Any) -> set[str]:
    context = body.get("context")
    found = [body.get("traits"), context.get("traits") if isinstance(context, dict) else None]
    return {name for traits in found if isinstance(traits, dict) for name in traits}
