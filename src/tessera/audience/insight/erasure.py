"""What kept reports hold of a person who is erased: contacts that somebody wrote into them."""

from typing import Any, Final

import msgspec
import psycopg

from tessera.audience.insight.registry import to_json
from tessera.audience.insight.saved import ReportNameTaken, SavedReport, all_reports, rewrite
from tessera.foundation.redaction import Redactor

Connection = psycopg.Connection[Any]
_OURS: Final = frozenset(
    {
        "by", "cohort", "columns", "days", "every", "first", "hours", "is", "kind", "last", "measure",
        "moment", "number", "op", "path", "relation", "report", "segment_id", "which", "within",
    }
)  # fmt: skip
"""Fields of a request in which words of the language, moments, counts and names of fields stand."""


def erase_traces(connection: Connection, workspace_id: int, redactor: Redactor) -> dict[str, int]:
    """Take their contacts out of names and requests. Returns how many reports had some."""
    blotted = 0
    for report in all_reports(connection, workspace_id):
        fields: dict[str, str] = {}
        for name in ("name", "description"):
            said = getattr(report, name)
            if (without := redactor.text(said)) != said:
                fields[name] = without
        request = to_json(report.request).decode()
        if redactor.found_in_document(request):
            document = redactor.document(msgspec.json.decode(request), keep=_OURS)
            fields["request"] = msgspec.json.encode(document).decode()
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
