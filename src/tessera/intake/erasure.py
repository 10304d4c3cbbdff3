"""Whose a message is that nobody has acted on yet: what an erasure asks of the inbox and of what was set aside."""

from collections.abc import Collection
from typing import Any

import psycopg

from tessera.events.erasure import erase_waiting
from tessera.events.event import Identifier
from tessera.events.inbox import InboxRow
from tessera.foundation.errors import TesseraError
from tessera.foundation.redaction import Redactor
from tessera.identity.rules import PREVIOUS
from tessera.intake.normalise import normalise
from tessera.workspaces.regions import regions

Connection = psycopg.Connection[Any]


def erase_messages(
    connection: Connection, *, workspace_id: int, identifiers: Collection[Identifier], redactor: Redactor
) -> dict[str, int]:
    """Remove every waiting and quarantined message that carries one of these or names the person in its text.

    The caller holds every lane. Counts per table.
    """
    region = regions(connection).get(workspace_id, "US")
    known = set(identifiers) | {(PREVIOUS, value) for kind, value in identifiers if kind in ("user_id", "anonymous_id")}

    def is_theirs(row: InboxRow) -> bool:
        if any(redactor.found_in(part.decode(errors="replace")) for part in (row.body, row.envelope)):
            return True
        return not known.isdisjoint(_carried(row, region))

    return erase_waiting(connection, workspace_id=workspace_id, is_theirs=is_theirs)


def _carried(row: InboxRow, region: str) -> Collection[Identifier]:
    """What the message says of who it is about; nothing where it cannot be read at all."""
    try:
        return normalise(row, region=region).identifiers
    except (TesseraError, ValueError, RecursionError):
        return ()
