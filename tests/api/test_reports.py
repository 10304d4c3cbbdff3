"""Reports by program: made now as JSON or CSV, kept under a name."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema_rs
import psycopg
import pytest

from factories.analysis import Analysis
from factories.people import message
from tessera.audience.warehouse.engines.duck import DuckEngine

PERIOD = {"op": "during", "first": "2026-10-01", "last": "2026-10-03"}
ORDERS = {"report": "trend", "period": PERIOD, "step": {"event": "Order Completed"}, "measure": "people"}


@pytest.fixture
def analysis(live: psycopg.Connection[Any], send: Callable[..., None]) -> Iterator[Analysis]:
    """Ana of Spain orders on two days, Maya of Mexico on one of them."""
    bought = {"ana": ("ES", ("01", "03", "03")), "maya": ("MX", ("03",))}
    for user, (land, days) in bought.items():
        send(
            message("identify", userId=user, traits={"country": land}),
            *(message(userId=user, event="Order Completed", timestamp=f"2026-10-{day}T10:00:00Z") for day in days),
        )
    engine = DuckEngine(None)
    at_work = Analysis(live, engine)
    at_work.settle(most=1000)
    with at_work.answering():
        yield at_work
    engine.close()


def test_a_report_is_made_as_json_and_as_csv(api: Any, analysis: Analysis) -> None:
    made = api.post("reports/run", **ORDERS).data
    assert made["report"] == "trend"
    (line,) = made["answer"]["lines"]
    assert (line["values"], line["total"]) == ([1, 0, 2], 2)
    spain = api.post("reports/run", **ORDERS, people='country = "ES"').data
    assert spain["answer"]["lines"][0]["values"] == [1, 0, 1]

    api._headers |= {"Accept": "text/csv"}
    table = api.post("reports/run", **ORDERS)
    assert table["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(table.body.decode())))
    assert [row[-1] for row in rows[1:4]] == ["1", "0", "2"], rows


def test_a_report_is_kept_and_made_again(api: Any, analysis: Analysis, live: psycopg.Connection[Any]) -> None:
    spain = api.post("segments", name="Spain", text='country = "ES"').data["id"]
    kept = api.post("reports", name="Orders", request={**ORDERS, "people": 'segment("Spain")'}).data
    assert (kept["report"], kept["request"]["people"]) == ("trend", {"is": "segment", "segment_id": spain})
    assert api.get(f"reports/{kept['id']}").data == kept
    assert api.get("reports").data == {"reports": [kept]}
    assert api.post(f"reports/{kept['id']}/run").data["answer"]["lines"][0]["values"] == [1, 0, 1]
    assert api.get(f"segments/{spain}/used-by").data["reports"] == [{"id": kept["id"], "name": "Orders"}]
    taken = api.post("reports", name="orders", request=ORDERS)
    assert (taken.status_code, taken.data["code"]) == (409, "report_name_taken")
    renamed = api.patch(f"reports/{kept['id']}", name="Buyers", request=ORDERS).data
    assert (renamed["name"], renamed["request"].get("people")) == ("Buyers", None)
    assert api.delete(f"reports/{kept['id']}").data == {"id": kept["id"], "deleted": True}
    assert api.get(f"reports/{kept['id']}").status_code == 404
    noted = live.execute("SELECT action FROM access_auditentry WHERE target LIKE 'report:%' ORDER BY id").fetchall()
    assert [row[0] for row in noted] == ["save_report", "change_report", "delete_report"]


def test_what_is_no_report_is_told_with_the_place(api: Any, stranger: Any, analysis: Analysis) -> None:
    schema = jsonschema_rs.Draft202012Validator(api.get("reports/schema").data)
    assert schema.is_valid(ORDERS)
    wrong = {**ORDERS, "measure": "weight"}
    assert not schema.is_valid(wrong)
    answer = api.post("reports/run", **wrong)
    assert (answer.status_code, answer.data["code"]) == (422, "invalid_report")
    assert "$.measure" in answer.data["detail"]
    assert api.post("reports", name="Wrong", request={}).data["code"] == "invalid_report"
    in_words = api.post("reports/run", **ORDERS, people="country =")
    assert (in_words.data["code"], in_words.data["column"]) == ("invalid_condition", 10)
    kept = api.post("reports", name="Orders", request=ORDERS).data["id"]
    assert [stranger.get(f"reports/{kept}").status_code, stranger.post(f"reports/{kept}/run").status_code] == [404, 404]
    assert stranger.get("reports").data == {"reports": []}


def test_a_key_without_personal_data_learns_none_of_it_letter_by_letter(
    api: Any, key: Callable[..., Any], analysis: Analysis
) -> None:
    masked, trusted = key("audience:read"), key("audience:read", "pii:read")
    guesses: list[dict[str, Any]] = [
        {**ORDERS, "people": 'email starts with "a"'},
        {**ORDERS, "step": {"event": "A", "where": [{"path": ["email"], "test": {"op": "contains", "value": "a"}}]}},
        {**ORDERS, "measure": "sum", "of": ["phone"]},
        {
            "report": "retention", "period": PERIOD, "start": {"event": "A"}, "every": "day", "columns": [[0, 1]],
            "back": {"event": "B", "where": [{"path": ["email"], "test": {"op": "matches", "pattern": "^a"}}]},
        },
    ]  # fmt: skip
    for guess in guesses:
        refused = masked.post("reports/run", **guess)
        assert (refused.status_code, refused.data["code"]) == (403, "missing_scope"), guess
        assert trusted.post("reports/run", **guess).status_code == 200
    assert masked.post("reports/run", **ORDERS, people='email = "ana@example.com"').status_code == 200
