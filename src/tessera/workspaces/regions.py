"""The home country of each workspace, as intake reads it (no Django on the hot path)."""

from typing import Any

import psycopg


def regions(connection: psycopg.Connection[Any]) -> dict[int, str]:
    """ISO 3166-1 alpha-2 country by workspace id."""
    return dict(connection.execute("SELECT id, region FROM workspaces_workspace").fetchall())
