"""A person's relations as screens and the API show them: both directions, the far ends resolved now."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.events.event import Identifier
from tessera.events.messages import Json
from tessera.identity import queries as identity
from tessera.identity.rules import PROFILE
from tessera.profiles.queries import people_summaries
from tessera.profiles.relation_types import RelationType, relation_types
from tessera.profiles.relations import MOST_RELATIONS, StoredRelation, has_relations, relations_from, relations_to
from tessera.profiles.whole import Gathered

Connection = psycopg.Connection[Any]


class RelatedPerson(Struct, frozen=True):
    """The far end. `profile_id` is null while nobody with that identifier was seen."""

    kind: str
    value: str
    profile_id: UUID | None
    name: str | None
    email: str | None


class RelationView(Struct, frozen=True):
    """One relation of a person. `outgoing` ones were said by this person's events, others by the other's."""

    type: str
    label: str
    outgoing: bool
    other: RelatedPerson
    properties: Json
    since: datetime


class Relations(Struct, frozen=True):
    """A person's relations, newest first."""

    relations: list[RelationView]


class Relation(NamedTuple):
    """That somebody is related: `other` is the person at the far end, None while nobody of that name was seen."""

    type: str
    outgoing: bool
    other: UUID | None


class _Seen(NamedTuple):
    """A relation with its far end resolved to the person, where there is one."""

    row: StoredRelation
    outgoing: bool
    end: Identifier
    root: UUID | None


def relations_of(connection: Connection, workspace_id: int, profile_id: UUID) -> Relations | None:
    """The relations of the person any of whose profiles has this id, or None. A constant number of statements.

    Where several rows speak of the same two people and type (they were merged since), the last word counts. A relation
    with oneself, which a merge can leave behind, is not shown.
    """
    root = identity.root_of(connection, workspace_id, profile_id)
    if root is None:
        return None
    members = [member.profile_id for member in identity.members_of(connection, [root])]
    held = [(one.kind, one.value) for one in identity.identifiers_of(connection, members)]
    seen = _outgoing(connection, workspace_id, relations_from(connection, members))
    seen += _incoming(connection, relations_to(connection, workspace_id, members, held))
    types = relation_types(connection, workspace_id)
    last = _last_words(one for one in seen if one.root != root and one.row.type in types)
    people = people_summaries(connection, sorted({one.root for one in last if one.root}, key=str))
    named = {person.profile_id: person for person in people}
    views = []
    for one in last[:MOST_RELATIONS]:
        person = named.get(one.root) if one.root else None
        email = None if person is None or person.email_is_placeholder else person.email
        other = RelatedPerson(*one.end, one.root, person.name if person else None, email)
        label = _label(types[one.row.type], outgoing=one.outgoing)
        views.append(RelationView(one.row.type, label, one.outgoing, other, one.row.properties, one.row.at))
    return Relations(views)


def relations_among(connection: Connection, people: Sequence[Gathered]) -> dict[UUID, frozenset[Relation]]:
    """The relations of many people, as `relations_of` tells them, by the person; a few statements per workspace.

    Of very many relations of one person, all are told.
    """
    workspaces = identity.workspaces_of(connection, [each.root for each in people])
    found: dict[UUID, frozenset[Relation]] = {}
    for workspace_id in sorted(set(workspaces.values())):
        if has_relations(connection, workspace_id):
            mine = [each for each in people if workspaces.get(each.root) == workspace_id]
            found |= _relations_in(connection, workspace_id, mine)
    return found


def _relations_in(
    connection: Connection, workspace_id: int, people: Sequence[Gathered]
) -> dict[UUID, frozenset[Relation]]:
    home = {member.profile_id: each.root for each in people for member in each.members}
    called = {(one.kind, one.value): each.root for each in people for one in each.identifiers}
    told: dict[UUID, list[_Seen]] = {}
    for one in _outgoing(connection, workspace_id, relations_from(connection, list(home), most=None)):
        told.setdefault(home[one.row.profile_id], []).append(one)
    rows = relations_to(connection, workspace_id, list(home), list(called), most=None)
    called |= {(PROFILE, str(profile)): root for profile, root in home.items()}
    for one in _incoming(connection, rows):
        told.setdefault(called[one.row.other_kind, one.row.other_value], []).append(one)
    return {
        root: frozenset(
            Relation(last.row.type, last.outgoing, last.root)
            for last in _last_words(one for one in seen if one.root != root)
        )
        for root, seen in told.items()
    }


def _label(kind: RelationType, *, outgoing: bool) -> str:
    return kind.label if outgoing else kind.inverse


def _outgoing(connection: Connection, workspace_id: int, rows: Sequence[StoredRelation]) -> list[_Seen]:
    ends = {(row.other_kind, row.other_value) for row in rows}
    roots = _roots_of_ends(connection, workspace_id, ends)
    return [_Seen(row, True, end, roots.get(end)) for row in rows for end in [(row.other_kind, row.other_value)]]


def _incoming(connection: Connection, rows: Sequence[StoredRelation]) -> list[_Seen]:
    roots = identity.roots_of(connection, list({row.profile_id for row in rows}))
    return [
        _Seen(row, False, (PROFILE, str(row.profile_id)), roots[row.profile_id])
        for row in rows
        if row.profile_id in roots
    ]


def _roots_of_ends(connection: Connection, workspace_id: int, ends: set[Identifier]) -> dict[Identifier, UUID]:
    """Whom these name now; whoever names nobody of this workspace is left out."""
    named = {end: UUID(end[1]) for end in ends if end[0] == PROFILE}
    owners = identity.owners_of(connection, workspace_id, [end for end in ends if end[0] != PROFILE]) | named
    roots = identity.roots_in(connection, workspace_id, list(set(owners.values())))
    return {end: roots[profile] for end, profile in owners.items() if profile in roots}


def _last_words(seen: Iterable[_Seen]) -> list[_Seen]:
    """The last word about each (type, direction, other person), newest first; removals have done their work."""
    newest_first = sorted(seen, key=lambda one: (one.row.at, one.row.tie), reverse=True)
    last: dict[tuple[str, bool, object], _Seen] = {}
    for one in newest_first:
        last.setdefault((one.row.type, one.outgoing, one.root or one.end), one)
    return [one for one in last.values() if not one.row.removed]
