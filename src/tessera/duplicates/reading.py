"""Reading everybody of a workspace as records, page by page, into columns."""

from collections.abc import Iterable, Iterator
from typing import Any, Final
from uuid import UUID

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from tessera.duplicates.records import SCHEMA, Record, record_of, table_of
from tessera.identity import queries as identity
from tessera.identity.queries import HeldIdentifier
from tessera.profiles.state import State, merge_states
from tessera.profiles.store import read_states

Connection = psycopg.Connection[Any]
PAGE: Final = 2_000


def read_everybody(connection: Connection, workspace_id: int) -> pa.Table:
    """The people of the workspace who can be told by something, newest first. Memory: about 150 bytes for each."""
    pages = [table_of(record for record in page if record.comparable) for page in _pages(connection, workspace_id)]
    return pa.concat_tables(pages) if pages else table_of([])


def fingerprints(records: pa.Table, people: Iterable[UUID]) -> dict[UUID, bytes]:
    """The fingerprints of some of these records."""
    wanted = pa.array([str(person) for person in people], pa.string())
    rows = records.filter(pc.is_in(records["unique_id"], value_set=wanted)).to_pylist()
    found = (Record(*(row[name] for name in SCHEMA.names)) for row in rows)
    return {UUID(record.unique_id): record.fingerprint for record in found}


def _pages(connection: Connection, workspace_id: int) -> Iterator[list[Record]]:
    before: UUID | None = None
    while roots := identity.page_of_people(connection, workspace_id, before=before, limit=PAGE):
        yield _records(connection, roots)
        before = roots[-1]


def _records(connection: Connection, roots: list[UUID]) -> list[Record]:
    members = identity.members_of(connection, roots)
    home = {member.profile_id: member.root_id for member in members}
    held: dict[UUID, list[HeldIdentifier]] = {}
    for identifier in identity.identifiers_of(connection, list(home)):
        held.setdefault(home[identifier.profile_id], []).append(identifier)
    states: dict[UUID, list[State]] = {}
    for profile, state in read_states(connection, list(home)).items():
        states.setdefault(home[profile], []).append(state)
    return [record_of(root, merge_states(states.get(root, [])), held.get(root, [])) for root in roots]
