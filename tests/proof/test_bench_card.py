"""The benchmark of the card, with numbers too small to mean anything: it measures what it says it measures."""

import pytest

from tessera.foundation.errors import SetupError
from tessera.project.bench import card


def test_a_short_run_has_every_figure(database: str) -> None:
    found = card.run(people=30, events=200, rounds=3)

    assert (found["bench"], found["unit"], found["people"], found["events"]) == ("card", "ms", 30, 200)
    assert found["ratio"] == pytest.approx(found["figure"] / found["baseline"], rel=0.1)
    assert found["rows"] == 1 + 1 + 3 + 21, "the profile, its state, its identifiers and a page of history"
    assert found["cpu_ms"] > 0
    assert 0 < found["best"] <= found["figure"]
    assert 0 < found["baseline_best"] <= found["baseline"]
    assert 0 < found["baseline"] <= found["figure"] <= found["p95"] <= found["worst"]
    assert found["bytes"] > 10_000
    assert set(found["pages"]) == {
        "people", "people_in_the_middle", "search_a_name_of_all", "search_two_names", "search_an_address",
    }  # fmt: skip
    assert all(time > 0 for time in found["pages"].values())


def test_a_person_without_their_events_is_no_figure(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    built = card._build
    monkeypatch.setattr(card, "_build", lambda address, people, events: built(address, people=people, events=5))

    with pytest.raises(SetupError, match="200 events and has 5"):
        card.run(people=5, events=200, rounds=1)
