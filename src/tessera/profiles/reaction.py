"""What profiles do when an event speaks of a relation. The project lists it among the reactions."""

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

import psycopg

from tessera.events.event import Event
from tessera.profiles.relation_types import relation_types
from tessera.profiles.relations import RELATION_ADDED, RELATION_REMOVED, said_by, write_relations
from tessera.workspaces.regions import regions

Connection = psycopg.Connection[Any]


class Happening(Protocol):
    """An event with the profile it was attributed to: what intake hands to reactions."""

    @property
    def event(self) -> Event: ...
    @property
    def profile_id(self) -> UUID: ...


class RelationReaction:
    """`Relation Added` and `Relation Removed` write the registers of `relations`."""

    name = "relations"
    wants = frozenset({RELATION_ADDED, RELATION_REMOVED})

    def react(self, connection: Connection, happened: Sequence[Happening]) -> None:
        region = regions(connection)
        types = {
            workspace: relation_types(connection, workspace)
            for workspace in {one.event.workspace_id for one in happened}
        }
        said = [
            said_by(event, one.profile_id, types=types[event.workspace_id], region=region.get(event.workspace_id, "US"))
            for one in happened
            if (event := one.event).kind == "track"
        ]
        write_relations(connection, [one for one in said if one is not None])
