"""Attributes: sets and operations in any order, any number of times, on any side of a merge."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tessera.profiles.fold import change
from tessera.profiles.registers import MAX_OPERATIONS, Register, merged, value_of

values = st.one_of(
    st.none(),
    st.integers(-5, 5),
    st.sampled_from(["a", "b"]),
    st.lists(st.sampled_from("abc"), max_size=3),
    st.fixed_dictionaries({"inc": st.integers(-3, 3)}),
    st.fixed_dictionaries({"add": st.lists(st.sampled_from("abcd"), min_size=1, max_size=2, unique=True)}),
    st.fixed_dictionaries({"remove": st.lists(st.sampled_from("abcd"), min_size=1, max_size=2, unique=True)}),
    st.fixed_dictionaries({}, optional={"city": st.sampled_from(["Lyon", "Lima"]), "zip": st.none()}),
)
changes = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 4), values, st.booleans()),
    max_size=12,
    unique_by=lambda change: change[:2],
)
Change = tuple[int, int, Any, bool]


def made_by(done: list[Change]) -> Register:
    register = Register()
    for at, tie, value, merging in done:
        change(register, at, tie, value, merging=merging)
    return register


def encoded(register: Register) -> bytes:
    return msgspec.json.encode(register)


@given(changes, st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(done: list[Change], random: Any):
    shuffled = done + random.sample(done, len(done) // 2)
    random.shuffle(shuffled)
    assert encoded(made_by(shuffled)) == encoded(made_by(done))


@given(changes, st.integers(0, 12), st.integers(0, 12))
def test_merging_parts_is_the_whole(done: list[Change], cut: int, second: int):
    low, high = sorted((cut, second))
    one, two, three = made_by(done[:low]), made_by(done[low:high]), made_by(done[high:])
    whole = encoded(made_by(done))
    assert encoded(merged(merged(one, two), three)) == whole
    assert encoded(merged(one, merged(three, two))) == whole
    assert encoded(merged(made_by(done), one)) == whole


@pytest.mark.parametrize(
    ("done", "value"),
    [
        ([(1, 0, 5, False), (2, 0, {"inc": 2}, False)], 7),
        ([(2, 0, {"inc": 2}, False), (1, 0, 5, False)], 7),
        ([(2, 0, {"inc": 2}, False), (3, 0, 5, False)], 5),
        ([(1, 0, {"inc": 1}, False), (2, 0, {"inc": 1.5}, False)], 2.5),
        ([(1, 0, "x", False), (2, 0, None, False)], None),
        ([(1, 0, ["a", "b"], False), (2, 0, {"add": ["c"]}, False)], ["a", "b", "c"]),
        ([(1, 0, ["a", "b"], False), (2, 0, {"add": ["a"]}, False)], ["b", "a"]),
        ([(1, 0, ["a", "b"], False), (2, 0, {"remove": ["a", "z"]}, False)], ["b"]),
        ([(1, 0, {"add": ["a"]}, False)], ["a"]),
        ([(1, 0, "red", False), (2, 0, {"add": ["blue"]}, False)], ["red", "blue"]),
        ([(1, 0, {"city": "Lyon", "zip": "1"}, False), (2, 0, {"city": "Lima"}, False)], {"city": "Lima"}),
        ([(1, 0, {"city": "Lyon", "zip": "1"}, False), (2, 0, {"city": "Lima"}, True)], {"city": "Lima", "zip": "1"}),
        ([(1, 0, {"city": "Lyon", "zip": "1"}, False), (2, 0, {"zip": None}, True)], {"city": "Lyon"}),
        ([(1, 0, {"a": {"b": 1, "c": 2}}, False), (2, 0, {"a": {"b": 9}}, True)], {"a": {"b": 9, "c": 2}}),
    ],
)
def test_what_changes_come_to(done: list[Change], value: Any):
    assert value_of(made_by(done)) == value


def test_a_list_shows_its_newest_twenty_five():
    register = made_by([(number, 0, {"add": [f"v{number}"]}, False) for number in range(30)])
    assert value_of(register) == [f"v{number}" for number in range(5, 30)]


def test_a_pure_counter_stays_exact_beyond_the_operations_kept():
    many = MAX_OPERATIONS * 3
    register = made_by([(number, 0, {"inc": 1}, False) for number in range(many)])
    assert value_of(register) == many
    assert len(register.operations) <= MAX_OPERATIONS


def test_an_increment_beyond_what_json_holds_becomes_a_float():
    register = made_by([(1, 0, 2**63 - 1, False), (2, 0, {"inc": 2**63 - 1}, False)])
    assert value_of(register) == float(2**64 - 2)
    msgspec.json.encode(value_of(register))


@given(st.randoms(use_true_random=False), st.integers(0, 300))
def test_many_increments_add_up_in_any_order_and_over_any_merge(random: Any, cut: int):
    done: list[Change] = [(number, number, {"inc": 1}, False) for number in range(300)]
    random.shuffle(done)
    assert value_of(made_by(done)) == 300
    assert value_of(merged(made_by(done[:cut]), made_by(done[cut:]))) == 300


def test_increments_do_not_outgrow_a_float():
    register = made_by([(number, 0, {"inc": 1.7e308}, False) for number in range(150)])
    assert value_of(register) == pytest.approx(1.7976931348623157e308)
    assert msgspec.json.decode(encoded(register), type=Register) == register


def test_a_long_list_keeps_its_newest_whatever_was_joined():
    done: list[Change] = [(number, 0, {"add": [f"v{number}"]}, False) for number in range(250)]
    assert value_of(made_by(done)) == [f"v{number}" for number in range(225, 250)]
    assert value_of(made_by(done[::-1])) == [f"v{number}" for number in range(225, 250)]
