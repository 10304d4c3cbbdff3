"""The review of likely duplicates at the screen."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.test import Client

from duplicates.conftest import make_twice
from tessera.console.waterfall import bars_of, level_in_words, likelihood
from tessera.duplicates import actions, queries
from tessera.duplicates.search import Weight
from tessera.duplicates.store import Pair

Live = psycopg.Connection[Any]
NAMES = ("García", "Fernández", "Ibáñez", "Rodríguez", "Montesinos")


@pytest.fixture
def found(live: Live, workspace_id: int) -> Callable[[int], list[Pair]]:
    """`found(3)`: so many pairs in the queue."""

    def make(count: int) -> list[Pair]:
        for number in range(count):
            make_twice(live, workspace_id, NAMES[number], number + 1)
        run = actions.ask_for_run(
            live, workspace_id=workspace_id, actor="a test", now=datetime.now(UTC), deferred=False
        )
        actions.carry_out_run(live, workspace_id=workspace_id, run_id=run.run_id)
        return queries.pairs(live, workspace_id).pairs

    return make


def test_the_first_visit_says_what_to_do(desk: Callable[..., Client], live: Live, workspace_id: int) -> None:
    client = desk("support")

    empty = client.get("/duplicates")
    asked = client.post("/duplicates/runs", follow=True)

    assert "Is anybody here twice?" in empty.text
    assert "The search is about to begin." in asked.text
    assert "Look for duplicates" not in asked.text
    assert "under way already" in client.post("/duplicates/runs", follow=True).text
    assert client.get("/duplicates/runs/latest").headers.get("HX-Refresh") is None


def test_the_page_is_loaded_anew_when_the_search_is_over(
    desk: Callable[..., Client], found: Callable[[int], list[Pair]]
) -> None:
    found(1)

    assert desk().get("/duplicates/runs/latest").headers["HX-Refresh"] == "true"


def test_one_after_the_other_is_decided(
    desk: Callable[..., Client], live: Live, workspace_id: int, found: Callable[[int], list[Pair]]
) -> None:
    first, second = found(2)
    client = desk("marketer")

    page = client.get(f"/duplicates/{first.pair_id}")
    assert page.context["following"].pair_id == second.pair_id
    differing = {row.label for row in page.context["rows"] if row.differs}
    assert differing == {"Last name", "E-mail"}

    after = client.post(f"/duplicates/{first.pair_id}/accept", {"keep": str(first.right)}, follow=True)
    assert after.redirect_chain == [(f"/duplicates/{second.pair_id}?decided={first.pair_id}", 302)]
    assert "They are one person now." in after.text

    done = client.post(f"/duplicates/{second.pair_id}/reject", follow=True)
    assert done.redirect_chain == [(f"/duplicates?decided={second.pair_id}", 302)]
    assert "They stay two people" in done.text
    assert "Nothing to review" in done.text

    undone = client.post(f"/duplicates/{first.pair_id}/undo", follow=True)
    assert "both are as they were" in undone.text
    assert [pair.pair_id for pair in queries.pairs(live, workspace_id).pairs] == [first.pair_id]


def test_the_second_reviewer_is_told(desk: Callable[..., Client], found: Callable[[int], list[Pair]]) -> None:
    (pair,) = found(1)
    desk("owner").post(f"/duplicates/{pair.pair_id}/reject")

    late = desk("support").post(f"/duplicates/{pair.pair_id}/accept", follow=True)

    assert "A colleague was quicker" in late.text
    assert "owner1@example.com said: two people." in late.text


def test_a_stranger_gets_404(
    desk: Callable[..., Client], stranger_workspace: int, found: Callable[[int], list[Pair]]
) -> None:
    (pair,) = found(1)
    client = desk("owner", workspace=stranger_workspace)

    assert client.get(f"/duplicates/{pair.pair_id}").status_code == 404
    assert "García" not in client.get(f"/duplicates?decided={pair.pair_id}").text
    for verb in ("accept", "reject", "undo"):
        assert client.post(f"/duplicates/{pair.pair_id}/{verb}").status_code == 404


@pytest.mark.parametrize("query", ["after=x", "after=1_01932a5e-0000-7000-8000-000000000000x"])
def test_a_bad_cursor_is_a_404(desk: Callable[..., Client], query: str) -> None:
    client = desk()

    assert client.get(f"/duplicates?{query}").status_code == 404
    assert client.get("/duplicates?decided=x").status_code == 200


def test_who_is_to_stand_must_be_one_of_the_two(
    desk: Callable[..., Client], found: Callable[[int], list[Pair]]
) -> None:
    (pair,) = found(1)
    client = desk()

    assert client.post(f"/duplicates/{pair.pair_id}/accept", {"keep": "x"}).status_code == 404
    answer = client.post(f"/duplicates/{pair.pair_id}/accept", {"keep": str(uuid4())}, follow=True)
    assert "Choose one of the two people" in answer.text


def test_the_queue_takes_as_many_statements_for_one_pair_as_for_three(
    desk: Callable[..., Client],
    found: Callable[[int], list[Pair]],
    statements: Callable[[Callable[[], Any]], int],
) -> None:
    client = desk()
    client.get("/duplicates")

    found(1)
    one = statements(lambda: client.get("/duplicates"))
    found(3)

    assert statements(lambda: client.get("/duplicates")) == one


def pair_with(*weights: tuple[str, str, float], start: float = -12.0) -> Pair:
    now = datetime.now(UTC)
    return Pair(
        uuid4(), uuid4(), UUID(int=1), UUID(int=2), 0.95, start + sum(bits for *_, bits in weights), start,
        [Weight(*weight) for weight in weights], "open", now, None, None, None,
    )  # fmt: skip


def test_every_bar_begins_where_the_last_ended() -> None:
    bars = bars_of(pair_with(("last_name", "same", 8.0), ("dob", "different", -4.0), ("phone", "same", 16.0)))

    ends = [(float(bar.x), float(bar.x) + float(bar.width)) for bar in bars]
    assert [bar.kind for bar in bars] == ["against", "for", "against", "for", "total"]
    assert [bar.bits for bar in bars] == ["−12.0", "+8.0", "−4.0", "+16.0", "+8.0"]
    assert ends[0] == (0.0, 60.0)
    assert ends[1] == (0.0, 40.0)
    assert ends[2] == (20.0, 40.0)
    assert ends[3] == (20.0, 100.0)
    assert ends[4] == (60.0, 100.0)
    assert {bar.zero for bar in bars} == {"60.00"}


def test_bars_stay_in_the_picture_whatever_the_weights() -> None:
    for bits in (0.0, 0.001, -0.001, 200.0, -200.0):
        for bar in bars_of(pair_with(("place", "same_city", bits))):
            assert 0 <= float(bar.x) <= 100
            assert 0 < float(bar.width) <= 100 - float(bar.x) + 0.01


def test_nothing_is_certain() -> None:
    assert [likelihood(probability) for probability in (0.9, 0.97341, 0.99999, 1.0)] == [
        "90.0 %",
        "97.3 %",
        "over 99.9 %",
        "over 99.9 %",
    ]


@pytest.mark.parametrize(
    ("field", "said"),
    [("dob", "the same"), ("email", "the same before the @"), ("phone", "the same last digits")],
)
def test_what_is_compared_in_part_is_not_said_to_be_the_same(field: str, said: str) -> None:
    """The table beside it marks `+44 …135` and `+1 …135` as different."""
    assert level_in_words(Weight(field, "same", 10.0)) == said
