"""Why somebody is one person: each merge and each refusal with what it rests on, ready for the screen."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from tessera.console.words import actor_in_words, kind_in_words, reason_in_words, rule_in_words
from tessera.foundation.clock import to_datetime
from tessera.identity.queries import RefusalRecord
from tessera.profiles.person import MergeView


class NamedIdentifier(Struct, frozen=True):
    kind: str
    value: str


class MergeStory(Struct, frozen=True):
    """A merge. An event's has `event`, `source` and two `linked` identifiers; a clerk's has `actor` and `reason`."""

    merge_id: UUID
    at: datetime
    kept: UUID
    absorbed: UUID
    event: str
    source: str
    occurred_at: datetime | None
    linked: tuple[NamedIdentifier, ...]
    actor: str
    reason: str
    undone_at: datetime | None
    undone_by: str


class RefusalStory(Struct, frozen=True):
    """A union that was forbidden: which rule, what was left out, how often."""

    rule: str
    dropped: NamedIdentifier
    other_id: UUID | None
    times: int
    last_at: datetime
    event: str
    source: str


def stories_of_merges(merges: Sequence[MergeView], sources: Mapping[int, str]) -> list[MergeStory]:
    """Newest first; those that were undone keep their place."""
    return [_merge_story(merge, sources) for merge in reversed(merges)]


def _merge_story(merge: MergeView, sources: Mapping[int, str]) -> MergeStory:
    evidence = merge.evidence
    by_event = merge.reason == "event" and "event_id" in evidence
    return MergeStory(
        merge_id=merge.merge_id,
        at=merge.at,
        kept=merge.kept,
        absorbed=merge.absorbed,
        event=str(evidence.get("name", "")) if by_event else "",
        source=_source(evidence, sources),
        occurred_at=_moment(evidence.get("occurred_at")),
        linked=tuple(_named(pair) for pair in evidence.get("linked", ())) if by_event else (),
        actor="" if by_event else actor_in_words(str(evidence.get("actor", ""))),
        reason="" if by_event else reason_in_words(merge.reason),
        undone_at=merge.undone_at,
        undone_by=actor_in_words(merge.undone_by or ""),
    )


def stories_of_refusals(refusals: Sequence[RefusalRecord], sources: Mapping[int, str]) -> list[RefusalStory]:
    return [
        RefusalStory(
            rule=rule_in_words(refusal.rule),
            dropped=NamedIdentifier(kind_in_words(refusal.dropped_kind), refusal.dropped_value),
            other_id=refusal.other_id,
            times=refusal.times,
            last_at=refusal.last_at,
            event=str(refusal.evidence.get("name", "")),
            source=_source(refusal.evidence, sources),
        )
        for refusal in refusals
    ]


def _named(pair: Sequence[Any]) -> NamedIdentifier:
    kind, value = pair
    return NamedIdentifier(kind_in_words(str(kind)), str(value))


def _source(evidence: Mapping[str, Any], sources: Mapping[int, str]) -> str:
    return sources.get(evidence.get("source_id") or 0, "")


def _moment(micros: Any) -> datetime | None:
    return to_datetime(micros) if isinstance(micros, int) else None
