"""What fits a declared type, and what it becomes."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tessera.events.fitting import TYPES, Declaration, DoesNotFit, InvalidDeclaration, declaration_of, fit, type_of

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(["inc", "add"]), inner),
    max_leaves=6,
)
NUMBERLIKE = st.from_regex(r"\A[ ]?[+-]?\d{1,25}(\.\d{1,5})?([eE][+-]?\d{1,3})?[ ]?\Z") | st.sampled_from(
    ["true", "FALSE", "0", "1", "2026-11-22", "2026-11-22T10:00:00Z", "2026-13-01", "1,234", "NaN", "inf", "٣"]
)


@pytest.mark.parametrize(
    ("type_name", "value", "read"),
    [
        ("text", 12, "12"),
        ("text", 1.5, "1.5"),
        ("text", " as it is ", " as it is "),
        ("number", "12", 12),
        ("number", " -1.50 ", -1.5),
        ("number", "1e3", 1000.0),
        ("number", {"inc": 2}, {"inc": 2}),
        ("boolean", "TRUE", True),
        ("boolean", 0, False),
        ("date", " 2026-11-22 ", "2026-11-22"),
        ("date", "2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
        ("list", [1, "a"], [1, "a"]),
        ("list", {"add": ["x"]}, {"add": ["x"]}),
        ("object", {"a": 1}, {"a": 1}),
        ("object", {}, {}),
        ("number", None, None),
    ],
)
def test_what_fits(type_name: str, value: Any, read: Any) -> None:
    found = fit(Declaration(type_name), value)
    assert (found, type(found)) == (read, type(read))


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("text", True),
        ("text", ["a"]),
        ("number", "1,234"),
        ("number", "12 EUR"),
        ("number", "NaN"),
        ("number", "1e999"),
        ("number", "٣"),
        ("number", True),
        ("number", {"add": [1]}),
        ("boolean", "yes"),
        ("boolean", 2),
        ("date", 1700000000),
        ("date", "2026-13-01"),
        ("date", "22.11.2026"),
        ("list", "a"),
        ("list", {"inc": 1}),
        ("object", {"inc": 1}),
        ("object", []),
    ],
)
def test_what_does_not_fit(type_name: str, value: Any) -> None:
    with pytest.raises(DoesNotFit) as refused:
        fit(Declaration(type_name), value)
    assert refused.value.code == "wrong_type"


@given(type_name=st.sampled_from(TYPES), value=JSON | NUMBERLIKE)
def test_what_fits_is_of_the_type_and_fits_again(type_name: str, value: Any) -> None:
    declaration = Declaration(type_name)
    try:
        fitting = fit(declaration, value)
    except DoesNotFit:
        return
    assert fit(declaration, fitting) == fitting
    if value is not None:
        assert type_of(fitting) == type_name or (type_name, type_of(fitting)) == ("text", "date")
    assert msgspec.json.decode(msgspec.json.encode(fitting)) == fitting, "what is folded can be stored"
    if type_of(value) == type_name and type_name != "date":
        assert fitting == value, "a value of the type is left as it is"


@given(value=st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives_being_sent_as_text(value: float) -> None:
    read = fit(Declaration("number"), msgspec.json.encode(value).decode())
    assert read == value or math.isclose(read, value, rel_tol=1e-15)


def test_allowed_values() -> None:
    plan = declaration_of("text", ["free", "pro"])
    sizes = declaration_of("list", ["S", "M", 42])
    numbers = declaration_of("number", ["1", 2])

    assert fit(plan, "pro") == "pro"
    assert fit(numbers, "2") == 2
    assert fit(sizes, ["S", 42]) == ["S", 42]
    assert fit(sizes, {"add": ["M"]}) == {"add": ["M"]}
    assert fit(sizes, {"remove": ["XL"]}) == {"remove": ["XL"]}
    for declaration, value in ((plan, "Pro"), (numbers, 3), (sizes, ["XL"]), (sizes, {"add": ["XL"]})):
        with pytest.raises(DoesNotFit) as refused:
            fit(declaration, value)
        assert refused.value.code == "not_allowed"


@pytest.mark.parametrize(
    ("type_name", "allowed"),
    [
        ("colour", None),
        ("object", [{"a": 1}]),
        ("boolean", [True]),
        ("number", ["many"]),
        ("text", [""]),
        ("text", [["a"]]),
        ("text", ["x" * 300]),
        ("list", [{"a": 1}]),
        ("text", [str(n) for n in range(101)]),
    ],
)
def test_declarations_that_make_no_sense_are_refused(type_name: str, allowed: list[Any] | None) -> None:
    with pytest.raises(InvalidDeclaration):
        declaration_of(type_name, allowed)
