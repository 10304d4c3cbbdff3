"""The review of likely duplicates: the queue, one pair, and what is said of it."""

from collections.abc import Callable, Iterable
from typing import Any, Final
from uuid import UUID

import psycopg
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from msgspec import Struct

from tessera.console.fields import FieldLine, attribute_lines
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.sight import sight_of
from tessera.console.waterfall import Bar, bars_of, field_in_words, level_in_words, likelihood
from tessera.console.words import error_in_words
from tessera.duplicates import actions, queries
from tessera.duplicates.search import MOST_ALIKE, Crowd
from tessera.duplicates.store import MERGED, OPEN, Pair, Run
from tessera.foundation.errors import TesseraError
from tessera.foundation.pool import pool
from tessera.identity.actions import AlreadyUndone
from tessera.profiles import queries as profiles
from tessera.profiles.person import PersonView

Connection = psycopg.Connection[Any]
Act = Callable[..., Pair]
SHOWN: Final = 25


class PairLine(Struct, frozen=True):
    """A line of the queue. `why` are the fields that speak loudest for it, in words."""

    pair: Pair
    left: PersonView
    right: PersonView
    likelihood: str
    why: list[tuple[str, str]]


class Row(Struct, frozen=True):
    """An attribute of both, side by side."""

    label: str
    left: FieldLine | None
    right: FieldLine | None

    @property
    def differs(self) -> bool:
        return self.left is not None and self.right is not None and self.left.value != self.right.value


@require_GET
@requires(Ability.MERGE_PEOPLE)
def duplicates(request: StaffRequest) -> HttpResponse:
    """The queue, the likeliest first, and what the last search came to."""
    workspace_id = request.staff.workspace_id
    with pool().connection() as connection:
        try:
            page = queries.pairs(connection, workspace_id, after=request.GET.get("after"), limit=SHOWN)
        except queries.InvalidPairCursor as error:
            raise Http404(str(error)) from None
        run = queries.latest_run(connection, workspace_id)
        people = people_of(connection, request, page.pairs)
        decided = _decided(connection, request)
    context = {
        "lines": [_line(pair, people) for pair in page.pairs if pair.left in people and pair.right in people],
        "next": page.next,
        "after": request.GET.get("after"),
        "run": run,
        "crowds": [_crowd_in_words(crowd) for crowd in run.crowds] if run else [],
        "decided": decided,
    }
    return render(request, "console/duplicates.html", context)


def people_of(connection: Connection, request: StaffRequest, pairs: Iterable[Pair]) -> dict[UUID, PersonView]:
    """Both people of every pair, as this viewer may see them. All personal data of these screens comes through here."""
    roots = [person for pair in pairs for person in (pair.left, pair.right)]
    people = profiles.persons(connection, request.staff.workspace_id, roots, now=timezone.now())
    mask = sight_of(request.staff, roots)
    return {root: mask.person(person) for root, person in people.items()} if mask else people


def _line(pair: Pair, people: dict[UUID, PersonView]) -> PairLine:
    loudest = sorted(pair.weights, key=lambda weight: -weight.bits)[:3]
    why = [(field_in_words(weight.field), level_in_words(weight)) for weight in loudest if weight.bits > 0]
    return PairLine(pair, people[pair.left], people[pair.right], likelihood(pair.probability), why)


def _crowd_in_words(crowd: Crowd) -> str:
    keys = {
        "phone": _("the same phone"),
        "email_local": _("the same name in the e-mail"),
        "first_name || ' ' || last_name": _("the same first and last name"),
    }
    return _("%(what)s: %(values)s values shared by more than %(most)s people each, %(people)s people in all") % {
        "what": keys.get(crowd.key, _("parts of name, birthday and place")),
        "values": crowd.values,
        "most": MOST_ALIKE,
        "people": crowd.people,
    }


@require_POST
@requires(Ability.MERGE_PEOPLE)
def find(request: StaffRequest) -> HttpResponse:
    """Have the workspace searched."""
    staff = request.staff
    try:
        with pool().connection() as connection:
            actions.ask_for_run(connection, workspace_id=staff.workspace_id, actor=staff.email, now=timezone.now())
    except TesseraError as error:
        messages.error(request, error_in_words(error))
    return redirect("console:duplicates")


@require_GET
@requires(Ability.MERGE_PEOPLE)
def run_state(request: StaffRequest) -> HttpResponse:
    """How far the search is; once it is over, the page is to be loaded anew."""
    with pool().connection() as connection:
        run = queries.latest_run(connection, request.staff.workspace_id)
    if run is None:
        raise Http404("no search was asked for yet")
    response = render(request, "console/duplicates_run.html", {"run": run})
    if not _under_way(run):
        response["HX-Refresh"] = "true"
    return response


