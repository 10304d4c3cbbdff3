"""Learning the model from a base of people without anybody telling which of them are one.

`u` comes from random pairs, nearly all of which are different people. `m` comes from expectation maximisation among
pairs that agree on something rare. Few duplicates teach little and can teach nonsense, so what is learned counts as
much as there is evidence behind it, and a field whose levels come out in the wrong order keeps what it had.
"""

import logging
import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from splink import Linker
from splink.internals.exceptions import EMTrainingException
from splink.internals.splink_dataframe import SplinkDataFrame

ENOUGH_PEOPLE: Final = 1_000
"""Below this many random pairs and repeated ones are too few to learn from: the model is taken as it is."""
SEED: Final = 7
_RANDOM_PAIRS: Final = 1e6
_SESSIONS: Final = (
    "l.key_phone = r.key_phone",
    "l.dob = r.dob AND l.last_name = r.last_name",
)
_TRUST: Final = 0.5
_LEAST: Final = 1e-6

Settings = dict[str, Any]
"""A model as Splink writes it down."""


def learned(people: SplinkDataFrame, settings: Settings, count: int) -> tuple[Settings, bool]:
    """The model fitted to these people, and whether anything was learned."""
    if count < ENOUGH_PEOPLE:
        return settings, False
    linker = Linker(people, settings, log_level=logging.ERROR)
    linker.training.estimate_u_using_random_sampling(max_pairs=_RANDOM_PAIRS, seed=SEED)
    for rule in _SESSIONS:
        _learn_from(linker, rule)
    return _blended(settings, linker.misc.save_model_to_json()), True


def _learn_from(linker: Linker, rule: str) -> None:
    with suppress(EMTrainingException):  # nobody agrees on this, or nothing differs where they do
        linker.training.estimate_parameters_using_expectation_maximisation(
            rule, fix_probability_two_random_records_match=False, record_sample_proportion=1.0
        )


def _blended(given: Settings, fitted: Settings) -> Settings:
    """Each field's fitted levels where they are sound, half-way to what was given; else those given."""
    comparisons = [
        _one_field(ours, theirs) for ours, theirs in zip(given["comparisons"], fitted["comparisons"], strict=True)
    ]
    return {**given, "comparisons": comparisons}


def _one_field(ours: Settings, theirs: Settings) -> Settings:
    levels = [
        _one_level(our, their)
        for our, their in zip(ours["comparison_levels"], theirs["comparison_levels"], strict=True)
    ]
    return {**ours, "comparison_levels": levels} if _sound(levels) else ours


def _one_level(ours: Settings, theirs: Settings) -> Settings:
    if ours.get("is_null_level"):
        return ours
    m, u = theirs.get("m_probability"), theirs.get("u_probability")
    return {
        **ours,
        "m_probability": _between(ours["m_probability"], m),
        "u_probability": _between(ours["u_probability"], u),
    }


def _between(given: float, fitted: object) -> float:
    """The geometric mean: half of the evidence of each, in bits."""
    if not isinstance(fitted, float):
        return given
    return math.exp((1 - _TRUST) * math.log(given) + _TRUST * math.log(max(fitted, _LEAST)))


def _sound(levels: Sequence[Settings]) -> bool:
    """Whether agreeing more closely is better evidence, and agreeing at all is evidence for."""
    weights = [level["m_probability"] / level["u_probability"] for level in levels if not level.get("is_null_level")]
    return weights == sorted(weights, reverse=True) and weights[0] > 1 > weights[-1]
