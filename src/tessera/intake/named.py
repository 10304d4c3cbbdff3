"""Everybody a message names: what suppression asks about, and nobody else."""

from collections.abc import Iterable

from tessera.events.event import Event, Identifier
from tessera.profiles.relations import RELATION_ADDED, far_end


def named_by(event: Event, *, region: str) -> Iterable[Identifier]:
    """Its identifiers, and of a relation the one at its far end: it would be kept as well."""
    end = far_end(event, region=region) if event.name == RELATION_ADDED else None
    return event.identifiers if end is None else [*event.identifiers, end]
