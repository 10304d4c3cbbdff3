"""What profiles do when an event speaks of a relation. The project lists it among the reactions."""

from collections.abc import Sequence
from typing import Any, Final, Protocol
from uuid import UUID

import psycopg

from tessera.events.event import Event
from tessera.profiles.relation_types import relation_types
from tessera.profiles.relations import RELATION_ADDED, RELATION_REMOVED, said_by, write_relations
from tessera.workspaces.regions import regions

Connection = psycopg.Connection[Any]
_NAMES: Final = frozenset({RELATION_ADDED, RELATION_REMOVED})


class Happening(Protocol):
    """An event with the profile it was attributed to: what intake hands to reactions."""

    @property
    def event(self) -> Event: ...
    @property
    def profile_id(self) -> UUID: ...


class RelationReaction:
    """`Relation Added` and `Relation Removed` write the registers of `relations`."""

    name = "relations"
    kinds = frozenset({"track"})

    def react(self, connection: Connection, happened: Sequence[Happening]) -> None:
        spoken = [one for one in happened if one.event.name in _NAMES and one.event.kind == "track"]
        if not spoken:
            return
        region = regions(connection)
        workspaces = {one.event.workspace_id for one in spoken}
        types = {workspace: relation_types(connection, workspace) for workspace in workspaces}
        said = (
            said_by(event, one.profile_id, types=types[event.workspace_id], region=region.get(event.workspace_id, "US"))
            for one in spoken
            for event in [one.event]
        )
        write_relations(connection, [one for one in said if one is not None])
