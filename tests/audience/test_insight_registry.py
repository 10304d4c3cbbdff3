"""Reports as they are sent and kept, and what is said of those that are none."""

import json
from typing import Any

import pytest

from factories.insight import NOW, Deed, at, world_of
from tessera.audience.conditions.doings import Did
from tessera.audience.conditions.times import InLast
from tessera.audience.insight import registry
from tessera.audience.insight.asking import InvalidReport, Step
from tessera.audience.insight.funnel import Funnel
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.engines.duck import DuckEngine

MONTH = {"op": "in_last", "days": 30}
ASKED: dict[str, dict[str, Any]] = {
    "funnel": {"steps": [{"event": "A"}, {"event": "B"}]},
    "retention": {"start": {"event": "A"}, "columns": [[0, 1], [1, 8]]},
    "trend": {"step": {"event": "A"}, "breakdown": {"by": "source"}},
    "rfm": {"step": {"event": "A"}},
    "lifecycle": {},
}


@pytest.mark.parametrize("name", registry.REPORTS)
def test_each_report_is_read_run_and_written(engine: Engine, name: str) -> None:
    world = world_of(engine, [Deed(1, "A", at("2026-02-20 12:00")), Deed(1, "B", at("2026-02-21 12:00"))])
    raw = json.dumps({"report": name, "period": MONTH, **ASKED[name]})
    request = registry.from_json(raw)

    answer = registry.run(request, world, engine, NOW)

    assert registry.kind_of(request) == name
    assert registry.from_json(registry.to_json(request)) == request
    assert registry.answer_from_json(request, registry.answered(raw, world, engine, NOW)) == answer
    head, *rows = registry.to_csv_rows(request, answer)
    assert rows
    assert {len(row) for row in rows} == {len(head)}
    assert all(isinstance(cell, str) for row in rows for cell in row)


def test_the_json_means_this_report() -> None:
    raw = (
        '{"report": "funnel", "period": {"op": "in_last", "days": 30}, "within": 3600,'
        ' "steps": [{"event": "Viewed"}, {"event": "Ordered"}], "people": {"is": "did", "event": "Signed Up"}}'
    )

    assert registry.from_json(raw) == Funnel(
        period=InLast(days=30),
        steps=(Step(event="Viewed"), Step(event="Ordered")),
        within=3600,
        people=Did(event="Signed Up"),
    )


def nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"is": "sessions"}
    for _ in range(depth):
        inner = {"is": "not", "of": inner}
    return inner


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("", "truncated"),
        ("[]", "Expected `object`"),
        ({"report": "pie"}, "Invalid value 'pie'"),
        ({"report": "lifecycle"}, "missing required field `period`"),
        ({"report": "lifecycle", "period": {"op": "before", "moment": "2026-01-01"}}, r"\$.period"),
        ({"report": "lifecycle", "period": MONTH, "every": "hour"}, r"\$.every"),
        ({"report": "lifecycle", "period": MONTH, "colour": 1}, "unknown field `colour`"),
        ({"report": "funnel", "period": MONTH, "steps": [{"event": "A"}]}, r"\$.steps"),
        ({"report": "funnel", "period": MONTH, "steps": [{"event": "A"}] * 11}, r"\$.steps"),
        ({"report": "funnel", "period": MONTH, "steps": [{"event": "A"}, {"event": ""}]}, r"\$.steps\[1\].event"),
        ({"report": "funnel", "period": MONTH, "steps": [{"event": "A"}] * 2, "within": 0}, r"\$.within"),
        ({"report": "trend", "period": MONTH, "step": {"event": "A"}, "measure": "sum"}, "of a number"),
        ({"report": "trend", "period": MONTH, "step": {"event": "A"}, "of": ["total"]}, "of a number"),
        (
            {"report": "trend", "period": MONTH, "step": {"event": "A"}, "breakdown": {"by": "fact", "path": ["age"]}},
            "nothing is broken down by 'age'",
        ),
        (
            {"report": "trend", "period": MONTH, "step": {"event": "A"}, "breakdown": {"by": "attribute"}},
            "named by its path",
        ),
        ({"report": "retention", "period": MONTH, "start": {"event": "A"}, "columns": [[2, 2]]}, "ends after"),
        ({"report": "rfm", "period": MONTH, "of": ["products", "[]", "price"]}, "one number per order"),
        ({"report": "lifecycle", "period": MONTH, "people": nested(25)}, "nest at most"),
        ({"report": "lifecycle", "period": MONTH, "people": nested(9_000)}, "nested too deeply|recursion"),
        ("x" * 200_001, "at most 200000 bytes"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_report_that_is_none(asked: Any, says: str) -> None:
    raw = asked if isinstance(asked, str) else _written(asked)

    with pytest.raises(InvalidReport, match=says) as refused:
        registry.from_json(raw)

    assert refused.value.code == "invalid_report"


def _written(asked: dict[str, Any]) -> str:
    """Python's own writer gives up at a depth that ours must survive."""
    depth = 0
    people = asked.get("people")
    while isinstance(people, dict) and people["is"] == "not":
        depth, people = depth + 1, people["of"]
    flat = json.dumps({**asked, **({"people": "PEOPLE"} if people else {})})
    return flat.replace('"PEOPLE"', '{"is":"not","of":' * depth + json.dumps(people) + "}" * depth)


def test_the_schema_names_every_report() -> None:
    schema = registry.json_schema()

    assert {"Funnel", "Retention", "Trend", "Rfm", "Lifecycle"} <= set(schema["$defs"])
    assert schema["discriminator"]["propertyName"] == "report"


def test_names_that_are_hostile_are_names(engine: Engine) -> None:
    """What people may call events and properties goes into statements as values, never as text of theirs."""
    evil = "'; DROP TABLE events; --\" %s \\ {x}"
    world = world_of(
        engine, [Deed(1, evil, at("2026-02-20 12:00"), {evil: evil}), Deed(1, "B", at("2026-02-21 12:00"))]
    )
    asked = {
        "report": "funnel",
        "period": MONTH,
        "steps": [
            {"event": evil, "where": [{"path": [evil], "test": {"op": "equals", "value": evil}}]},
            {"event": "B"},
        ],
        "breakdown": {"by": "property", "path": [evil]},
    }

    answer = registry.run(registry.from_json(json.dumps(asked)), world, engine, NOW)

    assert isinstance(answer, registry.FunnelAnswer)
    assert [(line.slice.value, [step.people for step in line.steps]) for line in answer.lines] == [
        (None, [1, 1]),
        (evil, [1, 1]),
    ]


def test_a_segment_that_is_not_there_is_nobody() -> None:
    engine = DuckEngine(None)
    asked = {
        "report": "lifecycle",
        "period": MONTH,
        "people": {"is": "segment", "segment_id": "00000000-0000-0000-0000-000000000001"},
    }
    world = world_of(engine, [Deed(1, "A", at("2026-02-20 12:00"))])

    answer = registry.run(registry.from_json(json.dumps(asked)), world, engine, NOW)

    assert isinstance(answer, registry.LifecycleAnswer)
    assert {stage.active for stage in answer.stages} == {0}
