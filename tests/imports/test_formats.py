"""Files as people have them: every encoding, delimiter and packing; and files as only enemies have them."""

import gzip
import io
import tracemalloc
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories.imports import carried_out, imported, planned, tried_out, upload
from factories.people import people, root
from tessera.foundation.settings import settings
from tessera.imports import actions, parsing, queries, reading
from tessera.imports.plan import Column, FileFormat, InvalidPlan, Plan, check_plan
from tessera.imports.reading import FileRefused
from tessera.imports.records import Counts
from tessera.imports.sniffing import recognise
from tessera.imports.suggesting import suggested_columns
from tessera.intake.settle import progress
from tessera.profiles.queries import person

Connection = psycopg.Connection[Any]
SPANISH = "correo;nombre;ciudad\nana@example.com;Ángela Muñoz;Córdoba\npepe@example.com;José Ibáñez;Cádiz\n" * 3
POLISH = "correo;nombre;ciudad\na@example.com;Łukasz Wójcik;Łódź\nb@example.com;Zażółć Gęślą;Kraków\n" * 3
TURKISH = "correo;nombre;ciudad\na@example.com;İbrahim Şahin;Iğdır\nb@example.com;Gülşen Yılmaz;Muğla\n" * 3
RUSSIAN = (
    "почта;имя;город\nolga@example.com;Ольга Иванова;Екатеринбург\nivan@example.com;Иван Петров;Санкт-Петербург\n" * 3
)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (SPANISH, "utf-8"),
        (SPANISH, "utf-8-sig"),
        (SPANISH, "utf-16"),
        (SPANISH, "utf-16-le"),
        (SPANISH, "utf-16-be"),
        (SPANISH, "cp1252"),
        (POLISH, "cp1250"),
        (TURKISH, "cp1254"),
        (RUSSIAN, "koi8_r"),
        (RUSSIAN, "iso8859_5"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "utf-8"),
    ],
)
def test_what_a_file_is_written_in_is_found_out(text: str, encoding: str, packed: bool) -> None:
    data = text.encode(encoding)
    found = queries.inspect_head(gzip.compress(data) if packed else data)
    assert found.sample.columns == tuple(text.split("\n")[0].split(";"))
    assert found.sample.rows[0] == tuple(text.split("\n")[1].split(";"))
    assert (found.sample.format.delimiter, found.sample.format.gzipped) == (";", packed)
    assert [column.target for column in found.suggested.columns] == [
        "email",
        "attribute:first_name",
        "attribute:home_city",
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found_out(delimiter: str) -> None:
    rows = [["email", "name", "note"], ["a@example.com", "Ana", '"a, b; c | d"'], ["b@example.com", "B", '"x\ty"']]
    data = "\n".join(delimiter.join(row) for row in rows).encode()
    found = queries.inspect_head(data)
    assert (found.sample.format.delimiter, len(found.sample.columns)) == (delimiter, 3)


def test_a_file_without_a_header_has_numbered_columns() -> None:
    found = queries.inspect_head(b"ana@example.com,34\nluis@example.com,35\n")
    assert found.sample.columns == ("column 1", "column 2")
    assert len(found.sample.rows) == 2
    assert found.suggested.columns[0].target == "email"


def test_headers_that_repeat_or_are_missing_get_names_of_their_own() -> None:
    found = queries.inspect_head(b"email,email,,plan\na@example.com,b@example.com,x,y\n")
    assert found.sample.columns == ("email", "email (2)", "column 3", "plan")
    assert [column.target for column in found.suggested.columns][:2] == ["email", "attribute:email (2)"]


def test_columns_are_recognised_in_three_languages() -> None:
    header = "Correo electrónico,Teléfono,Nombre,Apellidos,Fecha de nacimiento,País,Código"
    found = queries.inspect_head(f"{header}\na@example.com,+34600111222,Ana,G,31.12.1990,ES,00071\n".encode())
    assert [column.target for column in found.suggested.columns] == [
        "email", "phone", "attribute:first_name", "attribute:last_name", "attribute:dob", "attribute:country",
        "attribute:Código",
    ]  # fmt: skip
    assert found.suggested.columns[4].date_format == "%d.%m.%Y"
    assert found.suggested.columns[6].type == "text"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"\n\n  \n", "empty"),
        (b"PK\x03\x04" + bytes(100), "no text"),
        (b"\x7fELF" + bytes(range(256)) * 4, "no text"),
        (b"%PDF-1.7 a,b\n1,2\n", "no text"),
        (bytes(range(256)) * 40, "no text"),
        (gzip.compress(b"email\na@example.com\n" * 100)[:30] + b"broken" * 20, "damaged|cut off|no text"),
        (gzip.compress(bytes(50_000_000)), "empty"),
        (gzip.compress(b"a" * 50_000_000), "no rows"),
    ],
)
def test_what_is_no_file_of_people_is_refused(live: Connection, workspace_id: int, data: bytes, said: str) -> None:
    with pytest.raises(FileRefused, match=said):
        carried_through(live, workspace_id, data)
    assert queries.imports(live, workspace_id).imports == [] or progress(live).profiles == 0


