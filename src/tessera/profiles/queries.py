"""What screens and the API read about people. Each takes a psycopg connection; the number of statements is constant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.foundation.clock import day_of, to_datetime, to_micros
from tessera.foundation.errors import TesseraError
from tessera.identity import queries as identity
from tessera.profiles.attributes import Misfit, normal_email, normal_phone
from tessera.profiles.person import PersonView, name_of, placeholder_of, values_of, view_of
from tessera.profiles.state import State, merge_states
from tessera.profiles.store import read_states

Connection = psycopg.Connection[Any]


class InvalidCursor(TesseraError):
    code = "invalid_cursor"


class PersonSummary(Struct, frozen=True):
    """A line of the people list."""

    profile_id: UUID
    person_id: UUID
    name: str | None
    email: str
    email_is_placeholder: bool
    phone: str | None
    country: str | None
    identifiers: int
    purchases: int
    last_seen_at: datetime | None
    created_at: datetime


class PeoplePage(Struct, frozen=True):
    """`next` is the cursor of the following page, or None."""

    profiles: list[PersonSummary]
    next: str | None


class WorkspaceLook(Struct, frozen=True):
    """What reading needs to know of the workspace."""

    currency: str = "USD"
    region: str = "US"


def look_of(connection: Connection, workspace_id: int) -> WorkspaceLook:
    row = connection.execute(
        "SELECT currency, region FROM workspaces_workspace WHERE id = %s", (workspace_id,)
    ).fetchone()
    return WorkspaceLook(*row) if row else WorkspaceLook()


def person(connection: Connection, workspace_id: int, profile_id: UUID, *, now: datetime) -> PersonView | None:
    """The person any of whose profiles has this id, or None."""
    root = identity.root_of(connection, workspace_id, profile_id)
    if root is None:
        return None
    members = identity.members_of(connection, [root])
    ids = [member.profile_id for member in members]
    return view_of(
        root,
        merge_states(read_states(connection, ids).values()),
        members=members,
        identifiers=identity.identifiers_of(connection, ids),
        merges=identity.merges_of(connection, ids),
        currency=look_of(connection, workspace_id).currency,
        today=day_of(to_micros(now)),
    )


def persons(
    connection: Connection, workspace_id: int, profile_ids: Sequence[UUID], *, now: datetime
) -> dict[UUID, PersonView]:
    """The people of the workspace to whom these profiles belong, by root; as many statements for one as for many."""
    roots = set(identity.roots_of(connection, profile_ids, workspace_id=workspace_id).values())
    found = identity.members_of(connection, list(roots))
    home = {member.profile_id: member.root_id for member in found}
    states = read_states(connection, list(home))
    held: dict[UUID, list[identity.HeldIdentifier]] = {}
    for identifier in identity.identifiers_of(connection, list(home)):
        held.setdefault(home[identifier.profile_id], []).append(identifier)
    merges = identity.merges_of(connection, list(home))
    currency, today = look_of(connection, workspace_id).currency, day_of(to_micros(now))
    return {
        root: view_of(
            root,
            merge_states(states[member] for member, of in home.items() if of == root and member in states),
            members=[member for member in found if member.root_id == root],
            identifiers=held.get(root, []),
            merges=[merge for merge in merges if root in (home.get(merge.kept), home.get(merge.absorbed))],
            currency=currency,
            today=today,
        )
        for root in dict.fromkeys(home.values())
    }


def people(connection: Connection, workspace_id: int, *, before: str | None = None, limit: int = 50) -> PeoplePage:
    """The people of the workspace, newest first, by key and not by offset. Raises `InvalidCursor`."""
    roots = identity.page_of_people(connection, workspace_id, before=cursor_of_people(before), limit=limit + 1)
    more = len(roots) > limit
    page = roots[:limit]
    return PeoplePage(people_summaries(connection, page), str(page[-1]) if more else None)


def cursor_of_people(cursor: str | None) -> UUID | None:
    """Whom the page before ended with. Raises `InvalidCursor`."""
    if cursor is None:
        return None
    try:
        return UUID(cursor)
    except ValueError:
        raise InvalidCursor("the cursor is not one we gave") from None


def people_by_identifier(connection: Connection, workspace_id: int, kind: str, value: str) -> PeoplePage:
    """The person with this identifier; e-mail and phone in any spelling."""
    root = root_by_identifier(connection, workspace_id, kind, value)
    return PeoplePage(people_summaries(connection, [root] if root else []), None)


def root_by_identifier(connection: Connection, workspace_id: int, kind: str, value: str) -> UUID | None:
    """The profile that stands for the person with this identifier; e-mail and phone in any spelling."""
    region = look_of(connection, workspace_id).region
    try:
        if kind == "email":
            value = normal_email(value)
        elif kind == "phone":
            value = normal_phone(value, region)
    except Misfit:
        return None
    roots = identity.roots_by_identifier(connection, workspace_id, kind, value)
    return roots[0] if roots else None


def people_summaries(connection: Connection, roots: Sequence[UUID]) -> list[PersonSummary]:
    """A line for each of these people, in their order; a constant number of statements."""
    if not roots:
        return []
    members = identity.members_of(connection, roots)
    ids = [member.profile_id for member in members]
    states = read_states(connection, ids)
    held: dict[UUID, list[identity.HeldIdentifier]] = {}
    home = {member.profile_id: member.root_id for member in members}
    for identifier in identity.identifiers_of(connection, ids):
        held.setdefault(home[identifier.profile_id], []).append(identifier)
    by_root: dict[UUID, list[State]] = {}
    born: dict[UUID, datetime] = {}
    for member in members:
        born.setdefault(member.root_id, member.created_at)
        if member.profile_id in states:
            by_root.setdefault(member.root_id, []).append(states[member.profile_id])
    return [
        _summary(root, merge_states(by_root.get(root, [])), held.get(root, []), born[root])
        for root in roots
        if root in born
    ]


def _summary(root: UUID, state: State, identifiers: Sequence[identity.HeldIdentifier], born: datetime) -> PersonSummary:
    attributes = values_of(state.attributes)
    email = attributes.get("email") or next((i.value for i in reversed(identifiers) if i.kind == "email"), None)
    orders = state.events.get("Order Completed")
    country = attributes.get("country") or values_of(state.inferred).get("country")
    return PersonSummary(
        profile_id=root,
        person_id=root,
        name=name_of(attributes),
        email=email or placeholder_of(root),
        email_is_placeholder=email is None,
        phone=attributes.get("phone"),
        country=country,
        identifiers=len(identifiers),
        purchases=orders.count if orders else 0,
        last_seen_at=to_datetime(state.last) if abs(state.last) < 2**60 else None,
        created_at=born,
    )
