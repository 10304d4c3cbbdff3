"""Sessions end with half an hour of silence, whatever the order in which we hear of the activity."""

from hypothesis import given
from hypothesis import strategies as st

from tessera.profiles.sessions import KEPT_INTERVALS, MAX_INTERVALS, TIMEOUT, Sessions, note, united

seconds = st.lists(st.integers(0, 40 * TIMEOUT), max_size=30)


def of(activity: list[int]) -> Sessions:
    sessions = Sessions()
    for second in activity:
        note(sessions, second)
    return sessions


def by_definition(activity: list[int]) -> list[tuple[int, int]]:
    stretches: list[tuple[int, int]] = []
    for second in sorted(set(activity)):
        if stretches and second - stretches[-1][1] <= TIMEOUT:
            stretches[-1] = (stretches[-1][0], second)
        else:
            stretches.append((second, second))
    return stretches


@given(seconds, st.randoms(use_true_random=False))
def test_any_order_gives_the_sessions_of_the_definition(activity: list[int], random):
    random.shuffle(activity)
    assert of(activity).intervals == by_definition(activity)


@given(seconds, seconds)
def test_uniting_two_people_is_hearing_of_everything_at_once(one: list[int], other: list[int]):
    assert united(of(one), of(other)).intervals == by_definition(one + other)
    assert united(of(other), of(one)) == united(of(one), of(other))


def test_half_an_hour_is_one_session_and_a_second_more_is_two():
    assert of([0, TIMEOUT]).count == 1
    assert of([0, TIMEOUT + 1]).count == 2


def test_old_sessions_are_counted_and_not_kept():
    step = TIMEOUT + 1
    sessions = of([number * step for number in range(MAX_INTERVALS + 1)])
    assert sessions.count == MAX_INTERVALS + 1
    assert len(sessions.intervals) == KEPT_INTERVALS
    assert sessions.last == MAX_INTERVALS * step
    note(sessions, 0)
    assert sessions.count == MAX_INTERVALS + 1, "a very late event changes nothing"


def test_two_long_lives_lose_no_session_when_they_become_one():
    day = 86_400
    one, other = of([number * day for number in range(400)]), of([number * day + 40_000 for number in range(250)])
    assert united(one, other).count == united(other, one).count == 650