def carried_through(live: Connection, workspace_id: int, data: bytes) -> None:
    made = (
        upload(live, workspace_id, data)
        if data
        else actions.store_file(live, workspace_id=workspace_id, file_name="x", blocks=[], actor="ana", now=_now())
    )
    made = planned(live, made, columns={made.plan.columns[0].name: "email"}, match="email") if made.plan else made
    carried_out(live, made)


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def test_a_bomb_costs_neither_memory_nor_time() -> None:
    bomb = gzip.compress(b"email\n" + b"a" * 400_000_000)
    tracemalloc.start()
    with pytest.raises(FileRefused, match="grows"):
        list(parsing.batches([bomb], FileFormat(gzipped=True), most=2**40))
    assert tracemalloc.get_traced_memory()[1] < 30_000_000
    tracemalloc.stop()


def test_a_file_larger_than_allowed_is_refused(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESSERA_IMPORT_MAX_MB", "1")
    settings.cache_clear()
    line = b"somebody.with.a.long.name@example.com,%d\n"
    data = b"email,n\n" + b"".join(line % number for number in range(40_000))
    with pytest.raises(FileRefused, match="a file may have 1 MB"):
        upload(live, workspace_id, data)
    assert queries.imports(live, workspace_id).imports == []
    packed = upload(live, workspace_id, gzip.compress(data))
    with pytest.raises(FileRefused, match="larger than 1 MB when unpacked"):
        carried_out(live, packed)
    failed = queries.import_by_id(live, workspace_id, packed.id)
    assert (failed.state, "larger than 1 MB" in failed.problem) == ("failed", True)


def test_a_line_of_ten_megabytes_is_one_bad_row(live: Connection, workspace_id: int) -> None:
    data = b"email,note\na@example.com,x\nb@example.com," + b"y" * 10_000_000 + b"\nc@example.com,z\n"
    done = imported(live, workspace_id, data)
    assert done.counts == Counts(rows=3, created=2, errors=1)
    assert [(each.row, each.code) for each in queries.row_problems(live, workspace_id, done.id)] == [(3, "ragged_row")]


def test_a_quote_that_is_never_closed_costs_the_rows_it_swallows(live: Connection, workspace_id: int) -> None:
    rows = "".join(f"p{number}@example.com,x\n" for number in range(20_000))
    data = f'email,note\na@example.com,x\nb@example.com,"never closed\n{rows}'.encode()
    done = imported(live, workspace_id, data)
    assert (done.state, done.counts.errors) == ("finished", 1)
    assert 0 < done.counts.created < 20_000
    assert "unreadable_row" in {each.code for each in queries.row_problems(live, workspace_id, done.id)}


def test_json_lines_are_people_too(live: Connection, workspace_id: int) -> None:
    lines = [
        {"email": "ana@example.com", "plan": "gold", "visits": 7, "tags": ["a"], "address": {"city": "Lugo"}},
        {"email": "luis@example.com", "plan": None, "visits": 1.5},
    ]
    data = b"\n".join(map(msgspec.json.encode, lines)) + b'\n{"email": broken\n\n[1]\n"x"\n'
    done = imported(live, workspace_id, gzip.compress(data))
    assert done.counts == Counts(rows=5, created=2, errors=3)
    ana = root(live, "email", "ana@example.com")
    assert ana is not None
    found = person(live, workspace_id, ana, now=_now())
    assert found is not None
    assert {name: found.attributes[name] for name in ("visits", "tags", "address")} == {
        "visits": 7, "tags": ["a"], "address": {"city": "Lugo"},
    }  # fmt: skip


def test_a_segment_file_goes_the_way_of_messages(live: Connection, workspace_id: int) -> None:
    lines: list[dict[str, Any]] = [
        {"type": "identify", "messageId": "1", "userId": "ana", "traits": {"email": "ana@example.com"}},
        {"type": "track", "messageId": "2", "userId": "ana", "event": "Order Completed", "properties": {"total": 9.5},
         "originalTimestamp": "2026-03-01T10:00:05Z", "sentAt": "2026-03-01T10:00:10Z",
         "receivedAt": "2026-03-01T12:00:10Z"},
        {"type": "page", "messageId": "3", "anonymousId": "d", "timestamp": "2026-02-01T00:00:00Z"},
        {"type": "track", "messageId": "2", "userId": "ana", "event": "Order Completed", "properties": {"total": 9.5}},
        {"type": "track", "messageId": "5", "userId": "ana"},
        {"type": "identify", "messageId": "6", "userId": "null"},
    ]  # fmt: skip
    data = b"\n".join(map(msgspec.json.encode, lines)) + b"\nnot json\n"
    made = upload(live, workspace_id, data)
    assert made.plan is not None
    assert made.plan.format.name == "segment"
    dry = tried_out(live, made)
    assert dry.checked == Counts(rows=7, created=2, updated=3, repeated=1, errors=3)
    assert progress(live).history == 0
    done = carried_out(live, dry)
    assert done.counts == dry.checked
    assert [each.code for each in queries.row_problems(live, workspace_id, done.id)] == [
        "missing_event_name", "blocked_identifier", "malformed_json",
    ]  # fmt: skip
    (state,) = [value for ids, value in people(live).items() if ("user_id", "ana") in ids]
    order = msgspec.json.decode(state)["events"]["Order Completed"]
    assert (order["count"], order["first"]) == (1, 1772366405_000000)
    again = carried_out(live, upload(live, workspace_id, data))
    assert (again.counts.repeated, again.counts.updated) == (4, 0)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan(), "no column is mapped"),
        (Plan(columns=(Column(name="a", target="email"), Column(name="b", target="email"))), "both go to"),
        (Plan(columns=(Column(name="a", target="attribute:email"), Column(name="b", target="email"))), "both go to"),
        (Plan(columns=(Column(name="a", target="nowhere"),)), "no place to go"),
        (Plan(columns=(Column(name="a", target="attribute:"),)), "1 to 255"),
        (Plan(columns=(Column(name="a", target="external:a b"),)), "external:<system>"),
        (Plan(columns=(Column(name="a", target="email"),), match="phone"), "a column must go there"),
        (Plan(columns=(Column(name="a", target="email"),), match="name"), "match by one of"),
        (Plan(columns=tuple(Column(name=f"c{n}") for n in range(501))), "500 columns"),
        (Plan(columns=(Column(name="a", target="email"), Column(name="b", target="profile_id"))), "cannot be given"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(plan: Plan, said: str) -> None:
    with pytest.raises(InvalidPlan, match=said):
        check_plan(plan)


def test_old_ends_of_lines_are_read(live: Connection, workspace_id: int) -> None:
    done = imported(live, workspace_id, b"email,plan\ra@example.com,x\rb@example.com,y\r")
    assert done.counts == Counts(rows=2, created=2)


@given(
    lines=st.lists(
        st.text(alphabet=st.characters(exclude_characters="\r\n\0\ufeff", exclude_categories=["Cs"]), max_size=40),
        max_size=30,
    ),
    cuts=st.lists(st.integers(1, 60), max_size=10),
    encoding=st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]),
    skip=st.integers(0, 31),
)
def test_lines_are_the_same_however_they_are_cut(lines: list[str], cuts: list[int], encoding: str, skip: int) -> None:
    data = "\n".join(lines).encode(encoding)
    blocks, at = [], 0
    for cut in cuts:
        blocks.append(data[at : at + cut])
        at += cut
    blocks.append(data[at:])
    pieces = reading.whole_lines(reading.decoded(blocks, encoding), skip=skip)
    found = [line for piece in pieces for line in io.StringIO(piece, newline="\n")]
    expected = list(io.StringIO("\n".join(lines), newline="\n"))[skip:]
    assert found == expected


def test_recognising_never_fails_but_by_refusing() -> None:
    import random

    dice = random.Random(7)
    for _ in range(300):
        data = bytes(dice.choice([dice.randrange(256), 44, 10, 34, 97]) for _ in range(dice.randrange(400)))
        try:
            chosen = recognise(data)
            queries.inspect_head(data, chosen=chosen)
            assert suggested_columns(queries.inspect_head(data, chosen=chosen).sample)
        except FileRefused:
            pass
