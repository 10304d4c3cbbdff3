"""Whose a message is that nobody has acted on yet: what an erasure asks of the inbox and of what was set aside."""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from tessera.events.erasure import NONE_PASSED, Passed, erase_waiting, pass_over_waiting, redacted_message
from tessera.events.event import Event, Identifier
from tessera.events.inbox import InboxRow
from tessera.foundation.errors import TesseraError
from tessera.foundation.redaction import LEAST, Redactor
from tessera.identity.rules import PREVIOUS, PROFILE
from tessera.intake.normalise import normalise
from tessera.profiles.relations import far_end
from tessera.workspaces.regions import regions

Connection = psycopg.Connection[Any]


class PassedOver(NamedTuple):
    """The messages that were none of the person's before the lanes were taken, and what was asked of them."""

    asked: tuple[str, frozenset[Identifier], frozenset[str]]
    messages: Passed


def pass_over_messages(
    connection: Connection, *, workspace_id: int, identifiers: Collection[Identifier], profiles: Collection[UUID]
) -> PassedOver:
    """Read what waits and what was set aside without a lane, so that `erase_messages` reads only the rest."""
    asked = _question(connection, workspace_id, identifiers, profiles)
    return PassedOver(
        asked, pass_over_waiting(connection, workspace_id=workspace_id, without_person=_without_person(*asked))
    )


def erase_messages(
    connection: Connection,
    *,
    workspace_id: int,
    identifiers: Collection[Identifier],
    profiles: Collection[UUID],
    passed: PassedOver | None = None,
) -> dict[str, int]:
    """Remove every waiting and quarantined message that carries one of these; blot them out of everybody else's.

    Only identifiers say whose a message is: a name or an address on the network is shared by many. One that cannot be
    read belongs to the person where it names them anywhere. The caller holds every lane. Counts per table.
    """
    asked = _question(connection, workspace_id, identifiers, profiles)
    return erase_waiting(
        connection,
        workspace_id=workspace_id,
        without_person=_without_person(*asked),
        passed=passed.messages if passed is not None and passed.asked == asked else NONE_PASSED,
    )


def _question(
    connection: Connection, workspace_id: int, identifiers: Collection[Identifier], profiles: Collection[UUID]
) -> tuple[str, frozenset[Identifier], frozenset[str]]:
    """All that decides whose a message is, beside the message."""
    region = regions(connection).get(workspace_id, "US")
    return region, frozenset(identifiers), frozenset(map(str, profiles))


def _without_person(
    region: str, identifiers: frozenset[Identifier], ids: frozenset[str]
) -> Callable[[InboxRow], InboxRow | None]:
    known = identifiers | {(PREVIOUS, value) for kind, value in identifiers if kind in ("user_id", "anonymous_id")}
    ends = known | {(PROFILE, profile) for profile in ids}
    anywhere = Redactor([value for _, value in identifiers] + list(ids))
    blotted = Redactor([value for kind, value in identifiers if _tells(kind, value)] + list(ids))

    def without_person(row: InboxRow) -> InboxRow | None:
        event = _read(row, region)
        if event is None:
            return None if _names(row, anywhere) else row
        if not known.isdisjoint(event.identifiers):
            return None
        related = far_end(event, region=region) in ends
        if related or _names(row, blotted):
            return redacted_message(row, blotted, between_people=related)
        return row

    return without_person


def _tells(kind: str, value: str) -> bool:
    """Whether the value means the person in anybody's message: an id that is a plain word says something else there."""
    return kind in ("email", "phone") or (len(value) >= LEAST and any(char.isdigit() for char in value))


def _names(row: InboxRow, redactor: Redactor) -> bool:
    return any(redactor.found_in(part.decode(errors="replace")) for part in (row.body, row.envelope))


def _read(row: InboxRow, region: str) -> Event | None:
    """The message, where it can be read at all and says whom it is about."""
    try:
        event = normalise(row, region=region)
    except (TesseraError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return event if event.identifiers else None
