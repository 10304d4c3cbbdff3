"""Reports that a workspace keeps."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tessera.audience.insight import saved
from tessera.audience.insight.asking import InvalidReport
from tessera.audience.insight.erasure import erase_traces
from tessera.audience.insight.saved import NewReport, NoSuchReport, ReportChange, ReportNameTaken, SavedReport
from tessera.foundation.redaction import Redactor

Connection = psycopg.Connection[Any]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SEGMENT = UUID(int=7)
FUNNEL = {
    "report": "funnel",
    "period": {"op": "in_last", "days": 30},
    "steps": [{"event": "Viewed"}, {"event": "Ordered"}],
}


def kept(live: Connection, workspace_id: int, name: str, **more: Any) -> SavedReport:
    new = NewReport(name=name, request=json.dumps({**FUNNEL, **more}).encode())
    with live.transaction():
        return saved.save(live, workspace_id=workspace_id, new=new, actor="ana", now=NOW)


def changed(live: Connection, report: SavedReport, **wanted: Any) -> SavedReport:
    with live.transaction():
        return saved.change(
            live,
            workspace_id=report.workspace_id,
            report_id=report.id,
            wanted=ReportChange(**wanted),
            actor="ana",
            now=NOW,
        )


def test_what_is_kept_is_asked_as_it_was(live: Connection, workspace_id: int) -> None:
    one = kept(live, workspace_id, "  To  the order ", people={"is": "segment", "segment_id": str(SEGMENT)})
    kept(live, workspace_id, "all buyers")

    assert (one.name, one.kind, one.created_by) == ("To the order", "funnel", "ana")
    assert saved.report_by_id(live, workspace_id, one.id) == one
    assert [each.name for each in saved.all_reports(live, workspace_id)] == ["all buyers", "To the order"]
    assert saved.reports_about(live, workspace_id, SEGMENT) == [one]
    assert saved.reports_about(live, workspace_id, UUID(int=8)) == []


def test_a_report_is_changed_and_deleted_and_all_of_it_is_noted(live: Connection, workspace_id: int) -> None:
    one = kept(live, workspace_id, "Orders")
    trend = {"report": "trend", "period": {"op": "in_last", "days": 7}, "step": {"event": "Ordered"}}

    other = changed(live, one, name="Orders by day", request=json.dumps(trend).encode())
    same = changed(live, other)
    with live.transaction():
        saved.delete(live, workspace_id=workspace_id, report_id=one.id, actor="ana")

    assert (other.id, other.name, other.kind, other.description) == (one.id, "Orders by day", "trend", "")
    assert same == other
    assert saved.all_reports(live, workspace_id) == []
    noted = live.execute("SELECT action FROM access_auditentry WHERE target = %s", (f"report:{one.id}",))
    assert sorted(row[0] for row in noted) == ["change_report", "delete_report", "save_report"]


def test_what_is_refused_changes_nothing(live: Connection, workspace_id: int) -> None:
    one, two = kept(live, workspace_id, "One"), kept(live, workspace_id, "Two")

    with pytest.raises(ReportNameTaken):
        kept(live, workspace_id, "ONE")
    with pytest.raises(ReportNameTaken):
        changed(live, two, name="one")
    with pytest.raises(InvalidReport):
        changed(live, two, request=b'{"report": "pie"}')
    with pytest.raises(InvalidReport):
        kept(live, workspace_id, " \t ")

    assert saved.all_reports(live, workspace_id) == [one, two]


def test_a_stranger_has_no_such_report(live: Connection, workspace_id: int) -> None:
    one = kept(live, workspace_id, "One")

    with pytest.raises(NoSuchReport):
        saved.report_by_id(live, workspace_id + 1, one.id)
    with pytest.raises(NoSuchReport):
        saved.delete(live, workspace_id=workspace_id + 1, report_id=one.id, actor="eve")
    with pytest.raises(NoSuchReport):
        saved.change(
            live, workspace_id=workspace_id + 1, report_id=one.id, wanted=ReportChange(name="x"), actor="eve", now=NOW
        )
    assert saved.all_reports(live, workspace_id + 1) == []


def test_a_report_forgets_who_is_erased_and_is_still_a_report(live: Connection, workspace_id: int) -> None:
    hers = {"is": "identifier", "kind": "email", "test": {"op": "equals", "value": "ana@example.com"}}
    mine = kept(live, workspace_id, "Only ana@example.com", people={"is": "or", "of": [hers]}, within=86_400)
    kept(live, workspace_id, "Only ana@example.org")
    other = kept(live, workspace_id, "Everybody")

    gone = erase_traces(live, workspace_id, Redactor(["ana@example.com", "ana@example.org", "86400"]))

    assert gone == {"audience_report": 2}

    rows = live.execute("SELECT name || description || request::text FROM audience_report").fetchall()
    assert not any("ana@" in text for (text,) in rows)
    assert saved.report_by_id(live, workspace_id, mine.id).kind == "funnel"
    assert saved.report_by_id(live, workspace_id, other.id) == other


def test_a_workspace_keeps_so_many(live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "MOST_REPORTS", 2)
    kept(live, workspace_id, "One")
    kept(live, workspace_id, "Two")

    with pytest.raises(saved.TooManyReports):
        kept(live, workspace_id, "Three")
