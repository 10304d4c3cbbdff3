"""What a worker keeps between batches, and how it learns of changes."""

from collections.abc import Sequence
from typing import Any

import psycopg

from tessera.identity.queries import blocked_values
from tessera.intake.pipeline import Context, WorkspaceRules
from tessera.intake.reactions import Reaction, registered_reactions
from tessera.workspaces.regions import regions

Connection = psycopg.Connection[Any]


def load_context(
    connection: Connection, reactions: Sequence[Reaction] | None = None, *, workspace_id: int | None = None
) -> Context:
    """A fresh context; for one workspace's names only where that is all it will be used for.

    What reacts is what the project registered, unless somebody else is named.
    """
    context = Context(reactions=registered_reactions() if reactions is None else reactions)
    refresh(connection, context, workspace_id=workspace_id)
    return context


def refresh(connection: Connection, context: Context, *, workspace_id: int | None = None) -> None:
    """Learn of workspaces, blocked values and names that others added."""
    blocked = blocked_values(connection)
    context.rules = {
        workspace: WorkspaceRules(region, blocked.get(workspace, frozenset()))
        for workspace, region in regions(connection).items()
    }
    context.gate.load(connection, workspace_id=workspace_id)
