"""What the analyst says, or calm words where nobody answers."""

from collections.abc import Sequence
from typing import Any, Final

import psycopg
from django.utils.translation import gettext as _
from msgspec import Raw, Struct

from tessera.audience.asking import answers_to
from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.registry import to_json
from tessera.audience.queries import AnalystState, analyst_state
from tessera.audience.questions import NoAnalyst, NotAnswered, Question
from tessera.console.words import error_in_words

Connection = psycopg.Connection[Any]
PATIENCE: Final = 10.0
"""Seconds that somebody waits before a screen. Nobody waits where no analyst runs."""


class Said(Struct, frozen=True):
    """Answers in the order of the questions; none where something is in the way, which `away` says in words."""

    answers: Sequence[Any] = ()
    away: str = ""


def ask_analyst(
    connection: Connection, workspace_id: int, questions: Sequence[Question[Any]], *, patience: float = PATIENCE
) -> Said:
    """Ask, unless it is known that nobody would answer."""
    if not analyst_state(connection).running:
        return Said(away=away_words())
    try:
        return Said(answers_to(workspace_id, *questions, patience=patience))
    except NoAnalyst:
        return Said(away=_("The analyst takes longer than usual. Try again in a moment."))
    except NotAnswered as error:
        return Said(away=away_words() if error.code == "analyst_away" else error_in_words(error))


def away_words() -> str:
    """What to tell where no analyst runs."""
    return _("People cannot be counted now: the analyst is not running. Everything else works; try again later.")


def lag_in_words(state: AnalystState) -> str:
    """How far behind the warehouse is."""
    if not state.running:
        return _("The analyst is not running.")
    if not state.behind:
        return _("The warehouse is up to date.")
    seconds = max(1, round((state.lag_ms or 0) / 1000))
    return _("The warehouse is %(seconds)d s behind.") % {"seconds": seconds}


def raw(condition: Condition) -> Raw:
    return Raw(to_json(condition))
