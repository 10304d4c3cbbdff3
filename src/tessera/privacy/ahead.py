"""What an erasure reads before it takes the lanes, so that everybody waits for what is new and not for all there is.

Nothing is changed here, and nobody is waited for but who evaluates or changes a segment that names the person: they
have it before a lane, so must we. Each part knows what it was asked: where the person is called
anything else once the lanes are held, it counts for nothing and all is read again.

What stays under the lanes: what writes (a few rows by their keys); the audit trail and remembered answers, which are
written without any lane at any time, so that having read them before says little; and examples in the catalogue, whose
rows are locked by whoever adds up tallies, and may be waited for only by one who holds all that can be waited for.
"""

from typing import Any, NamedTuple

import psycopg

from tessera.audience.segments.erasure import hold_named
from tessera.events.erasure import LookedThrough, look_through_history, pass_over_excerpts
from tessera.identity.erasure import neighbours_of
from tessera.imports.traces import PassedFile, pass_over_files
from tessera.intake.erasure import PassedOver, pass_over_messages
from tessera.privacy.person import Person, everyone_with
from tessera.profiles.erasure import related_to

Connection = psycopg.Connection[Any]


class Ahead(NamedTuple):
    """What is known of everything that does not name the person, and where other people's history does."""

    history: LookedThrough
    messages: PassedOver
    files: frozenset[PassedFile]
    values: frozenset[str]
    excerpts: list[int]


def look_ahead(connection: Connection, workspace_id: int, person: Person) -> Ahead:
    hold_named(connection, workspace_id, person.redactor)
    about: dict[str, Any] = {"profiles": person.members, "identifiers": person.identifiers}
    near = neighbours_of(connection, workspace_id=workspace_id, **about)
    near |= related_to(connection, workspace_id=workspace_id, **about)
    return Ahead(
        history=look_through_history(connection, everyone_with(connection, near), person.names),
        messages=pass_over_messages(connection, workspace_id=workspace_id, **about),
        files=pass_over_files(connection, workspace_id, person.identifiers, person.members),
        values=person.redactor.values,
        excerpts=pass_over_excerpts(connection, workspace_id=workspace_id, redactor=person.redactor),
    )
