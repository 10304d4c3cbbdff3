"""All reports. A new one is a file of its own and a line here.

The JSON form: `{"report": "funnel", "period": {"op": "in_last", "days": 30}, "steps": [{"event": "Viewed"}, …]}`.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, Union

import msgspec

from tessera.audience.conditions.registry import InvalidCondition, check_size
from tessera.audience.insight import funnel, lifecycle, retention, rfm, trend
from tessera.audience.insight.asking import InvalidReport, Request
from tessera.audience.insight.funnel import Funnel, FunnelAnswer
from tessera.audience.insight.lifecycle import Lifecycle, LifecycleAnswer
from tessera.audience.insight.retention import Retention, RetentionAnswer
from tessera.audience.insight.rfm import Rfm, RfmAnswer
from tessera.audience.insight.trend import Trend, TrendAnswer
from tessera.audience.warehouse.engine import Engine
from tessera.audience.world import World
from tessera.foundation.clock import Micros

Answer = FunnelAnswer | LifecycleAnswer | RetentionAnswer | RfmAnswer | TrendAnswer
LONGEST: Final = 200_000
"""Bytes of a request."""


class Report(NamedTuple):
    """What a report is asked with, what comes of it, how it is made, and how it is written as rows of text."""

    request: type[Request]
    answer: type[Answer]
    run: Callable[[Any, World, Engine, Micros], Answer]
    to_csv_rows: Callable[[Any], Iterator[tuple[str, ...]]]


REPORTS: Final[dict[str, Report]] = {
    "funnel": Report(Funnel, FunnelAnswer, funnel.run, funnel.to_csv_rows),
    "retention": Report(Retention, RetentionAnswer, retention.run, retention.to_csv_rows),
    "trend": Report(Trend, TrendAnswer, trend.run, trend.to_csv_rows),
    "rfm": Report(Rfm, RfmAnswer, rfm.run, rfm.to_csv_rows),
    "lifecycle": Report(Lifecycle, LifecycleAnswer, lifecycle.run, lifecycle.to_csv_rows),
}
_ANY: Final[Any] = Union[tuple(report.request for report in REPORTS.values())]  # noqa: UP007 -- made of a list
_decode: Final = msgspec.json.Decoder(_ANY).decode
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


def from_json(raw: bytes | str) -> Request:
    """Raises `InvalidReport`, whose message ends with the place (`$.steps[1].event`)."""
    if len(raw) > LONGEST:
        raise InvalidReport(f"a report's request has at most {LONGEST} bytes")
    try:
        request: Request = _decode(raw)
        if request.people is not None:
            check_size(request.people)
    except (msgspec.MsgspecError, RecursionError, InvalidCondition) as error:
        raise InvalidReport(str(error) or "it is nested too deeply") from None
    return request


def to_json(asked: Request | Answer) -> bytes:
    """The JSON form of a request or an answer; equal ones are equal bytes."""
    return _encode(asked)


def kind_of(request: Request) -> str:
    """The name of the report: `funnel`."""
    return str(request.__struct_config__.tag)


def run(request: Request, world: World, engine: Engine, now: Micros) -> Answer:
    """Make the report. Raises `InvalidReport` where its limits are passed."""
    return REPORTS[kind_of(request)].run(request, world, engine, now)


def answered(raw: bytes | str, world: World, engine: Engine, now: Micros) -> bytes:
    """The answer in its JSON form to a request in its own. Raises `InvalidReport`."""
    return to_json(run(from_json(raw), world, engine, now))


def answer_from_json(request: Request, raw: bytes | str) -> Answer:
    """The answer to this request, from the JSON form in which another process sent it."""
    answer: Answer = msgspec.json.decode(raw, type=REPORTS[kind_of(request)].answer)
    return answer


def to_csv_rows(request: Request, answer: Answer) -> Iterator[tuple[str, ...]]:
    """The answer as rows of text, names of columns first; no cell is a formula for spreadsheets."""
    return REPORTS[kind_of(request)].to_csv_rows(answer)


def json_schema() -> dict[str, Any]:
    """The published schema of requests (JSON Schema 2020-12)."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(_ANY)}
