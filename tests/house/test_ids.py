"""Ids carry their time."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tessera.foundation.ids import first_id_of, in_order, uuid7

MOMENTS = st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2900, 1, 1), timezones=st.just(UTC))


@given(MOMENTS, MOMENTS)
def test_ids_of_moments_are_in_the_order_of_the_moments(one: datetime, other: datetime) -> None:
    first, second = first_id_of(min(one, other)), first_id_of(max(one, other))

    assert in_order([second, first]) == [first, second]
    assert (first.version, first.variant) == (7, "specified in RFC 4122")


def test_an_id_made_now_lies_between_those_of_before_and_after() -> None:
    before, made, after = datetime.now(UTC), uuid7(), datetime.now(UTC)

    assert first_id_of(before) <= made
    assert int(made) >> 80 <= int(first_id_of(after)) >> 80
