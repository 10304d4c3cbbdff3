"""Json columns as the bytes they are: whoever knows their shape decodes them faster than psycopg, which does not."""

from typing import Any

import psycopg
from psycopg import adapt, pq
from psycopg.abc import Buffer


class _VerbatimLoader(adapt.Loader):
    format = pq.Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def verbatim_cursor(connection: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
    """A cursor that hands out json columns as the bytes they are."""
    cursor = connection.cursor(binary=True)
    cursor.adapters.register_loader("json", _VerbatimLoader)
    return cursor
