"""How likely two records are one person: comparisons and their levels, after Fellegi and Sunter, for Splink.

Each level has two probabilities: `m`, how often two records of one person agree so, and `u`, how often two records of
different people do. Those here are what a shop's base is like (names with slips, changed mailboxes, moved houses); `u`
is measured in every base that is large enough, `m` is learned where the data teach it soundly (`learning.py`).
"""

from typing import Any, Final, NamedTuple


class Level(NamedTuple):
    """One way to agree. `rare` names the column whose rarer values weigh more."""

    code: str
    condition: str
    m: float
    u: float
    rare: str | None = None


class Comparison(NamedTuple):
    """A field, with what makes it silent (nothing follows from it) and its levels, the strongest first."""

    field: str
    silent: str
    levels: tuple[Level, ...]


def _missing(column: str) -> str:
    return f"{column}_l IS NULL OR {column}_r IS NULL"


_OTHER_SCRIPT: Final = "script_l <> script_r"

_MADE_OF_THE_NAME: Final = "coalesce(contains(email_local_l, last_name_l), FALSE)"
"""Such an address says little more than the name does: namesakes have one like it."""
_ONE_SLIP: Final = "damerau_levenshtein(email_local_l, email_local_r) <= 1"
_OTHER_DIGITS: Final = "email_digits_l IS DISTINCT FROM email_digits_r"

COMPARISONS: Final = (
    Comparison(
        "first_name",
        f"{_missing('first_name')} OR {_OTHER_SCRIPT}",
        (
            Level("same", "first_name_l = first_name_r", 0.72, 0.02, "first_name"),
            Level("almost", "jaro_winkler_similarity(first_name_l, first_name_r) >= 0.9", 0.12, 0.005),
            Level(
                "similar",
                "jaro_winkler_similarity(first_name_l, first_name_r) >= 0.75"
                " OR starts_with(first_name_l, first_name_r) OR starts_with(first_name_r, first_name_l)",
                0.1,
                0.03,
            ),
            Level("different", "ELSE", 0.06, 0.945),
        ),
    ),
    Comparison(
        "last_name",
        f"{_missing('last_name')} OR {_OTHER_SCRIPT}",
        (
            Level("same", "last_name_l = last_name_r", 0.8, 0.008, "last_name"),
            Level("almost", "jaro_winkler_similarity(last_name_l, last_name_r) >= 0.9", 0.15, 0.004),
            Level("different", "ELSE", 0.05, 0.988),
        ),
    ),
    Comparison(
        "email",
        # The same letters with other digits are what namesakes get when their name is taken: the name has said that.
        f"{_missing('email_local')} OR ({_ONE_SLIP} AND {_OTHER_DIGITS})",
        (
            Level("same", f"email_local_l = email_local_r AND NOT {_MADE_OF_THE_NAME}", 0.25, 0.0007),
            Level("almost", f"{_ONE_SLIP} AND NOT {_MADE_OF_THE_NAME}", 0.2, 0.0014),
            Level("like_the_name", _ONE_SLIP, 0.25, 0.005),
            Level("different", "ELSE", 0.3, 0.9929),
        ),
    ),
    Comparison(
        "phone",
        _missing("phone"),
        (
            Level("same", "phone_l = phone_r", 0.62, 0.00001),
            Level("almost", "damerau_levenshtein(phone_l, phone_r) <= 1", 0.12, 0.0003),
            Level("different", "ELSE", 0.26, 0.99969),
        ),
    ),
    Comparison(
        "dob",
        _missing("dob"),
        (
            Level("same", "dob_l = dob_r", 0.86, 0.00008),
            Level("almost", "damerau_levenshtein(dob_l, dob_r) <= 1", 0.08, 0.0015),
            Level("different", "ELSE", 0.06, 0.99842),
        ),
    ),
    Comparison(
        "place",
        "(postcode_l IS NULL OR postcode_r IS NULL) AND (city_l IS NULL OR city_r IS NULL)"
        " AND (country_l IS NULL OR country_r IS NULL)",
        (
            Level("same_postcode", "postcode_l = postcode_r AND country_l IS NOT DISTINCT FROM country_r", 0.5, 0.001),
            Level("same_city", "city_l = city_r", 0.35, 0.08, "city"),
            Level("same_country", "country_l = country_r", 0.1, 0.25),
            Level("different", "ELSE", 0.05, 0.669),
        ),
    ),
    Comparison(
        "company",
        _missing("company"),
        (
            Level("same", "company_l = company_r", 0.6, 0.002, "company"),
            Level("different", "ELSE", 0.4, 0.998),
        ),
    ),
)
FIELDS: Final = tuple(comparison.field for comparison in COMPARISONS)

KEYS: Final = {
    "key_phone": "phone",
    "key_email": "email_local",
    "key_name": "first_name || ' ' || last_name",
    "key_last_city": "last_name || ' ' || coalesce(postcode[:4], city)",
    "key_last_initial_dob": "last_name[:1] || dob",
    "key_first_postcode": "first_name[:1] || postcode",
    "key_first_dob": "first_name[:2] || dob[:7]",
    "key_company": "last_name || ' ' || company",
}
"""Two records are compared when they agree on one of these."""

DUPLICATES_EXPECTED: Final = 0.03
"""The share of people who are there twice: what makes two random records one person, before anything is compared."""


def prior(people: int) -> float:
    """The probability that two random records of so many are one person."""
    return min(0.01, 2 * DUPLICATES_EXPECTED / max(people - 1, 1))


def settings_of(people: int) -> dict[str, Any]:
    """The specification Splink works by."""
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "unique_id",
        "probability_two_random_records_match": prior(people),
        "comparisons": [_described(comparison) for comparison in COMPARISONS],
        "blocking_rules_to_generate_predictions": [f"l.{key} = r.{key}" for key in KEYS],
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": True,
        "additional_columns_to_retain": [],
        "em_convergence": 0.001,
        "max_iterations": 15,
    }


def _described(comparison: Comparison) -> dict[str, Any]:
    silent = {"sql_condition": comparison.silent, "label_for_charts": "silent", "is_null_level": True}
    levels: list[dict[str, Any]] = [silent]
    for level in comparison.levels:
        one: dict[str, Any] = {
            "sql_condition": level.condition,
            "label_for_charts": level.code,
            "m_probability": level.m,
            "u_probability": level.u,
        }
        if level.rare is not None:
            one |= {"tf_adjustment_column": level.rare, "tf_adjustment_weight": 1.0, "tf_minimum_u_value": 0.0005}
        levels.append(one)
    return {"output_column_name": comparison.field, "comparison_levels": levels}
