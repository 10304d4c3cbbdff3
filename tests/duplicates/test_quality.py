"""How good the search is, where the truth is known. What cannot be told by anybody is in it too."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from factories.twice import Base, base
from tessera.duplicates import reading, search
from tessera.duplicates.records import table_of
from tessera.duplicates.search import Found, find_pairs

Pair = tuple[UUID, UUID]


def judged(found: Found, truth: set[Pair]) -> tuple[float, float]:
    """Precision and recall."""
    proposed = {(pair.left, pair.right) for pair in found.pairs}
    right = len(proposed & truth)
    return right / len(proposed), right / len(truth)


@pytest.mark.parametrize("seed", [1])
def test_a_base_with_known_truth(seed: int) -> None:
    people: Base = base(people=2_500, seed=seed)

    found = find_pairs(table_of(people.records))

    precision, recall = judged(found, people.truth)
    assert found.learned
    assert precision >= 0.95
    assert recall >= 0.85


def test_a_small_base_is_searched_with_the_model_as_it_is() -> None:
    people = base(people=300, seed=3)

    found = find_pairs(table_of(people.records))

    precision, recall = judged(found, people.truth)
    assert not found.learned
    assert precision >= 0.95
    assert recall >= 0.85


def test_the_twins_of_the_demo_world(database: str, workspace_id: int) -> None:
    from factories.people import root
    from tessera.foundation.clock import DAY, to_micros
    from tessera.project.demo import load
    from tessera.project.demo.world import invent

    now = datetime.now(UTC)
    load(people=2000, days=90, seed=2, now=now)
    world = invent(people=2000, seed=2, since=to_micros(now) - 90 * DAY, until=to_micros(now))

    with psycopg.connect(database) as connection:
        truth = set[Pair]()
        for twin in world.twins:
            one = root(connection, "user_id", twin.user_id)
            other = root(connection, "anonymous_id", twin.anonymous_id)
            assert one is not None
            assert other is not None
            truth.add((min(one, other), max(one, other)))
        found = find_pairs(reading.read_everybody(connection, workspace_id))

    precision, recall = judged(found, truth)
    assert len(truth) > 40
    assert precision >= 0.95
    assert recall >= 0.85


def test_the_same_people_in_another_order_give_the_same_pairs() -> None:
    people = base(people=700, seed=4)

    once, again = find_pairs(table_of(people.records)), find_pairs(table_of(people.records[::-1]))

    def told(found: Found) -> list[Any]:
        return [(pair.left, pair.right, round(pair.probability, 6)) for pair in found.pairs]

    assert told(once) == told(again)


def test_crowds_are_skipped_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_ALIKE", 2)
    people = base(people=700, seed=5)

    found = find_pairs(table_of(people.records))
    crowded = {crowd.key: crowd for crowd in found.crowds}

    assert "first_name || ' ' || last_name" in crowded
    assert all(crowd.people > 2 * crowd.values for crowd in found.crowds)
    monkeypatch.undo()
    assert found.compared < find_pairs(table_of(people.records)).compared
