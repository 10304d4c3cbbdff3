"""Which sources are a workspace's own, asked on a psycopg connection (no Django)."""

from typing import Any

import psycopg


def has_source(connection: psycopg.Connection[Any], workspace_id: int, source_id: int) -> bool:
    """Whether the source is this workspace's."""
    statement = "SELECT 1 FROM workspaces_source WHERE id = %s AND workspace_id = %s"
    return connection.execute(statement, (source_id, workspace_id)).fetchone() is not None
