"""Everything held about one person as one JSON document (the right of access), written as it is read, however long."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct

from tessera.identity import queries as identity
from tessera.identity.queries import RefusalRecord
from tessera.profiles import queries
from tessera.profiles.avatars import avatar_of
from tessera.profiles.person import PersonView
from tessera.profiles.relations_of import RelationView, relations_of
from tessera.profiles.timeline import TimelineEvent, TimelinePage, timeline

Connection = psycopg.Connection[Any]
Connect = Callable[[], AbstractContextManager[Connection]]


class Reader(Protocol):
    """Reads a page of somebody's timeline, as `timeline` does; None where there is no such person."""

    def __call__(
        self, connection: Connection, workspace_id: int, profile_id: UUID, /, *, before: str | None, limit: int
    ) -> TimelinePage | None: ...


PAGE: Final = 1_000
_encode: Final = msgspec.json.Encoder().encode


class Export(Struct, frozen=True):
    """Everything held about a person. `picture` is a WebP in base64, `events` all of their history, newest first.

    `incomplete`: some of the history is kept in the warehouse only, which could not be asked.
    """

    exported_at: datetime
    profile: PersonView
    picture: str | None
    relations: list[RelationView]
    refusals: list[RefusalRecord]
    events: list[TimelineEvent]
    incomplete: bool = False


def export_person(connection: Connection, workspace_id: int, profile_id: UUID, *, now: datetime) -> Export | None:
    """The person's record but for the events, which `written` reads; None where there is no such person."""
    view = queries.person(connection, workspace_id, profile_id, now=now)
    if view is None:
        return None
    members = [member.profile_id for member in view.members]
    found = relations_of(connection, workspace_id, profile_id)
    return Export(
        exported_at=now,
        profile=view,
        picture=_picture(connection, workspace_id, view),
        relations=found.relations if found else [],
        refusals=identity.refusals_of(connection, members),
        events=[],
    )


def _picture(connection: Connection, workspace_id: int, view: PersonView) -> str | None:
    if view.avatar is None:
        return None
    found = avatar_of(connection, workspace_id, view.avatar.profile_id)
    return b64encode(found[1]).decode() if found else None


def written(
    export: Export,
    workspace_id: int,
    connect: Connect,
    *,
    seen: Callable[[TimelinePage], TimelinePage] | None = None,
    read: Reader = timeline,
) -> Iterator[bytes]:
    """The document in pieces; a connection is held only while a page of events is read.

    `seen` makes of each page what the reader may see of it. `read` reads a page where not all of it is in PostgreSQL.
    """
    yield _encode(export).removesuffix(_END + b"false}")
    separator, before, incomplete = b"", None, False
    while True:
        with connect() as connection:
            page = read(connection, workspace_id, export.profile.profile_id, before=before, limit=PAGE)
        if page is None:
            break
        incomplete = incomplete or page.incomplete
        if page.events:
            yield separator + _encode((seen(page) if seen else page).events)[1:-1]
            separator = b","
        before = page.next
        if before is None:
            break
    yield _END + (b"true}" if incomplete else b"false}")


_END: Final = b'],"incomplete":'
