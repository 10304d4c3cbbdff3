"""What the audit trail says of people, for who must not see personal data."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg

from tessera.profiles.masking import Mask, known_values, mask_for

Connection = psycopg.Connection[Any]
Entry = tuple[str, Mapping[str, Any]]
"""What was changed, and the detail of the change."""

_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def masked_details(connection: Connection, workspace_id: int, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """The details, masked. A reason that staff typed in may name the people the entry is about: they are looked up.

    As many statements for a page of entries as for one.
    """
    basis = mask_for(connection, workspace_id)
    named = [_ids_in(entry) for entry in entries]
    known = known_values(connection, sorted(frozenset().union(*named)))
    masks: dict[frozenset[UUID], Mask] = {}
    for ids in set(named):
        values = frozenset[str]().union(*(known.get(one, frozenset()) for one in ids))
        masks[ids] = basis.knowing(values) if values else basis
    return [masks[ids].audit_detail(detail) for ids, (_target, detail) in zip(named, entries, strict=True)]


def _ids_in(entry: Entry) -> frozenset[UUID]:
    """Every id the entry has; those that are no profile's are known to nobody."""
    target, detail = entry
    text = target + " " + msgspec.json.encode(detail).decode()
    return frozenset(UUID(found) for found in _ID.findall(text))
