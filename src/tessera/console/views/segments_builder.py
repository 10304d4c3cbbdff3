"""The builder: a condition by form and by text side by side, its answers while it changes, and saving it.

The text form is the truth. A change of the form writes the text anew, a change of the text the form. The form is drawn
by the server at every step, so that it works by keyboard, and without scripts by its buttons.
"""

from typing import Any, Final
from uuid import UUID

import psycopg
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from msgspec import Struct

from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.registry import from_json, to_json
from tessera.audience.discretion import betrayed_by
from tessera.audience.explain import NoSuchPerson, explain
from tessera.audience.queries import analyst_state
from tessera.audience.questions import (
    CountPeople,
    CountReach,
    FollowFunnel,
    NoAnalyst,
    NotAnswered,
    RefreshNow,
    TakeSample,
)
from tessera.audience.segments import actions, queries
from tessera.audience.segments.records import NewSegment, Segment, SegmentChange
from tessera.console.permissions import Ability, StaffRequest, abilities_of, requires
from tessera.console.segments import shown
from tessera.console.segments.asking import ask_analyst, lag_in_words, raw
from tessera.console.segments.choices import CHANNEL_WORDS, Names, names_of, segments_known
from tessera.console.segments.drafts import NodeDraft, draft_of
from tessera.console.segments.forms import AboutForm, DynamicForm, initial_of
from tessera.console.segments.making import condition_of
from tessera.console.segments.posting import ROOT, draft_sent, pressed
from tessera.console.segments.texts import Wrong, in_words, pretty, read
from tessera.console.segments.verdicts import lines_of
from tessera.console.segments.words import refusal_in_words
from tessera.console.sight import seen_by
from tessera.console.toasts import toast
from tessera.console.views.card import find_person
from tessera.console.views.segments import find_segment
from tessera.console.views.segments_people import seen_people
from tessera.console.words import error_in_words
from tessera.events.catalogue import personal_fields
from tessera.foundation.clock import now_micros
from tessera.foundation.errors import TesseraError
from tessera.foundation.pool import pool
from tessera.profiles.queries import people_summaries

Connection = psycopg.Connection[Any]
SAMPLE: Final = 8
SAVED_PATIENCE: Final = 2.0
"""Seconds that saving waits for the first count; who does not wait finds it a moment later."""
LONGEST: Final = 20_001
"""One letter more than a condition may have, so that its reader refuses it and says why."""


class Built(Struct, frozen=True):
    """Both sides: the draft of the form, the text, and the condition where both say one.

    `agreed` is the text that goes with the form: where the text is another, it has been changed and not been read.
    """

    draft: NodeDraft
    text: str
    condition: Condition | None
    agreed: str
    wrong: Wrong | None = None
    focus: str = ""

    @classmethod
    def of_condition(cls, condition: Condition, names: Names) -> "Built":
        text = pretty(condition, names.segment_called)
        return cls(draft_of(condition, names.segment_called), text, condition, text)

    @classmethod
    def of_text(cls, text: str, names: Names, draft: NodeDraft, agreed: str = "") -> "Built":
        """Where the text says nothing, the form stays as it was."""
        condition, wrong = read(text, names)
        if condition is None:
            return cls(draft, text, None, agreed, wrong)
        return cls(draft_of(condition, names.segment_called), text, condition, text)

    @classmethod
    def of_form(cls, draft: NodeDraft, names: Names, text: str, focus: str = "") -> "Built":
        """Where a row is not finished, the text stays as it was."""
        if not draft.parts:
            return cls(draft, "", None, "", focus=focus)
        condition = condition_of(draft, names.segment_named)
        if condition is None:
            return cls(draft, text, None, text, focus=focus)
        said = pretty(condition, names.segment_called)
        return cls(draft, said, condition, said, focus=focus)


EMPTY: Final = Built(NodeDraft("and"), "", None, "")
FORM_AGAIN: Final = "form"
"""What the button says that gives up a text nobody can read."""


@require_http_methods(["GET", "POST"])
@requires(Ability.MANAGE_SEGMENTS)
def new_segment(request: StaffRequest) -> HttpResponse:
    """The builder, empty or with the condition that `?text=` says."""
    with pool().connection() as connection:
        names = names_of(connection, request.staff.workspace_id)
        if request.method == "GET":
            text = request.GET.get("text", "").replace("\0", "")[:LONGEST]
            built = Built.of_text(text, names, NodeDraft("and")) if text else EMPTY
            return _page(request, connection, names, built, DynamicForm())
        return _sent(request, connection, names, None)


