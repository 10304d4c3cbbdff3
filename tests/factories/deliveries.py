"""Doing what the job of an automatic export does, and reading what came of it."""

import csv
import hashlib
import io
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from tessera.deliveries import queries
from tessera.deliveries.records import SegmentExport
from tessera.deliveries.run import run

Connection = psycopg.Connection[Any]


def deliver(export: SegmentExport) -> None:
    """What the export's job does."""
    run(export.id)


def files(folder: Path) -> dict[str, bytes]:
    """Every file below that is whole, by its name without the export's own folder."""
    found = sorted(each for each in folder.rglob("*") if each.is_file() and not each.name.startswith("."))
    return {each.name: each.read_bytes() for each in found}


def rows_of(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


def told(folder: Path) -> list[tuple[str, UUID]]:
    """What all the files say, in their order: who entered and who left."""
    return [(row["change"], UUID(row["profile_id"])) for body in files(folder).values() for row in rows_of(body)]


def prints(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256(body).hexdigest() for name, body in files(folder).items()}


def state_of(live: Connection, export: SegmentExport) -> list[tuple[int, str, str]]:
    """(number, state, problem) of its deliveries, oldest first."""
    page = queries.deliveries(live, export)
    return [(each.number, each.state, each.problem) for each in reversed(page.deliveries)]
