"""JSON that is already text goes into json columns, and comes out of them, as it stands: no parsing, no escaping."""

from typing import Any

import psycopg
from psycopg import adapt, pq
from psycopg.abc import Buffer


class Verbatim:
    """Encoded JSON, to be stored byte for byte."""

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        self.text = text


class _VerbatimDumper(adapt.Dumper):
    format = pq.Format.BINARY
    oid = psycopg.adapters.types["json"].oid

    def dump(self, obj: Verbatim) -> bytes:
        return obj.text


psycopg.adapters.register_dumper(Verbatim, _VerbatimDumper)


class _VerbatimLoader(adapt.Loader):
    format = pq.Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def verbatim_cursor(connection: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
    """A cursor that hands out json columns as the bytes they are."""
    cursor = connection.cursor(binary=True)
    cursor.adapters.register_loader("json", _VerbatimLoader)
    return cursor