@require_http_methods(["GET", "POST"])
@requires(Ability.MANAGE_SEGMENTS)
def edit_segment(request: StaffRequest, segment_id: UUID) -> HttpResponse:
    """The builder of a segment by condition; of a fixed list, what is typed about it."""
    with pool().connection() as connection:
        found = find_segment(connection, request, segment_id)
        names = names_of(connection, request.staff.workspace_id)
        if found.condition is None:
            return _about(request, connection, found)
        if request.method == "GET":
            built = Built.of_condition(from_json(found.condition), names)
            return _page(request, connection, names, built, DynamicForm(initial=initial_of(found)), found)
        return _sent(request, connection, names, found)


@require_POST
@requires(Ability.MANAGE_SEGMENTS)
def build_segment(request: StaffRequest) -> HttpResponse:
    """Both sides anew after a change of one (`side`): the whole form, or (`part=values`) all but its fields."""
    with pool().connection() as connection:
        names = names_of(connection, request.staff.workspace_id)
    built = _built(request, names)
    context = _sides(built, names)
    only_values = request.POST.get("part") == "values"
    context["keep_text"] = built.text == _typed(request, "text")
    template = "console/segments/values.html" if only_values else "console/segments/both.html"
    return render(request, template, context)


def _built(request: StaffRequest, names: Names) -> Built:
    """What was sent. A text that is another than goes with the form was written last, so it is what counts: no button
    of the form, and no saving, passes over it.
    """
    text, agreed, do = (_typed(request, name) for name in ("text", "text_was", "do"))
    side, is_press = request.POST.get("side"), ":" in do
    draft = draft_sent({name: str(value) for name, value in request.POST.items()}, names)
    emptied = not text.strip() and (side == "form" or is_press)
    if do != FORM_AGAIN and not emptied and (text != agreed or side == "text"):
        built = Built.of_text(text, names, draft, agreed)
        if built.condition is None or not is_press:
            return built
        draft = built.draft
    focus = pressed(draft, do, names) if is_press else ""
    return Built.of_form(draft, names, agreed, focus)


def _typed(request: StaffRequest, name: str) -> str:
    return request.POST.get(name, "").replace("\0", "").replace("\r\n", "\n")[:LONGEST]


def _sent(request: StaffRequest, connection: Connection, names: Names, found: Segment | None) -> HttpResponse:
    """Save, or (without scripts) what a button of the form says."""
    built = _built(request, names)
    if request.POST.get("do", "save") != "save":
        return _page(request, connection, names, built, DynamicForm(initial=request.POST.dict()), found)
    form = DynamicForm(request.POST)
    indiscreet = "" if found and _is_same(found, built) else indiscretion(request, connection, built.condition)
    if not form.is_valid() or built.condition is None or indiscreet:
        if built.condition is None or indiscreet:
            form.add_error(None, indiscreet or _("The condition is not finished. Look at what is marked."))
        return _page(request, connection, names, built, form, found)
    try:
        with connection.transaction():
            made = _save(request, connection, found, form, to_json(built.condition))
    except TesseraError as error:
        form.add_error("name" if error.code == "segment_name_taken" else None, refusal_in_words(error))
        return _page(request, connection, names, built, form, found)
    ask_analyst(connection, made.workspace_id, [RefreshNow(segment_id=made.id)], patience=SAVED_PATIENCE)
    toast(request, _("The segment is saved."))
    return redirect("console:segment", segment_id=made.id)


def _is_same(found: Segment, built: Built) -> bool:
    return built.condition is not None and to_json(built.condition) == found.condition


def _save(
    request: StaffRequest, connection: Connection, found: Segment | None, form: DynamicForm, condition: bytes
) -> Segment:
    who: dict[str, Any] = {"workspace_id": request.staff.workspace_id, "actor": request.staff.email}
    fields = {**form.about(), **form.freshness(), "condition": condition}
    if found is None:
        return actions.create(connection, new=NewSegment(**fields), now=timezone.now(), **who)
    wanted = SegmentChange(**fields)
    return actions.change(connection, segment_id=found.id, wanted=wanted, now=timezone.now(), **who)


def _page(
    request: StaffRequest,
    connection: Connection,
    names: Names,
    built: Built,
    form: DynamicForm,
    found: Segment | None = None,
) -> HttpResponse:
    state = analyst_state(connection)
    context = _sides(built, names)
    context |= {
        "form": form,
        "segment": found,
        "folders": _folders(names),
        "action": reverse("console:edit_segment", args=[found.id]) if found else reverse("console:new_segment"),
        "lag": lag_in_words(state),
        "analyst": state,
    }
    return render(request, "console/segments/builder.html", context, status=400 if form.errors else 200)


def _folders(names: Names) -> list[str]:
    return [folder.name for folder in queries.folders(names.offered) if folder.name]


def _sides(built: Built, names: Names) -> dict[str, Any]:
    root = shown.row_of(built.draft, names, ROOT, focus=built.focus)
    return {
        "root": root,
        "rows": list(shown.every(root)),
        "names": names,
        "attributes": shown.attributes_offered(names),
        "text": built.text,
        "agreed": built.agreed,
        "wrong": built.wrong,
        "unfinished": built.condition is None and built.wrong is None and bool(built.draft.parts),
        "sentence": in_words(built.condition, names) if built.condition is not None else "",
        "ready": built.condition is not None,
    }