def _under_way(run: Run | None) -> bool:
    return run is not None and run.state in ("waiting", "running")


@require_GET
@requires(Ability.MERGE_PEOPLE)
def duplicate(request: StaffRequest, pair_id: UUID) -> HttpResponse:
    """Both side by side, what speaks for them being one, and the decision."""
    workspace_id = request.staff.workspace_id
    with pool().connection() as connection:
        pair = queries.pair(connection, workspace_id, pair_id)
        people = people_of(connection, request, [pair] if pair else [])
        if pair is None:
            raise Http404("no such pair in this workspace")
        following = queries.next_pair(connection, workspace_id, pair)
        decided = _decided(connection, request)
    left, right = people.get(pair.left), people.get(pair.right)
    bars: list[Bar] = bars_of(pair)
    context = {
        "pair": pair,
        "left": left,
        "right": right,
        "rows": _side_by_side(left, right) if left and right else [],
        "bars": bars,
        "likelihood": likelihood(pair.probability),
        "following": following,
        "decided": decided,
        "is_open": pair.state == OPEN and left is not None and right is not None,
        "is_merged": pair.state == MERGED,
    }
    return render(request, "console/duplicate.html", context)


def _side_by_side(left: PersonView, right: PersonView) -> list[Row]:
    """Every attribute that either was told, those that differ first."""
    ours, theirs = ({line.name: line for line in attribute_lines(side) if not line.inferred} for side in (left, right))
    names = [*ours, *(name for name in theirs if name not in ours)]
    rows = [Row((ours.get(name) or theirs[name]).label, ours.get(name), theirs.get(name)) for name in names]
    return sorted(rows, key=lambda row: (not row.differs, row.left is None or row.right is None))


@require_POST
@requires(Ability.MERGE_PEOPLE)
def accept(request: StaffRequest, pair_id: UUID) -> HttpResponse:
    """They are one person; `keep` says which profile stands for them."""
    try:
        keep = UUID(request.POST["keep"]) if request.POST.get("keep") else None
    except ValueError:
        raise Http404("no such profile") from None
    return _decide(request, pair_id, actions.accept_pair, keep=keep)


@require_POST
@requires(Ability.MERGE_PEOPLE)
def reject(request: StaffRequest, pair_id: UUID) -> HttpResponse:
    """They are two people."""
    return _decide(request, pair_id, actions.reject_pair)


def _decide(request: StaffRequest, pair_id: UUID, act: Act, **how: Any) -> HttpResponse:
    """Decide, and go on to the next pair; it offers to take the decision back."""
    workspace_id = request.staff.workspace_id
    with pool().connection() as connection:
        pair = queries.pair(connection, workspace_id, pair_id)
        if pair is None:
            raise Http404("no such pair in this workspace")
        following = queries.next_pair(connection, workspace_id, pair)
        try:
            with connection.transaction():
                act(
                    connection,
                    workspace_id=workspace_id,
                    pair_id=pair_id,
                    actor=request.staff.email,
                    now=timezone.now(),
                    **how,
                )
        except TesseraError as error:
            messages.error(request, error_in_words(error))
            return redirect("console:duplicate", pair_id=pair_id)
        people = queries.pairs(connection, workspace_id, limit=1).pairs
    if following is None or not people:
        return redirect(f"{reverse('console:duplicates')}?decided={pair_id}")
    return redirect(f"{reverse('console:duplicate', kwargs={'pair_id': following.pair_id})}?decided={pair_id}")


def _decided(connection: Connection, request: StaffRequest) -> Pair | None:
    """The pair that was decided a moment ago, to be taken back where wished."""
    try:
        pair_id = UUID(request.GET.get("decided", ""))
    except ValueError:
        return None
    pair = queries.pair(connection, request.staff.workspace_id, pair_id)
    return pair if pair is not None and pair.decided_by is not None else None


@require_POST
@requires(Ability.MERGE_PEOPLE)
def undo(request: StaffRequest, pair_id: UUID) -> HttpResponse:
    """Take the decision back and look at the pair again."""
    staff = request.staff
    try:
        with pool().connection() as connection:
            actions.undo_decision(
                connection,
                workspace_id=staff.workspace_id,
                pair_id=pair_id,
                actor=staff.email,
                now=timezone.now(),
            )
    except actions.NoSuchPair as error:
        raise Http404(str(error)) from None
    except (actions.NotDecided, AlreadyUndone) as error:
        messages.error(request, error_in_words(error))
    else:
        messages.success(request, _("The decision is undone: both are as they were."))
    return redirect("console:duplicate", pair_id=pair_id)
