"""What stands in the files, read back by those who know the formats."""

import csv
import gzip
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories.people import message, put_in_inbox

pytestmark = pytest.mark.usefixtures("world")
Written = Callable[..., bytes]


def rows_of(file: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.decode(), newline="")))


def test_people_as_csv(written: Written) -> None:
    ben, ana = rows_of(written(what="people", format="csv"))

    assert (ana["user_id"], ana["email"], ana["first_name"]) == ("u-1", "ana@example.com", "Ana")
    assert (ana["phone"], ana["points"], ana["visits"], ana["vip"]) == ("+34600111222", "12.5", "3", "true")
    assert (ana["dob"], ana["since"], ana["tags"]) == ("1990-05-17", "2020-01-02T03:04:05Z", '["a","b"]')
    assert (ana["shoe"], ana["orders"], ana["revenue"], ana["currency"]) == ('{"size":38}', "2", "60.0", "EUR")
    assert ana["last_seen_at"] == "2026-10-03T10:00:00Z"
    assert ana["other_values"] == ""
    assert (ben["email"], ben["points"], ben["user_id"], ben["orders"]) == ("ben@example.com", "-4", "", "0")
    assert [(one["kind"], one["value"]) for one in json.loads(ben["identifiers"])] == [
        ("anonymous_id", "a-2"),
        ("email", "ben@example.com"),
    ]


def test_a_formula_is_only_text(written: Written) -> None:
    _, ana = rows_of(written(what="people", format="csv"))

    assert ana["note"] == '\'=HYPERLINK("http://evil.example")'


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("=1+1", "'=1+1"),
        ("+1-1", "'+1-1"),
        ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("＝1", "'＝1"),
        ("+34600111222", "+34600111222"),
        ("-5", "-5"),
        ("-5.25", "-5.25"),
        ("a=1", "a=1"),
        ("", ""),
        (-5, "-5"),
        (True, "true"),
        (None, ""),
    ],
)
def test_cells(value: object, said: str) -> None:
    from tessera.exports.cells import cell

    assert cell(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a;=1+1", "a;'=1+1"),
        ('a;"=1+1"', 'a;"\'=1+1"'),
        ("a; =1+1;@SUM(1)", "a; '=1+1;'@SUM(1)"),
        ("a;-cmd|' /C calc'!A0", "a;'-cmd|' /C calc'!A0"),
        ("a\n=1\r\n+HYPERLINK(1)", "a\n'=1\r\n'+HYPERLINK(1)"),
        ("a\t＝1;－SUM（1）", "a\t'＝1;'－SUM（1）"),
        ("-5;=1", "'-5;'=1"),
        ({"b": ";=1"}, '{"b":";\'=1"}'),
        ("a,=1", "a,=1"),
        ("Bring:\n- tea\n- coffee", "Bring:\n- tea\n- coffee"),
        ("+34600111222;-5.25;:-)", "'+34600111222;-5.25;:-)"),
        ("a;b=1", "a;b=1"),
    ],
)
def test_no_formula_begins_inside_a_cell_where_semicolons_part_cells(value: object, said: str) -> None:
    from tessera.exports.cells import cell

    assert cell(value) == said


@given(st.lists(st.sampled_from(["\n", "\r", "\t", ";", '"', " ", "'", ",", "=", "-", "+", "@", "(", "a", "1"])))
def test_a_line_parted_at_semicolons_holds_no_formula_that_calls(parts: list[str]) -> None:
    """As Excel reads our line in Spain: it begins with the id, so that no quote of ours opens a quoted cell."""
    from tessera.exports.cells import cell

    line = io.StringIO(newline="")
    csv.writer(line).writerow(["0199c0de", cell("".join(parts))])

    cells = [one.lstrip(' "') for one in re.split("[;\t\r\n]", line.getvalue())]
    assert [one for one in cells if one.startswith(("=", "@")) or (one.startswith(("+", "-")) and "(" in one)] == []


@given(st.text())
def test_no_cell_begins_a_formula(text: str) -> None:
    from tessera.exports.cells import cell

    said = cell(text)

    assert said.replace("'", "") == text.replace("'", "")
    assert not said.startswith(("=", "@", "\t", "\r"))
    assert said[:1] not in {"+", "-"} or said[1:].replace(".", "", 1).isdecimal()


def test_a_byte_order_mark_and_gzip_when_asked_for(written: Written) -> None:
    assert written(what="people", format="csv", byte_order_mark=True).startswith(b"\xef\xbb\xbfprofile_id,")
    plain = written(what="people", format="csv")
    assert gzip.decompress(written(what="people", format="csv", gzip=True)) == plain
    lines = written(what="history", format="ndjson")
    assert gzip.decompress(written(what="history", format="ndjson", gzip=True)) == lines


def test_people_as_parquet_have_types(written: Written) -> None:
    table = pq.read_table(io.BytesIO(written(what="people", format="parquet")))
    types = {field.name: field.type for field in table.schema}

    assert types["points"] == pa.float64()
    assert types["vip"] == pa.bool_()
    assert types["dob"] == pa.date32()
    assert types["since"] == types["last_seen_at"] == pa.timestamp("us", tz="UTC")
    assert types["tags"] == pa.list_(pa.string())
    assert types["orders"] == pa.int64()
    ana = next(row for row in table.to_pylist() if row["user_id"] == "u-1")
    assert (ana["points"], ana["vip"], ana["dob"]) == (12.5, True, date(1990, 5, 17))
    assert ana["since"] == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (ana["tags"], json.loads(ana["shoe"]), ana["orders"]) == (["a", "b"], {"size": 38}, 2)
    metadata = pq.ParquetFile(io.BytesIO(written(what="people", format="parquet"))).metadata
    assert metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_value_that_does_not_fit_its_type_is_not_lost(written: Written, live: object, workspace_id: int) -> None:
    from factories.people import ingest

    ingest(live, workspace_id, [message("identify", userId="u-9", traits={"points": "many", "new": 1})])  # type: ignore[arg-type]

    table = pq.read_table(io.BytesIO(written(what="people", format="parquet")))
    nine = next(row for row in table.to_pylist() if row["user_id"] == "u-9")

    assert nine["points"] is None
    assert json.loads(nine["other_values"]) == {"points": "many", "new": 1}
    as_text = next(row for row in rows_of(written(what="people")) if row["user_id"] == "u-9")
    assert as_text["points"] == "many"
    assert json.loads(as_text["other_values"]) == {"new": 1}