def _about(request: StaffRequest, connection: Connection, found: Segment) -> HttpResponse:
    """Name, folder, tags and description of a fixed list."""
    form = AboutForm(request.POST) if request.method == "POST" else AboutForm(initial=initial_of(found))
    if request.method == "POST" and form.is_valid():
        try:
            with connection.transaction():
                actions.change(
                    connection, workspace_id=found.workspace_id, segment_id=found.id,
                    wanted=SegmentChange(**form.about()), actor=request.staff.email, now=timezone.now(),
                )  # fmt: skip
        except TesseraError as error:
            form.add_error("name" if error.code == "segment_name_taken" else None, refusal_in_words(error))
        else:
            toast(request, _("The segment is saved."))
            return redirect("console:segment", segment_id=found.id)
    context = {"form": form, "segment": found}
    return render(request, "console/segments/about.html", context, status=400 if form.errors else 200)


@require_POST
@requires(Ability.MANAGE_SEGMENTS)
def count_segment(request: StaffRequest) -> HttpResponse:
    """How many people the text means, now."""
    with pool().connection() as connection:
        condition, _names, indiscreet = _asked(request, connection)
        if condition is None or indiscreet:
            return render(request, "console/segments/count.html", {"away": indiscreet})
        said = ask_analyst(connection, request.staff.workspace_id, [CountPeople(condition=raw(condition))])
    size = said.answers[0] if said.answers else None
    percent = 100 * size.people / size.total if size and size.total else None
    return render(request, "console/segments/count.html", {"size": size, "percent": percent, "away": said.away})


@require_POST
@requires(Ability.MANAGE_SEGMENTS)
def preview_segment(request: StaffRequest) -> HttpResponse:
    """What each part takes away, how many can be reached, and some of the people."""
    workspace_id = request.staff.workspace_id
    with pool().connection() as connection:
        condition, names, indiscreet = _asked(request, connection)
        if condition is None or indiscreet:
            return render(request, "console/segments/preview.html", {"away": indiscreet})
        asked = raw(condition)
        said = ask_analyst(
            connection,
            workspace_id,
            [FollowFunnel(condition=asked), CountReach(condition=asked), TakeSample(condition=asked, limit=SAMPLE),
             CountPeople(condition=asked)],
        )  # fmt: skip
        if said.away:
            return render(request, "console/segments/preview.html", {"away": said.away})
        funnel, reach, sample, size = said.answers
        people = people_summaries(connection, sample.people)
    context = {
        "steps": shown.steps_of(funnel, size.total, names),
        "total": size.total,
        "reach": [(CHANNEL_WORDS.get(channel, channel), number) for channel, number in reach.channels.items()],
        "people": seen_people(request, people),
    }
    return render(request, "console/segments/preview.html", context)


def _asked(request: StaffRequest, connection: Connection) -> tuple[Condition | None, Names, str]:
    """The condition, and why it is not answered to this viewer."""
    names = segments_known(connection, request.staff.workspace_id)
    text = request.POST.get("text", "").replace("\0", "")[:LONGEST]
    condition = read(text, names)[0]
    return condition, names, indiscretion(request, connection, condition)


def indiscretion(request: StaffRequest, connection: Connection, condition: Condition | None) -> str:
    """What to tell who sees personal data masked and asks for it bit by bit."""
    if condition is None or Ability.SEE_PII in abilities_of(request.staff):
        return ""
    name = betrayed_by(condition, personal_fields(connection, request.staff.workspace_id))
    if name is None:
        return ""
    return _("Personal data is masked for you: ask about “%(name)s” by whole values only.") % {"name": name}


@require_POST
@requires(Ability.MANAGE_SEGMENTS)
def explain_segment(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    """Why this person is (not) meant by what stands in the builder."""
    person = find_person(request.staff.workspace_id, profile_id)
    with pool().connection() as connection:
        names = names_of(connection, request.staff.workspace_id)
        condition = _built(request, names).condition
        indiscreet = indiscretion(request, connection, condition)
        verdict = None
        if condition is not None and not indiscreet:
            try:
                verdict = explain(connection, request.staff.workspace_id, condition, profile_id, now=now_micros())
            except NoSuchPerson as error:
                raise Http404(str(error)) from None
            except (NoAnalyst, NotAnswered) as error:
                indiscreet = error_in_words(error)
    context = {
        "refused": indiscreet,
        "person": seen_by(request.staff, person),
        "holds": verdict.holds if verdict else False,
        "tree": lines_of(verdict, names) if verdict else None,
        "unfinished": verdict is None,
    }
    return render(request, "console/segments/why.html", context)
