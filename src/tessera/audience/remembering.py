"""What one person did, with what retention left to the archive of the warehouse: the analyst is asked for that.

Without it who did something long ago would not have done it, though everybody else is counted with it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import psycopg

from tessera.audience.person import Doings, Happening
from tessera.audience.questions import OldEvents, ask
from tessera.audience.reading import COUNTED, MOST_HAPPENINGS, happening_of
from tessera.events import archived, history
from tessera.events.history import Recorded, Wanted

Connection = psycopg.Connection[Any]
PATIENCE: Final = 10.0
"""Seconds; somebody who looks at a page waits for it."""


def whole_doings(
    connection: Connection, workspace_id: int, profiles: Sequence[UUID], names: Iterable[str], did: Doings
) -> Doings:
    """`did` itself where nothing was dropped. What `names` names is asked for at once, when the first is wanted.

    `connection` autocommits and is in no transaction. What comes back raises `NoAnalyst` and `NotAnswered`.
    """
    if archived.newest_dropped(connection) is None:
        return did
    found: dict[str, list[Happening]] = {}

    def whole(name: str) -> Sequence[Happening]:
        if name not in found:
            fresh = ({name, *names}) - found.keys()
            found.update({one: [] for one in fresh})
            for row in _rows(connection, workspace_id, profiles, tuple(sorted(fresh))):
                found[row.name].append(happening_of(row))
        return found[name]

    return whole


def _rows(
    connection: Connection, workspace_id: int, profiles: Sequence[UUID], names: tuple[str, ...]
) -> Iterable[Recorded]:
    """Each once: PostgreSQL first, as what is dropped in between is in both."""
    wanted = Wanted(names=names, kinds=COUNTED)
    kept = history.of_profiles(connection, profiles, before=None, limit=MOST_HAPPENINGS, wanted=wanted)
    asked = OldEvents(profiles=list(profiles), before=None, limit=MOST_HAPPENINGS, wanted=wanted)
    old = ask(connection, workspace_id, asked, patience=PATIENCE)
    return {(row.lane, row.position): row for row in (*old, *kept)}.values()
