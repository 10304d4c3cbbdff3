"""Forgetting old rows of the request ledgers (rate-limit windows, remembered replies)."""

from typing import Any

import psycopg


def forget_old(connection: psycopg.Connection[Any]) -> None:
    """Windows older than ten minutes, replies older than a day."""
    connection.execute("DELETE FROM access_requestwindow WHERE minute < (extract(epoch FROM now()) / 60)::bigint - 10")
    connection.execute("DELETE FROM access_rememberedreply WHERE created_at < now() - interval '1 day'")
