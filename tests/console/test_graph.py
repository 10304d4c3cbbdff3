"""The picture of the evidence: everything is on it once, nothing lies on anything else, and it is always the same."""

from datetime import timedelta
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories.people import NOON
from tessera.console.graph import MOST_MEMBERS, MOST_OUTSIDE, Graph, ProfileNode, graph_of
from tessera.identity.queries import HeldIdentifier, Member, MergeRecord, RefusalRecord
from tessera.profiles.person import PersonView, view_of
from tessera.profiles.state import State


def who(number: int) -> UUID:
    return UUID(int=number + 1)


def person(members: int, identifiers: list[int], *, undone: int = 0) -> PersonView:
    """So many profiles merged one after the other, each with so many identifiers; some merges with others undone."""
    held = [
        HeldIdentifier("anonymous_id", f"{owner}-{n}", who(owner), NOON + timedelta(seconds=n), False)
        for owner, count in enumerate(identifiers)
        for n in range(count)
    ]
    merges = [merge(n, who(max(0, n // 2)), who(n)) for n in range(1, members)]
    merges += [merge(1000 + n, who(0), who(2000 + n), undone=True) for n in range(undone)]
    everyone = [Member(who(n), who(0), NOON + timedelta(hours=n)) for n in range(members)]
    return view_of(who(0), State(), members=everyone, identifiers=held, merges=merges, currency="EUR", today=0)


def merge(number: int, kept: UUID, absorbed: UUID, *, undone: bool = False) -> MergeRecord:
    at = NOON if undone else None
    return MergeRecord(UUID(int=10_000 + number), kept, absorbed, kept, absorbed, "event", {}, NOON, at, None)


def refusal(number: int) -> RefusalRecord:
    return RefusalRecord(who(0), who(3000 + number), "limit:user_id", "email", "a@b.c", 1, NOON, NOON, {})


def boxes(graph: Graph) -> list[tuple[float, float, float, float]]:
    nodes: list[Any] = [*graph.members, *graph.outside]
    nodes += [one for node in graph.members for one in node.identifiers]
    nodes += [node.more for node in graph.members if node.more]
    return [(one.x, one.y, one.x + one.width, one.y + one.height) for one in nodes]


people = st.integers(1, 30).flatmap(
    lambda members: st.builds(
        person,
        st.just(members),
        st.lists(st.integers(0, 12), min_size=members, max_size=members),
        undone=st.integers(0, 3),
    )
)


@given(people, st.integers(0, 12))
def test_nothing_lies_on_anything_or_outside(one: PersonView, refused: int) -> None:
    refusals = [refusal(number) for number in range(refused)]
    graph = graph_of(one, refusals)

    for (ax, ay, bx, by), (cx, cy, dx, dy) in combinations(boxes(graph), 2):
        assert bx <= cx or dx <= ax or by <= cy or dy <= ay
    for left, top, right, bottom in boxes(graph):
        assert 0 <= left < right <= graph.width
        assert 0 <= top < bottom <= graph.height
    for edge in graph.edges:
        assert 11 <= edge.knob_x <= graph.width
        assert 0 <= edge.knob_y <= graph.height
    assert graph == graph_of(one, refusals)


@given(people)
def test_every_identifier_is_on_it_or_counted(one: PersonView) -> None:
    graph = graph_of(one, [])
    drawn = {node.profile_id for node in graph.members}
    counted = sum(len(node.identifiers) + (node.more.count if node.more else 0) for node in graph.members)
    assert counted == sum(1 for held in one.identifiers if held.profile_id in drawn)
    assert len(drawn) + graph.hidden == len(one.members)
    assert one.profile_id in drawn


@pytest.mark.parametrize("members", range(2, 13))
def test_up_to_twelve_profiles_are_drawn_with_their_identifiers(members: int) -> None:
    graph = graph_of(person(members, [2] * members), [])
    assert [node.number for node in graph.members] == list(range(1, members + 1))
    assert all(len(node.identifiers) == 2 and node.more is None for node in graph.members)
    assert len(graph.edges) == members - 1
    assert graph.width < 640
    assert graph.height < 1_500


def test_a_thousand_identifiers_and_a_hundred_profiles_are_still_a_picture() -> None:
    many = graph_of(person(1, [1000]), [])
    crowd = graph_of(person(100, [10] * 100), [])
    assert (len(many.members[0].identifiers), many.members[0].more and many.members[0].more.count) == (11, 989)
    assert (len(crowd.members), crowd.hidden) == (MOST_MEMBERS, 100 - MOST_MEMBERS)
    assert all(node.more and node.more.count == 10 and not node.identifiers for node in crowd.members)
    assert max(many.height, crowd.height) < 2_000


def test_what_was_undone_and_who_is_kept_apart_stand_below_the_line() -> None:
    graph = graph_of(person(2, [1, 1], undone=1), [refusal(0), refusal(0), refusal(1)])

    assert [(edge.kind, edge.number, edge.anchor) for edge in graph.edges] == [
        ("undone", 1, "merge-1"),
        ("merge", 2, "merge-2"),
        ("refused", 1, "refusal-1"),
        ("refused", 3, "refusal-3"),
    ]
    assert [node.profile_id for node in graph.outside] == [who(2000), who(3000), who(3001)]
    assert graph.line_y is not None
    below: list[ProfileNode] = graph.outside
    assert all(node.y > graph.line_y for node in below)
    assert all(node.y + node.height < graph.line_y for node in graph.members)
    assert len(graph_of(person(1, [1]), [refusal(n) for n in range(30)]).outside) == MOST_OUTSIDE
