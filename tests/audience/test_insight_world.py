"""Reports of what really came in: through the analyst's warehouse, with people who were merged and segments of them."""

from datetime import UTC, datetime
from typing import Any

import psycopg

from factories.analysis import Analysis
from factories.people import ingest, message
from tessera.audience.conditions.membership import InSegment
from tessera.audience.conditions.registry import to_json
from tessera.audience.conditions.times import InLast
from tessera.audience.evaluation import Evaluator
from tessera.audience.insight import registry
from tessera.audience.insight.asking import Request, Step
from tessera.audience.insight.funnel import Funnel, FunnelAnswer
from tessera.audience.insight.slices import Breakdown
from tessera.audience.segments import actions
from tessera.audience.segments.records import NewSegment
from tessera.audience.text.reader import from_text
from tessera.audience.warehouse.engine import Engine
from tessera.foundation.clock import HOUR, MINUTE, now_micros

Connection = psycopg.Connection[Any]
WAY = (Step(event="Viewed"), Step(event="Ordered"))


def lines(live: Connection, workspace_id: int, engine: Engine, analysis: Analysis, asked: Request) -> dict[Any, Any]:
    analysis.settle()
    now = now_micros()
    evaluator = Evaluator(live, engine, analysis.worlds, workspace_id, now)
    answer = registry.run(asked, evaluator.world, engine, now)
    assert isinstance(answer, FunnelAnswer)
    return {line.slice.value: [step.people for step in line.steps] for line in answer.lines}


def test_a_merge_makes_two_ways_one(live: Connection, workspace_id: int, engine: Engine, analysis: Analysis) -> None:
    began = now_micros() - HOUR
    ingest(live, workspace_id, [message(anonymousId="a-1", event="Viewed")], received_at=began)
    ingest(live, workspace_id, [message(anonymousId="a-2", event="Viewed")], received_at=began)
    ordered = message(userId="ana", event="Ordered")
    ingest(live, workspace_id, [ordered], received_at=began + MINUTE)
    asked = Funnel(period=InLast(days=1), steps=WAY)
    assert lines(live, workspace_id, engine, analysis, asked) == {None: [2, 0]}

    ingest(live, workspace_id, [message("identify", userId="ana", anonymousId="a-1")])

    assert lines(live, workspace_id, engine, analysis, asked) == {None: [2, 1]}


def test_people_of_a_segment_by_what_is_known_of_them(
    live: Connection, workspace_id: int, engine: Engine, analysis: Analysis
) -> None:
    began = now_micros() - HOUR
    for user, country in (("ana", "ES"), ("luis", "MX"), ("eva", "ES"), ("tom", "GB")):
        ingest(live, workspace_id, [message("identify", userId=user, traits={"country": country})], received_at=began)
        ingest(live, workspace_id, [message(userId=user, event="Viewed")], received_at=began)
    ingest(live, workspace_id, [message(userId="eva", event="Ordered")], received_at=began + MINUTE)
    new = NewSegment(name="South", condition=to_json(from_text('country in ("ES", "MX")')))
    with live.transaction():
        south = actions.create(live, workspace_id=workspace_id, new=new, actor="ana", now=datetime.now(UTC))

    def asked(by: Any, *path: str) -> dict[Any, Any]:
        people, breakdown = InSegment(segment_id=south.id), Breakdown(by=by, path=path)
        request = Funnel(period=InLast(days=1), steps=WAY, people=people, breakdown=breakdown)
        return lines(live, workspace_id, engine, analysis, request)

    assert asked("attribute", "country") == {None: [3, 1], "ES": [2, 1], "MX": [1, 0]}
    assert asked("fact", "test") == {None: [3, 1], False: [3, 1]}
    assert asked("source") == {None: [3, 1], 1: [3, 1]}