def test_people_as_ndjson_are_whole(written: Written) -> None:
    _, ana = map(json.loads, written(what="people", format="ndjson").splitlines())

    assert ana["attributes"]["shoe"] == {"size": 38}
    assert ana["events"]["Order Completed"]["count"] == 2
    assert {one["kind"] for one in ana["identifiers"]} == {"user_id", "email", "phone"}


def test_chosen_attributes_only(written: Written) -> None:
    row = rows_of(written(what="people", attributes=["plan", "status"]))[1]

    assert row["plan"] == "pro"
    assert "points" not in row
    assert "email" not in row
    assert "attribute.status" in row
    assert row["other_values"] == ""
    document = json.loads(written(what="people", format="ndjson", attributes=["plan"]).splitlines()[1])
    assert document["attributes"] == {"plan": "pro"}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"people": ["email:ANA@example.com", "ana@example.com", "user_id:nobody"]}, ["ana@example.com"]),
        ({"seen_from": "2026-10-15T00:00:00Z"}, ["ben@example.com"]),
        ({"seen_to": "2026-10-15T00:00:00Z"}, ["ana@example.com"]),
        ({"created_to": "2020-01-01T00:00:00Z"}, []),
        ({}, ["ben@example.com", "ana@example.com"]),
    ],
)
def test_which_people(written: Written, asked: dict[str, object], found: list[str]) -> None:
    assert [row["email"] for row in rows_of(written(what="people", **asked))] == found


def test_history_as_csv(written: Written) -> None:
    orders = rows_of(written(what="history", events=["Order Completed"]))

    assert [json.loads(row["properties"])["revenue"] for row in orders] == [29.9, 30.1]
    assert {row["person_id"] for row in orders} == {rows_of(written(what="people"))[1]["profile_id"]}
    assert [row["occurred_at"] for row in orders] == ["2026-10-02T10:00:00Z", "2026-10-03T10:00:00Z"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, 4),
        ({"occurred_from": "2026-10-03T10:00:00Z"}, 2),
        ({"occurred_from": "2026-10-03T10:00:00Z", "occurred_to": "2026-11-01T10:00:00Z"}, 1),
        ({"people": ["user_id:u-1"]}, 3),
        ({"people": ["user_id:u-1"], "events": ["Order Completed"]}, 2),
        ({"sources": [1]}, 4),
        ({"sources": [2]}, 0),
    ],
)
def test_which_events(written: Written, asked: dict[str, object], found: int) -> None:
    assert len(rows_of(written(what="history", **asked))) == found
    assert pq.read_table(io.BytesIO(written(what="history", format="parquet", **asked))).num_rows == found


def test_history_as_ndjson_keeps_the_message_as_it_was(written: Written) -> None:
    (event,) = [
        json.loads(line)
        for line in written(what="history", format="ndjson", occurred_to="2026-10-02T00:00:00Z").splitlines()
    ]

    assert event["body"]["traits"]["email"] == "Ana@Example.com"
    assert event["type"] == "identify"


def test_a_stranger_workspace_has_nothing(written: Written, stranger_workspace: int) -> None:
    assert rows_of(written(what="people", workspace=stranger_workspace)) == []
    assert written(what="history", format="ndjson", workspace=stranger_workspace) == b""
    named = written(what="history", format="ndjson", people=["user_id:u-1"], workspace=stranger_workspace)
    assert named == b""


def test_merged_people_are_one_row(written: Written, live: object, workspace_id: int) -> None:
    from factories.people import drain

    put_in_inbox(live, workspace_id, [message("identify", userId="u-1", traits={"email": "ben@example.com"})])  # type: ignore[arg-type]
    drain(live)  # type: ignore[arg-type]

    (row,) = rows_of(written(what="people"))
    assert row["user_id"] == "u-1"
    assert row["orders"] == "2"
    assert len(json.loads(row["profiles"])) == 2
    events = rows_of(written(what="history"))
    assert {event["person_id"] for event in events} == {row["profile_id"]}


@pytest.mark.parametrize(
    "asked",
    [
        {"what": "everything"},
        {"what": "people", "format": "xlsx"},
        {"what": "people", "events": ["a"]},
        {"what": "history", "attributes": ["a"]},
        {"what": "people", "people": []},
        {"what": "people", "people": ["nobody"]},
        {"what": "people", "people": ["a:\0"]},
        {"what": "people", "seen_from": "2026-01-02T00:00:00Z", "seen_to": "2026-01-01T00:00:00Z"},
        {"what": "people", "seen_from": "2026-01-02T00:00:00"},
        {"what": "people", "format": "parquet", "gzip": True},
        {"what": "people", "format": "ndjson", "byte_order_mark": True},
        {"what": "history", "sources": [2**40]},
        {"what": "people", "unknown": 1},
    ],
)
def test_what_makes_no_sense_is_refused(asked: dict[str, object]) -> None:
    from tessera.exports.wanted import UnknownExport, read_wanted

    with pytest.raises(UnknownExport):
        read_wanted(asked)
