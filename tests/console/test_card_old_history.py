"""The card's history where PostgreSQL keeps a part of it only."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.test import Client

from factories.analysis import Analysis
from factories.people import NOON, ingest, message, root
from tessera.audience.conditions.registry import to_json
from tessera.audience.segments import actions
from tessera.audience.segments.records import NewSegment
from tessera.audience.text.reader import from_text
from tessera.audience.warehouse.engines.duck import DuckEngine

Live = psycopg.Connection[Any]
PARTIAL = {"HX-Request": "true"}
SAID = "Older events cannot be read now"


def lived(live: Live, workspace_id: int, first: int) -> None:
    """Fifteen events from this number on, one a day."""
    happened = [
        message(userId="ana", event=f"E{n}", timestamp=(NOON - timedelta(days=100 - n)).isoformat())
        for n in range(first, first + 15)
    ]
    ingest(live, workspace_id, happened)


@pytest.fixture
def analysis(live: Live, workspace_id: int) -> Analysis:
    made = Analysis(live, DuckEngine(None))
    lived(live, workspace_id, 0)
    made.archive(most=1_000)
    made.drop_history()
    lived(live, workspace_id, 15)
    return made


@pytest.fixture
def ana(live: Live, analysis: Analysis) -> UUID:
    found = root(live, "user_id", "ana")
    assert found is not None
    return found


def titles(answer: Any) -> list[str]:
    return [line.title for line in answer.context["lines"]]


def test_it_goes_on_into_what_was_dropped(desk: Callable[..., Client], analysis: Analysis, ana: UUID) -> None:
    client, page = desk(), f"/people/{ana}/history"
    with analysis.answering():
        card = client.get(f"/people/{ana}")
        more = client.get(page, {"before": card.context["next"]}, headers=PARTIAL)
        narrowed = client.get(page, {"text": "e1"}, headers=PARTIAL)

    assert titles(card) + titles(more) == [f"E{n}" for n in reversed(range(30))]
    assert (len(titles(card)), more.context["next"]) == (20, None)
    assert titles(narrowed) == [f"E{n}" for n in (19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 1)]
    assert SAID not in card.text + more.text + narrowed.text


def test_without_the_analyst_it_shows_what_there_is_and_says_so(
    desk: Callable[..., Client], analysis: Analysis, ana: UUID
) -> None:
    client = desk()
    analysis.go_away()
    card = client.get(f"/people/{ana}")
    nothing = client.get(f"/people/{ana}/history", {"text": "e3"}, headers=PARTIAL)

    assert titles(card) == [f"E{n}" for n in reversed(range(15, 30))]
    assert SAID in card.text
    assert titles(nothing) == []
    assert SAID in nothing.text
    assert "Widen the filter" not in nothing.text


def test_the_document_of_a_person_has_all_of_it(desk: Callable[..., Client], analysis: Analysis, ana: UUID) -> None:
    client = desk()
    with analysis.answering():
        answer: Any = client.get(f"/people/{ana}/export")
        whole = b"".join(answer.streaming_content).decode()
    analysis.go_away()
    answer = client.get(f"/people/{ana}/export")
    part = b"".join(answer.streaming_content).decode()

    assert [f'"name":"E{n}"' in whole for n in (0, 29)] == [True, True]
    assert [f'"name":"E{n}"' in part for n in (0, 29)] == [False, True]
    assert (whole.endswith('"incomplete":false}'), part.endswith('"incomplete":true}')) == (True, True)


def test_a_segment_is_explained_with_what_was_dropped_or_not_at_all(
    desk: Callable[..., Client], live: Live, workspace_id: int, analysis: Analysis, ana: UUID
) -> None:
    new = NewSegment(name="Long ago", condition=to_json(from_text('did("E3")')))
    segment = actions.create(live, workspace_id=workspace_id, new=new, actor="ana", now=NOON)
    client = desk()
    card, why = f"/people/{ana}/segments", f"/segments/{segment.id}/why/{ana}"
    with analysis.answering():
        assert "Long ago" in client.get(card, headers=PARTIAL).text
        assert "is in it" in client.get(why, headers=PARTIAL).text
    analysis.go_away()
    for address in (card, why):
        told = client.get(address, headers=PARTIAL).text
        assert "The analyst does not answer" in told
        assert "in no segment" not in told
        assert "is not in it" not in told
