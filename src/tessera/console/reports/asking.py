"""Asking the analyst for a report; calm words where nobody answers."""

from typing import Any, Final

import psycopg
from django.utils.translation import gettext as _
from msgspec import Raw, Struct
from msgspec.structs import replace

from tessera.audience.asking import answers_to
from tessera.audience.discretion import told_by
from tessera.audience.insight.asking import Request
from tessera.audience.insight.funnel import Funnel, FunnelAnswer
from tessera.audience.insight.registry import Answer, answer_from_json, to_json
from tessera.audience.insight.slices import Breakdown, Slice
from tessera.audience.insight.trend import Trend, TrendAnswer
from tessera.audience.queries import analyst_state
from tessera.audience.questions import MakeReport, NoAnalyst, NotAnswered
from tessera.console.permissions import Ability, StaffRequest, abilities_of
from tessera.console.words import error_in_words
from tessera.events.catalogue import personal_fields
from tessera.profiles.mask_looks import DOTS
from tessera.profiles.masking import Mask

Connection = psycopg.Connection[Any]
PATIENCE: Final = 30.0
"""Seconds that somebody waits for a report. Nobody waits where no analyst runs."""


class Made(Struct, frozen=True):
    """A report as it was answered, or words about what is in the way; `away` where nobody answers."""

    answer: Answer | None = None
    problem: str = ""
    away: bool = False


def make_report(connection: Connection, request: StaffRequest, asked: Request) -> Made:
    """Ask, unless it is known that nobody would answer, or that the viewer may not see what would come."""
    if problem := _indiscretion(connection, request, asked):
        return Made(problem=problem)
    if not analyst_state(connection).running:
        said = _("Reports cannot be made now: the analyst is not running. Everything else works; try again later.")
        return Made(problem=said, away=True)
    try:
        question = MakeReport(report=Raw(to_json(asked)))
        (raw,) = answers_to(request.staff.workspace_id, question, patience=PATIENCE)
    except NoAnalyst:
        return Made(problem=_("The analyst takes longer than usual. Try again in a moment."), away=True)
    except NotAnswered as error:
        if error.code == "invalid_report":
            return Made(problem=_("This does not work: %(why)s") % {"why": error})
        return Made(problem=error_in_words(error))
    answer = answer_from_json(asked, bytes(raw))
    if Ability.SEE_PII not in abilities_of(request.staff):
        answer = _masked(answer, Mask(personal_fields(connection, request.staff.workspace_id)))
    return Made(answer=answer)


def _masked(answer: Answer, mask: Mask) -> Answer:
    """Values that look like somebody's e-mail or phone are masked wherever they turn up."""
    if not isinstance(answer, FunnelAnswer | TrendAnswer):
        return answer
    lines: list[Any] = [replace(one, slice=_masked_slice(one.slice, mask)) for one in answer.lines]
    return replace(answer, lines=tuple(lines))


def _masked_slice(of: Slice, mask: Mask) -> Slice:
    return replace(of, value=mask.value(of.value, lambda _name: False)) if of.kind == "value" else of


def _indiscretion(connection: Connection, request: StaffRequest, asked: Request) -> str:
    """Why it is not answered to who sees personal data masked: figures of any question would tell it bit by bit."""
    if Ability.SEE_PII in abilities_of(request.staff):
        return ""
    personal = personal_fields(connection, request.staff.workspace_id)
    if (name := told_by(asked, personal)) is not None:
        return _("Personal data is masked for you: ask about “%(name)s” by whole values only.") % {"name": name}
    breakdown = asked.breakdown if isinstance(asked, Funnel | Trend) else None
    mask = Mask(personal)
    if breakdown is not None and any(_covers(mask, breakdown, event) for event in _events_of(asked)):
        return _("This is broken down by personal data, which you may not see.")
    return ""


def _events_of(asked: Request) -> list[str]:
    if isinstance(asked, Funnel):
        return [step.event for step in asked.steps]
    return [asked.step.event] if isinstance(asked, Trend) else []


def _covers(mask: Mask, breakdown: Breakdown, event: str) -> bool:
    """Whether a value at that path would be covered; asked with one that shows it."""
    value: object = "Sample"
    for name in reversed(breakdown.path[1:]):
        value = {name: value}
    if breakdown.by == "attribute":
        covered: object = mask.attribute(breakdown.path[0], value)
    elif breakdown.by == "property":
        covered = mask.body({breakdown.path[0]: value}, event=event)
    else:
        return False
    return DOTS in str(covered)
