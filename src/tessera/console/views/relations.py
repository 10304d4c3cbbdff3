"""A person's relations on the card: shown, added with a search for the other one, removed with a way back."""

from typing import Any
from uuid import UUID

import msgspec
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST
from msgspec import Struct

from tessera.access.audit import record_audit_on
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.sight import sight_of
from tessera.console.views.card import find_person
from tessera.console.views.people import find_people, searched
from tessera.console.words import RELATIONS, error_in_words, kind_in_words
from tessera.foundation.errors import TesseraError
from tessera.foundation.pool import pool
from tessera.identity import queries as identity
from tessera.intake.relations import add_relation, remove_relation
from tessera.profiles.references import InvalidReference
from tessera.profiles.relation_types import relation_types
from tessera.profiles.relations_of import RelationView, relations_of

CANDIDATES = 8
_OTHER_WAY: dict[str, str | Promise] = {
    "referred_by": gettext_lazy("Referred"),
    "household": gettext_lazy("Same household"),
    "follows": gettext_lazy("Followed by"),
    "parent_of": gettext_lazy("Child of"),
    "colleague": gettext_lazy("Colleague"),
}


class RelationLine(Struct, frozen=True):
    """A relation as the card shows it. `undo` is what brings it back, encoded.

    Who sees the far end masked cannot name it, so cannot remove it: `removable` says so.
    """

    label: str
    kind: str
    facts: RelationView
    undo: str
    removable: bool


class Wanted(Struct, frozen=True):
    """What the form says of a relation."""

    type: str
    to: str
    outgoing: bool
    properties: dict[str, Any]


@require_GET
@requires(Ability.READ)
def relations(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    """The section, which the card fetches when it is looked at."""
    return _section(request, profile_id)


@require_GET
@requires(Ability.CHANGE_PEOPLE)
def relation_candidates(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    """Whom the typed text finds; an e-mail that nobody has may be related to all the same."""
    find_person(request.staff.workspace_id, profile_id)
    text = searched(request)
    found = find_people(request.staff, text, limit=CANDIDATES + 1).profiles if text else []
    others = [person for person in found if person.profile_id != profile_id][:CANDIDATES]
    unseen = f"email:{text}" if "@" in text and not any(one.email == text.lower() for one in others) else ""
    context = {"candidates": others, "q": text, "unseen": unseen}
    return render(request, "console/person/relation_candidates.html", context)


@require_POST
@requires(Ability.CHANGE_PEOPLE)
def relate(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    """Add a relation, or bring one back that was removed a moment ago."""
    wanted = _wanted(request)
    if not wanted.to:
        return _section(request, profile_id, refused=_("Search for the other person and choose one."))
    try:
        _change(request, profile_id, wanted, add=True)
    except TesseraError as error:
        return _section(request, profile_id, refused=error_in_words(error))
    return _section(request, profile_id, added=True)


@require_POST
@requires(Ability.CHANGE_PEOPLE)
def unrelate(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    wanted = _wanted(request)
    try:
        _change(request, profile_id, wanted, add=False)
    except TesseraError as error:
        return _section(request, profile_id, refused=error_in_words(error))
    return _section(request, profile_id, removed=wanted)


def _wanted(request: StaffRequest) -> Wanted:
    def said(name: str, most: int) -> str:
        return request.POST.get(name, "").replace("\0", "").strip()[:most]

    try:
        properties = msgspec.json.decode(said("properties", 10_000) or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        properties = {}
    return Wanted(said("type", 40), said("to", 600), said("outgoing", 1) != "0", properties)


def _change(request: StaffRequest, profile_id: UUID, wanted: Wanted, *, add: bool) -> None:
    """The change and its audit entry, in one transaction. Raises `TesseraError`."""
    staff, now = request.staff, timezone.now()
    with pool().connection() as connection, connection.transaction():
        root = identity.root_of(connection, staff.workspace_id, profile_id)
        if root is None:
            raise Http404("no such person in this workspace")
        record_audit_on(
            connection,
            workspace_id=staff.workspace_id,
            actor=staff.email,
            action="add_relation" if add else "remove_relation",
            target=f"profile:{root}",
            detail={"type": wanted.type},
        )
        if add:
            # One that the other person said is brought back in that person's name.
            near, far = (root, wanted.to) if wanted.outgoing else (_profile(wanted.to), str(root))
            add_relation(
                connection,
                workspace_id=staff.workspace_id,
                profile_id=near,
                type=wanted.type,
                to=far,
                properties=wanted.properties,
                actor=staff.email,
                now=now,
            )
        else:
            remove_relation(
                connection,
                workspace_id=staff.workspace_id,
                profile_id=root,
                type=wanted.type,
                to=wanted.to,
                outgoing=wanted.outgoing,
                actor=staff.email,
                now=now,
            )


def _profile(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidReference("a profile's id is expected") from None


def _section(request: StaffRequest, profile_id: UUID, **said: Any) -> HttpResponse:
    workspace_id = request.staff.workspace_id
    with pool().connection() as connection:
        found = relations_of(connection, workspace_id, profile_id)
        types = relation_types(connection, workspace_id)
    if found is None:
        raise Http404("no such person in this workspace")
    people = [one.other.profile_id for one in found.relations if one.other.profile_id]
    mask = sight_of(request.staff, [profile_id, *people])
    shown = mask.relations(found) if mask else found
    pairs = zip(shown.relations, found.relations, strict=True)
    lines = [_line(one, named=one.other.value == known.other.value) for one, known in pairs]
    if request.method == "POST" and not request.htmx:
        return redirect("console:person", profile_id=profile_id)
    choices = [(name, RELATIONS.get(name, kind.label)) for name, kind in types.items()]
    context = {"profile_id": profile_id, "lines": lines, "types": choices, **said}
    if "removed" in said and mask is None:  # a mask must not come back as the value
        context["undo"] = msgspec.json.encode(said["removed"].properties).decode()
    return render(request, "console/person/relations.html", context)


def _line(relation: RelationView, *, named: bool) -> RelationLine:
    label = str((RELATIONS if relation.outgoing else _OTHER_WAY).get(relation.type, relation.label))
    undo = msgspec.json.encode(relation.properties).decode()
    removable = named or relation.other.profile_id is not None
    return RelationLine(label, kind_in_words(relation.other.kind), relation, undo, removable)
