"""What kept reports hold of a person who is erased: contacts that somebody wrote into them."""

from typing import Any

import psycopg

from tessera.audience.insight.registry import to_json
from tessera.audience.insight.saved import ReportNameTaken, SavedReport, all_reports, rewrite
from tessera.audience.redacting import without_contacts
from tessera.foundation.redaction import Redactor

Connection = psycopg.Connection[Any]


def erase_traces(connection: Connection, workspace_id: int, redactor: Redactor) -> dict[str, int]:
    """Take their contacts out of names and requests. Returns how many reports had some."""
    blotted = 0
    for report in all_reports(connection, workspace_id):
        fields: dict[str, str] = {}
        for name in ("name", "description"):
            said = getattr(report, name)
            if (without := redactor.text(said)) != said:
                fields[name] = without
        if (request := without_contacts(to_json(report.request).decode(), redactor)) is not None:
            fields["request"] = request
        if fields:
            _rewrite(connection, report, fields)
            blotted += 1
    return {"audience_report": blotted}


def _rewrite(connection: Connection, report: SavedReport, fields: dict[str, str]) -> None:
    """Two names that differed in contacts alone are told apart by something else: an erasure fails for no name."""
    try:
        rewrite(connection, report.workspace_id, report.id, fields)
    except ReportNameTaken:
        rewrite(connection, report.workspace_id, report.id, {**fields, "name": f"{fields['name']} {report.id}"})
