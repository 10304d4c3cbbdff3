"""Reports at the screen: what is asked stands in the address, what is answered in charts and in tables."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import psycopg
import pytest
from django.test import Client

from factories.analysis import Analysis
from factories.people import ingest, message
from tessera.audience.answering import Answerer
from tessera.audience.conditions.membership import InSegment
from tessera.audience.conditions.registry import to_json
from tessera.audience.insight import saved
from tessera.audience.insight.registry import REPORTS, from_json, kind_of
from tessera.audience.insight.registry import to_json as request_to_json
from tessera.audience.insight.saved import NewReport, SavedReport
from tessera.audience.segments import actions, queries
from tessera.audience.segments.records import NewSegment
from tessera.audience.text.reader import from_text
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.console.reports.forms import FORMS, query_of
from tessera.console.reports.ready import READY, ready_for
from tessera.events import catalogue
from tessera.foundation.database import connect

Connection = psycopg.Connection[Any]
NOW = datetime.now(UTC)
_SAID = """
INSERT INTO audience_analyst (id, engine, leads, behind, lag_ms, seen_at)
VALUES (gen_random_uuid(), 'DuckEngine', true, 0, 0, now() + interval '1 hour')
"""


class Desk:
    """An analyst in a thread of this test, over a warehouse in memory."""

    def __init__(self, live: Connection) -> None:
        self._engine = DuckEngine(None)
        self.analysis = Analysis(live, self._engine)
        self._live = live

    @contextmanager
    def answering(self) -> Iterator[None]:
        self.analysis.settle(most=1_000)
        self._live.execute(_SAID)
        stop = threading.Event()
        thread = threading.Thread(target=self._answer, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _answer(self, stop: threading.Event) -> None:
        with connect(autocommit=True) as connection:
            answerer = Answerer(connection, self._engine.another(), self.analysis.worlds)
            while not stop.is_set():
                if not answerer.answer_next():
                    stop.wait(0.005)


@pytest.fixture
def shop(live: Connection, workspace_id: int, source: Any) -> Iterator[None]:
    """Three look, two add, one of them buys for 30 and comes back a week later for 50."""
    said: list[Any] = []
    for name, doings in (("ana", ("Product Viewed", "Product Added", "Order Completed")),
                         ("luis", ("Product Viewed", "Product Added")),
                         ("eva", ("Product Viewed",))):  # fmt: skip
        said.append(message("identify", userId=name, traits={"country": "ES" if name != "eva" else "MX"}))
        said += [did(name, event, days=10, minutes=number) for number, event in enumerate(doings)]
    said.append(did("ana", "Order Completed", days=1, total=50))
    ingest(live, workspace_id, said, source_id=source.id)
    with Desk(live).answering():
        yield


def did(who: str, event: str, *, days: int, minutes: int = 0, total: float = 30) -> Any:
    at = (NOW - timedelta(days=days)).replace(hour=12, minute=0) + timedelta(minutes=minutes)
    said = {"total": total, "currency": "EUR", "buyer_email": f"{who}@example.com"}
    return message(userId=who, event=event, properties=said, timestamp=at.isoformat())


def cells(page: str) -> list[list[str]]:
    """The figures of every table of a page, row by row."""
    rows = []
    for row in re.findall(r"<tr>(.*?)</tr>", page, re.S):
        found = [re.sub(r"<[^>]+>", " ", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)]
        rows.append([" ".join(unescape(cell).split()) for cell in found])
    return rows


FUNNEL = {"event_1": "Product Viewed", "event_2": "Product Added", "event_3": "Order Completed", "days": "30"}
MORE = {"where_3": "total > 30", "within": "10", "people": 'country = "ES"'}


@pytest.mark.usefixtures("shop")
def test_a_funnel_is_told_step_by_step(desk: Callable[..., Client]) -> None:
    client = desk("support")
    page = client.get("/reports/funnel", FUNNEL)
    assert 'hx-get="/reports/funnel/answer?event_1=Product+Viewed' in page.text
    answer = client.get("/reports/funnel/answer", FUNNEL)
    assert cells(answer.text) == [
        ["Step", "People", "Of the first step", "Of the step before", "Median time", "Middle half of times"],
        ["1. Product Viewed", "3", "100.0%", "—", "—", "—"],
        ["2. Product Added", "2", "66.7%", "66.7%", "1.0 min", "1.0 min – 1.0 min"],
        ["3. Order Completed", "1", "33.3%", "50.0%", "1.0 min", "1.0 min – 1.0 min"],
    ]
    chart = unescape(answer.text.split('data-chart="')[1].split('"')[0])
    assert '"values":[3,2,1]' in chart
    narrowed = client.get("/reports/funnel/answer", {**FUNNEL, **MORE})
    assert [row[1] for row in cells(narrowed.text)] == ["People", "2", "2", "1"]
    assert "Only people of whom this holds: country is “ES”." in narrowed.text


@pytest.mark.usefixtures("shop")
def test_a_breakdown_tells_sources_by_name_and_others_apart(desk: Callable[..., Client]) -> None:
    client = desk("marketer")
    asked = {"event": "Order Completed", "days": "30", "every": "week", "measure": "sum", "measured": "total"}
    by_source = client.get("/reports/trend/answer", {**asked, "by": "source"})
    assert cells(by_source.text)[:3] == [["Slice", "Sum"], ["All", "80"], ["Web shop", "80"]]
    by_country = client.get("/reports/funnel/answer", {**FUNNEL, "by": "attribute", "of_name": "country"})
    assert [row[:2] for row in cells(by_country.text)[5:]] == [["All", "3"], ["ES", "2"], ["MX", "1"]]


@pytest.mark.usefixtures("shop")
def test_retention_is_a_table_of_heat(desk: Callable[..., Client]) -> None:
    asked = {
        "event": "Order Completed",
        "back_event": "Order Completed",
        "every": "day",
        "columns": "0 9 5-10 20",
        "days": "10",
    }
    answer = desk("analyst").get("/reports/retention/answer", asked)
    head, overall, first, *_others = cells(answer.text)
    assert head == ["Began", "People", "Days after 0", "Days after 9", "Days after 5–10", "Days after 20"]
    assert overall[:4] == ["All", "1", "0.0%", "100.0%"]
    assert first[1:4] == ["1", "0.0%", "100.0%"]
    assert first[-1] == "not over yet"
    assert 'class="number heat heat--10" title="1"' in answer.text


@pytest.mark.usefixtures("shop")
def test_the_lifecycle_has_those_who_stopped_below(desk: Callable[..., Client]) -> None:
    answer = desk("developer").get(
        "/reports/lifecycle/answer", {"event": "Order Completed", "every": "day", "days": "10"}
    )
    rows = {tuple(row[1:]) for row in cells(answer.text)[1:]}
    assert {("1", "1", "0", "0", "0"), ("0", "0", "0", "0", "1"), ("1", "0", "0", "1", "0")} <= rows
    chart = unescape(answer.text.split('data-chart="')[1].split('"')[0])
    assert '"below":true' in chart
    assert "-1" in chart


@pytest.mark.usefixtures("shop")
def test_a_part_of_the_buyers_becomes_a_segment_by_one_click(
    live: Connection, workspace_id: int, desk: Callable[..., Client]
) -> None:
    client = desk("marketer")
    answer = client.get("/reports/rfm/answer", {"days": "365"})
    forms = re.findall(r'<form method="post" action="/reports/segment">(.*?)</form>', answer.text, re.S)
    sent = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', forms[0])}
    assert sent["back"] == "/reports/rfm?days=365"
    said = [client.post("/reports/segment", sent) for _press in range(2)]
    (made,) = [each for each in queries.all_segments(live, workspace_id) if each.name.startswith(sent["name"])]
    assert [one["Location"] for one in said] == [f"/segments/{made.id}"] * 2  # pressed twice, made once
    assert b"Order Completed" in (made.condition or b"")
    assert made.size is not None or queries.segment_by_id(live, workspace_id, made.id).size is not None
    other = to_json(from_text("age > 3")).decode()
    client.post("/reports/segment", {**sent, "condition": other})
    assert any(each.name == f"{sent['name']} (2)" for each in queries.all_segments(live, workspace_id))
    assert "Make a segment" not in desk("support").get("/reports/rfm/answer", {"days": "365"}).text
    assert client.post("/reports/segment", {**sent, "condition": "{"}).status_code == 404
    nameless = {**sent, "name": "", "back": "//evil.example"}
    assert client.post("/reports/segment", nameless)["Location"] == "/reports"


@pytest.mark.usefixtures("shop")
def test_who_sees_personal_data_masked_is_not_told_it_bit_by_bit(
    live: Connection, workspace_id: int, desk: Callable[..., Client]
) -> None:
    masked, seeing = desk("analyst"), desk("marketer")
    event = {"event": "Order Completed", "days": "30"}
    for asked in (
        ("trend", {**event, "people": 'email starts with "a"'}),
        ("trend", {**event, "where": 'buyer_email starts with "a"'}),
        ("trend", {**event, "measure": "sum", "measured": "buyer_phone"}),
        ("rfm", {"days": "365", "where": 'buyer_email contains "a"'}),
        ("retention", {**event, "back_event": "Order Completed", "back_where": 'buyer_email ends with "m"'}),
        ("funnel", {**FUNNEL, "where_2": 'buyer_email starts with "a"'}),
    ):
        address = f"/reports/{asked[0]}/answer"
        assert "Personal data is masked for you" in masked.get(address, asked[1]).text, asked
        assert "Personal data is masked for you" not in seeing.get(address, asked[1]).text
    whole = {**event, "people": 'email = "ana@example.com"'}
    assert "Personal data is masked" not in masked.get("/reports/trend/answer", whole).text
    sent = {"name": "A", "condition": to_json(from_text('email starts with "a"')).decode(), "back": "/reports/rfm"}
    assert masked.post("/reports/segment", sent)["Location"] == "/reports/rfm"
    assert queries.all_segments(live, workspace_id) == []


@pytest.mark.usefixtures("shop")
def test_the_same_figures_are_a_file(desk: Callable[..., Client]) -> None:
    answer = desk("support").get("/reports/trend/csv", {"event": "Order Completed", "days": "30", "every": "month"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="trend-')
    assert answer.text.splitlines()[0] == "slice,value,start,times"
    assert sum(int(line.split(",")[3]) for line in answer.text.splitlines()[1:]) == 2


@pytest.mark.usefixtures("shop")
def test_who_may_not_see_personal_data_sees_no_values_of_it(desk: Callable[..., Client]) -> None:
    asked = {"event": "Order Completed", "days": "30", "by": "property", "of_name": "buyer_email"}
    assert "ana@example.com" in desk("marketer").get("/reports/trend/answer", asked).text
    for role in ("analyst", "support"):
        client = desk(role)
        for address in ("/reports/trend/answer", "/reports/trend/csv"):
            assert "ana@example.com" not in client.get(address, asked).text, (role, address)
        named = client.get("/reports/funnel/answer", {**FUNNEL, "by": "attribute", "of_name": "email"})
        assert "personal data, which you may not see" in named.text


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("address", "asked", "name"),
    [
        ("trend", {"event": "Order Completed", "people": 'email starts with "a"'}, "email"),
        ("trend", {"event": "Order Completed", "where": 'buyer_email contains "a"'}, "buyer_email"),
        ("trend", {"event": "Order Completed", "measure": "sum", "measured": "phone"}, "phone"),
        ("funnel", {**FUNNEL, "where_3": 'buyer_email starts with "a"'}, "buyer_email"),
        ("retention", {"event": "Order Completed", "back_event": "A", "back_where": 'email ends with "a"'}, "email"),
        ("lifecycle", {"event": "Order Completed", "where": 'email matches "^a"', "every": "week"}, "email"),
        ("rfm", {"event": "Order Completed", "where": 'email matches "^a"', "measured": "total"}, "email"),
    ],
)
def test_no_figure_tells_what_is_masked_letter_by_letter(
    desk: Callable[..., Client], address: str, asked: dict[str, str], name: str
) -> None:
    asked = {"days": "30", **asked}
    refusal = f"ask about “{name}” by whole values only"
    assert refusal not in desk("marketer").get(f"/reports/{address}/answer", asked).text
    for client in (desk("analyst"), desk("support")):
        assert refusal in client.get(f"/reports/{address}/answer", asked).text
        whole = {"days": "30", "event": "Order Completed", "people": 'email = "ana@example.com"'}
        assert "is masked for you" not in client.get("/reports/trend/answer", whole).text


@pytest.mark.usefixtures("shop")
def test_what_the_analyst_refuses_is_told_with_its_reason(desk: Callable[..., Client]) -> None:
    client = desk("support")
    hours = {"event": "Order Completed", "every": "hour", "days": "700"}
    assert "at most 1500 points" in client.get("/reports/trend/answer", hours).text
    nothing = client.get("/reports/trend/answer", {"event": "Never", "days": "7"})
    assert "Nothing of this happened in these days." in nothing.text


def test_without_an_analyst_it_is_told_calmly_and_at_once(desk: Callable[..., Client]) -> None:
    client = desk("owner")
    assert "the analyst is not running" in client.get("/reports/rfm/answer", {"days": "365"}).text
    away = client.get("/reports/rfm/csv", {"days": "365"})
    assert (away.status_code, away["Location"]) == (302, "/reports/rfm?days=365")
    assert "the analyst is not running" in client.get("/reports/rfm").text
    assert "Say what is asked" in client.get("/reports/funnel/answer").text


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("funnel", {"event_1": "a"}, "This field is required."),
        ("trend", {"event": "a", "where": "total >"}, "Line 1, column 8"),
        ("trend", {"event": "a", "where": 'x = 1) and did("b"'}, "Write tests of properties"),
        ("trend", {"event": "a", "where": "x = 1) in 3 days or (x = 2"}, "Write tests of properties"),
        ("trend", {"event": "a", "measure": "sum"}, "Name the property that has the number."),
        ("trend", {"event": "a", "by": "property"}, "Name what it is broken down by."),
        ("trend", {"event": "a", "by": "fact", "of_name": "nothing"}, "One of these: "),
        ("trend", {"event": "a", "first": "2026-01-01"}, "Give both days, or neither."),
        ("trend", {"event": "a", "first": "2026-01-02", "last": "2026-01-01"}, "The last day is before the first."),
        ("trend", {"event": "a", "people": 'segment("none")'}, "Line 1"),
        ("retention", {"event": "a", "columns": "3-1"}, "Write numbers with spaces"),
        ("rfm", {"measured": "a[].b"}, "This does not work: "),
        ("lifecycle", {"days": "99999"}, "less than or equal to 730"),
    ],
)
def test_what_cannot_be_asked_is_told_beside_the_form(
    kind: str, given: dict[str, str], said: str, desk: Callable[..., Client]
) -> None:
    answer = desk("owner").get(f"/reports/{kind}", given)
    assert answer.status_code == 400
    assert said in unescape(answer.text)
    assert 'hx-get="/reports' not in answer.text


SAID = (
    """{"report": "trend", "period": {"op": "during", "first": "2026-01-01", "last": "2026-02-01"}, "every": "hour",
        "step": {"event": "Say \\"hi\\"", "where": [{"path": ["products", "[]", "name"], "negated": true,
                                                     "test": {"op": "has", "value": "Tea"}}]},
        "measure": "average", "of": ["order", "total"],
        "breakdown": {"by": "attribute", "path": ["Loyalty Tier"]}}""",
    """{"report": "funnel", "period": {"op": "in_last", "days": 3}, "within": 5400,
        "steps": [{"event": "a"}, {"event": "b", "where": [{"path": ["or"], "test": {"op": "more", "value": 1}}]}],
        "breakdown": {"by": "fact", "path": ["utm", "first", "source"]}}""",
    """{"report": "retention", "period": {"op": "in_last", "days": 3}, "start": {"event": "a"},
        "cohort": "each", "every": "month", "columns": [[0, 4], [7, 8]]}""",
    """{"report": "rfm", "period": {"op": "in_last", "days": 3}, "currency": "EUR", "of": ["a b", "c"],
        "people": {"is": "segment", "segment_id": "01932a5e-0000-7000-8000-000000000001"}}""",
    """{"report": "lifecycle", "period": {"op": "in_last", "days": 3}, "step": {"event": "a"}, "every": "day",
        "people": {"is": "not", "of": {"is": "attribute", "path": ["country"],
                                       "test": {"op": "equals", "value": "ES"}}}}""",
)
REQUESTS = [*(one.request for one in READY), *map(from_json, SAID)]


@pytest.mark.parametrize("asked", REQUESTS, ids=lambda asked: kind_of(asked))
def test_an_address_says_a_request_and_is_read_as_the_same(asked: Any, live: Connection, workspace_id: int) -> None:
    condition = to_json(from_text('country = "ES" and age > 3'))
    with live.transaction():
        segment = actions.create(
            live, workspace_id=workspace_id, new=NewSegment(name="Spain & co", condition=condition), actor="a", now=NOW
        )
    if isinstance(asked.people, InSegment):
        asked = from_json(
            request_to_json(asked).replace(b"01932a5e-0000-7000-8000-000000000001", str(segment.id).encode())
        )
    segments = queries.all_segments(live, workspace_id)
    given = dict(parse_qsl(query_of(asked, segments)))
    form = FORMS[kind_of(asked)](given, segments=segments)
    assert form.is_valid(), form.errors
    assert form.request() == asked


def test_every_report_has_a_form_and_a_place_in_the_list(desk: Callable[..., Client]) -> None:
    assert set(FORMS) == set(REPORTS)
    page = desk("support").get("/reports").text
    assert all(f'href="/reports/{kind}"' in page for kind in REPORTS)
    assert "none has arrived yet" in page


def kept(live: Connection, workspace_id: int, name: str, text: str) -> SavedReport:
    with live.transaction():
        return saved.save(
            live, workspace_id=workspace_id, new=NewReport(name=name, request=text.encode()), actor="ana", now=NOW
        )


@pytest.mark.usefixtures("shop")
def test_a_report_is_kept_opened_and_deleted(live: Connection, workspace_id: int, desk: Callable[..., Client]) -> None:
    client = desk("analyst")
    query = client.get("/reports/funnel", FUNNEL).context["query"]
    made = client.post("/reports/save", {"kind": "funnel", "query": query, "name": " From  shelf to till "})
    (report,) = saved.all_reports(live, workspace_id)
    assert (report.name, made["Location"]) == ("From shelf to till", f"/reports/saved/{report.id}")
    assert "From shelf to till" in client.get("/reports").text
    page = desk("support").get(made["Location"])
    assert page.context["inexact"] is False
    assert "Delete" not in unescape(page.text.split("<main")[1])
    answer = client.get(f"{made['Location']}/answer")
    assert cells(answer.text)[3][:2] == ["3. Order Completed", "1"]
    assert client.get(f"{made['Location']}/csv").text.startswith("slice,value,step,event,people")
    again = client.post("/reports/save", {"kind": "funnel", "query": query, "name": "From shelf to till"}, follow=True)
    assert "There is a report of that name already." in again.text
    assert client.post(f"{made['Location']}/delete")["Location"] == "/reports"
    assert saved.all_reports(live, workspace_id) == []


def test_nothing_is_kept_that_cannot_be_asked(live: Connection, workspace_id: int, desk: Callable[..., Client]) -> None:
    client = desk("owner")
    nameless = client.post("/reports/save", {"kind": "rfm", "query": "days=30", "name": " "}, follow=True)
    assert "A name is needed." in nameless.text
    wrong = client.post("/reports/save", {"kind": "rfm", "query": "days=x", "name": "X"})
    assert wrong["Location"] == "/reports/rfm?days=x"
    assert client.post("/reports/save", {"kind": "pie", "query": "", "name": "X"}).status_code == 404
    assert saved.all_reports(live, workspace_id) == []


def test_a_report_that_no_form_can_say_is_shown_whole(
    live: Connection, workspace_id: int, desk: Callable[..., Client]
) -> None:
    text = (
        """{"report": "lifecycle", "period": {"op": "during", "first": "2026-01-01T12:00:00Z", "last": "2026-01-09"}}"""
    )
    report = kept(live, workspace_id, "Noon", text)
    page = desk("support").get(f"/reports/saved/{report.id}")
    assert page.context["inexact"] is True
    assert "asks for more than the form can say" in page.text


def test_a_report_of_another_workspace_is_not_there(
    live: Connection, desk: Callable[..., Client], stranger_workspace: int
) -> None:
    client = desk("owner")
    report = kept(live, stranger_workspace, "Theirs", '{"report": "rfm", "period": {"op": "in_last", "days": 3}}')
    for method, path in (("get", ""), ("get", "/answer"), ("get", "/csv"), ("post", "/delete")):
        assert getattr(client, method)(f"/reports/saved/{report.id}{path}").status_code == 404
    assert "Theirs" not in client.get("/reports").text
    assert client.get(f"/reports/saved/{UUID(int=7)}").status_code == 404


def test_ready_ones_are_those_whose_events_there_are(
    live: Connection, workspace_id: int, desk: Callable[..., Client]
) -> None:
    assert [one.kind for one in ready_for({"Order Completed"})] == ["retention", "trend", "trend", "rfm", "lifecycle"]
    assert ready_for(set()) == []
    ingest(live, workspace_id, [message(userId="ana", event="Seen")])
    while catalogue.add_up(live):
        pass
    page = desk("support").get("/reports").text
    assert "Lifecycle by week" in page
    assert "Orders per day" not in page
    (link,) = re.findall(r'href="(/reports/lifecycle\?[^"]+)"', page)
    assert dict(parse_qsl(urlsplit(unescape(link)).query)) == {"days": "84", "every": "week"}
