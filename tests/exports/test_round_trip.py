"""What was taken out can be brought in elsewhere: the people are equal then."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

Connection = psycopg.Connection[Any]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
READ_AS = {"tags": "list", "shoe": "object"}


def brought_in(live: Connection, workspace_id: int, file: bytes) -> UUID:
    """Import a CSV file by the plan that suggests itself, with lists and objects read as JSON."""
    import msgspec

    from tessera.exports.people import people_table
    from tessera.exports.wanted import Wanted
    from tessera.imports import actions, engine, queries

    made = actions.store_file(
        live, workspace_id=workspace_id, file_name="people.csv", blocks=[file], actor="ana", now=NOW
    )
    own = {column.name for column in people_table(live, workspace_id, Wanted(what="people")).columns}
    found = queries.inspect_file(live, workspace_id, made.id).suggested
    columns = []
    for column in found.columns:
        if column.name in own - {"email", "phone"}:
            columns.append(msgspec.structs.replace(column, target="ignore"))
        else:
            columns.append(msgspec.structs.replace(column, type=READ_AS.get(column.name, column.type)))
    plan = msgspec.structs.replace(found, columns=tuple(columns), match="email")
    actions.choose_plan(live, workspace_id=workspace_id, import_id=made.id, plan=plan, actor="ana")
    actions.start(live, workspace_id=workspace_id, import_id=made.id, actor="ana", now=NOW)
    engine.run_import(made.id)
    done = queries.import_by_id(live, workspace_id, made.id)
    assert (done.state, done.counts.errors, done.counts.warnings) == ("finished", 0, 0)
    return made.id


def people_of(live: Connection, workspace_id: int) -> dict[str, Any]:
    """By e-mail: attributes and the identifiers that a file can carry."""
    from tessera.identity.queries import page_of_people
    from tessera.profiles.whole import whole_people

    roots = page_of_people(live, workspace_id, before=None, limit=100)
    found = whole_people(live, workspace_id, roots, now=NOW)
    return {
        view.email: (
            view.attributes,
            sorted((one.kind, one.value) for one in view.identifiers if one.kind != "anonymous_id"),
        )
        for view in found
    }


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("asked", [{}, {"gzip": True}, {"byte_order_mark": True}])
def test_people_taken_out_and_brought_in_are_equal(
    live: Connection, workspace_id: int, stranger_workspace: int, written: Callable[..., bytes], asked: dict[str, Any]
) -> None:
    file = written(what="people", format="csv", **asked)

    brought_in(live, stranger_workspace, file)

    before, after = people_of(live, workspace_id), people_of(live, stranger_workspace)
    attributes, _identifiers = before["ana@example.com"]
    assert attributes["note"].startswith("=HYPERLINK")
    attributes["note"] = "'" + attributes["note"]  # what keeps a spreadsheet from evaluating it stays with it
    assert after == before


@pytest.mark.usefixtures("world")
def test_parquet_and_csv_say_the_same(written: Callable[..., bytes]) -> None:
    import csv

    import pyarrow.parquet as pq

    from tessera.exports.cells import cell

    rows = list(csv.DictReader(io.StringIO(written(what="people").decode(), newline="")))
    table = pq.read_table(io.BytesIO(written(what="people", format="parquet")))
    typed = [{name: cell(value) for name, value in row.items()} for row in table.to_pylist()]
    for one, other in zip(rows, typed, strict=True):
        different = {name for name in one if one[name] != other[name]}
        assert different <= {"visits", "points", "events"}  # numbers are doubles there: 3 is 3.0
        assert float(one["points"] or 0) == float(other["points"] or 0)
