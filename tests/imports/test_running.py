"""From a file to people: by which key, under which policy, what becomes of every cell, and what is said of bad rows."""

import csv
import io
from typing import Any

import psycopg
import pytest

from factories.imports import carried_out, csv_file, imported, planned, tried_out, upload
from factories.people import NOON, ingest, message, owner, root
from tessera.events import history
from tessera.imports import actions, queries
from tessera.imports.parsing import BATCH
from tessera.imports.plan import Column, InvalidPlan
from tessera.imports.records import Counts
from tessera.intake.settle import progress
from tessera.profiles.queries import person

Connection = psycopg.Connection[Any]


def attributes(live: Connection, workspace_id: int, kind: str, value: str) -> dict[str, Any]:
    profile = root(live, kind, value)
    assert profile is not None
    found = person(live, workspace_id, profile, now=NOON)
    assert found is not None
    return dict(found.attributes)


def told(live: Connection, workspace_id: int, made: Any) -> list[tuple[int, str, str]]:
    problems = queries.row_problems(live, workspace_id, made.id)
    return [(problem.row, problem.severity, problem.code) for problem in problems]


def test_a_file_becomes_people(live: Connection, workspace_id: int) -> None:
    data = csv_file([["E-mail", "First name", "Teléfono", "plan"], ["Ana@Example.com ", "Ana", "600 111 222", "gold"]])
    made = upload(live, workspace_id, data)
    assert made.plan is not None
    assert [column.target for column in made.plan.columns] == [
        "email", "attribute:first_name", "phone", "attribute:plan",
    ]  # fmt: skip
    live.execute("UPDATE workspaces_workspace SET region = 'ES'")

    done = carried_out(live, made, now=NOON)

    assert (done.state, done.counts) == ("finished", Counts(rows=1, created=1))
    ana = owner(live, "email", "ana@example.com")
    assert ana == owner(live, "phone", "+34600111222")
    assert attributes(live, workspace_id, "email", "ana@example.com") == {
        "email": "ana@example.com", "first_name": "Ana", "phone": "+34600111222", "plan": "gold",
    }  # fmt: skip
    (row,) = history.of_profiles(live, [ana], before=None, limit=10) if ana else []
    assert (row.kind, row.name, row.occurred_at) == ("identify", "Identified", NOON)
    assert f'"import":{{"id":"{done.id}","row":2}}'.encode() in row.body
    assert progress(live).history == 1


def test_known_people_are_changed_and_new_ones_are_made(live: Connection, workspace_id: int) -> None:
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"email": "ana@example.com", "plan": "free"})])
    done = imported(
        live,
        workspace_id,
        csv_file([["email", "plan"], ["ana@example.com", "gold"], ["luis@example.com", "gold"], ["", "gold"]]),
    )
    assert done.counts == Counts(rows=3, created=1, updated=1, errors=1)
    assert told(live, workspace_id, done) == [(4, "error", "missing_key")]
    assert attributes(live, workspace_id, "user_id", "ana")["plan"] == "gold"
    again = imported(live, workspace_id, csv_file([["email", "plan"], ["ana@example.com", "gold"]]))
    assert again.counts == Counts(rows=1, unchanged=1)


@pytest.mark.parametrize(
    ("policy", "counts", "plan"),
    [
        ("create_and_update", Counts(rows=2, created=1, updated=1), "gold"),
        ("create_only", Counts(rows=2, created=1, skipped=1), "free"),
        ("update_only", Counts(rows=2, updated=1, skipped=1), "gold"),
    ],
)
def test_a_policy_decides_what_may_happen(
    live: Connection, workspace_id: int, policy: str, counts: Counts, plan: str
) -> None:
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"email": "ana@example.com", "plan": "free"})])
    data = csv_file([["email", "plan"], ["ana@example.com", "gold"], ["luis@example.com", "gold"]])
    dry = tried_out(live, planned(live, upload(live, workspace_id, data), policy=policy))
    assert dry.checked == counts
    done = carried_out(live, dry)
    assert done.counts == counts
    assert attributes(live, workspace_id, "email", "ana@example.com")["plan"] == plan
    assert (owner(live, "email", "luis@example.com") is None) == (policy == "update_only")


@pytest.mark.parametrize(
    ("match", "header", "row"),
    [
        ("email", "email", "ana@example.com"),
        ("phone", "phone", "+34 600 111 222"),
        ("user_id", "user_id", "ana"),
        ("external:shop", "shop", "77"),
        ("email_or_phone", "phone", "+34600111222"),
    ],
)
def test_every_matching_mode_finds_the_person(
    live: Connection, workspace_id: int, match: str, header: str, row: str
) -> None:
    traits = {"email": "ana@example.com", "phone": "+34600111222"}
    external = {"externalIds": [{"id": "77", "type": "shop", "collection": "users"}]}
    ingest(live, workspace_id, [message("identify", userId="ana", traits=traits, context=external)])
    targets = {"shop": "external:shop", "user_id": "user_id"}
    made = upload(live, workspace_id, csv_file([[header, "plan"], [row, "gold"]]))
    done = carried_out(live, planned(live, made, columns={header: targets.get(header, header)}, match=match))
    assert done.counts == Counts(rows=1, updated=1)
    assert attributes(live, workspace_id, "user_id", "ana")["plan"] == "gold"


def test_a_profile_is_named_by_its_id_for_updates_only(live: Connection, workspace_id: int) -> None:
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"plan": "free"})])
    ana = owner(live, "user_id", "ana")
    stranger = "01234567-89ab-7def-8123-456789abcdef"
    data = csv_file([["profile_id", "plan"], [str(ana), "gold"], [stranger, "gold"], ["nonsense", "gold"]])
    made = upload(live, workspace_id, data)
    columns = {"profile_id": "profile_id"}
    with pytest.raises(InvalidPlan, match="there is no source 77"):
        planned(live, made, columns=columns, match="profile_id", policy="update_only", source_id=77)
    with pytest.raises(InvalidPlan, match="update_only"):
        planned(live, made, columns=columns, match="profile_id")
    done = carried_out(live, planned(live, made, columns=columns, match="profile_id", policy="update_only"))
    assert done.counts == Counts(rows=3, updated=1, errors=2)
    assert told(live, workspace_id, done) == [(3, "error", "no_such_profile"), (4, "error", "missing_key")]
    assert attributes(live, workspace_id, "user_id", "ana")["plan"] == "gold"


def test_an_import_joins_nobody(live: Connection, workspace_id: int) -> None:
    ingest(
        live,
        workspace_id,
        [
            message("identify", anonymousId="a", traits={"email": "ana@example.com"}),
            message("identify", anonymousId="b", traits={"phone": "+34600111222"}),
            message("identify", userId="luis", traits={"email": "luis@example.com"}),
        ],
    )
    rows = [["email", "phone", "user_id"], ["ana@example.com", "+34600111222", "ana"], ["luis@example.com", "", "l2"]]
    done = imported(live, workspace_id, csv_file(rows), match="email")
    assert done.counts == Counts(rows=2, updated=1, unchanged=1, warnings=2)
    assert told(live, workspace_id, done) == [
        (2, "warning", "identifier_taken"),
        (3, "warning", "limit_user_id"),
    ]
    assert root(live, "email", "ana@example.com") != root(live, "phone", "+34600111222")
    assert root(live, "email", "ana@example.com") == root(live, "user_id", "ana")
    assert "phone" not in attributes(live, workspace_id, "user_id", "ana")
    assert owner(live, "user_id", "l2") is None


def test_later_rows_of_a_file_win_and_repeat_nobody(live: Connection, workspace_id: int) -> None:
    rows = [["email", "plan"], *[["ana@example.com", f"p{number}"] for number in range(50)]]
    dry = tried_out(live, upload(live, workspace_id, csv_file(rows)))
    assert dry.checked == Counts(rows=50, created=1, updated=49)
    done = carried_out(live, dry)
    assert done.counts == Counts(rows=50, created=1, updated=49)
    assert attributes(live, workspace_id, "email", "ana@example.com")["plan"] == "p49"


@pytest.mark.parametrize("apart", [1, 2, 3])
def test_people_come_again_in_the_batches_after(live: Connection, workspace_id: int, apart: int) -> None:
    """While one batch is written the next are read: whoever is in both is one person, with what the later row says."""
    first = [[f"u{n}", "free"] for n in range(BATCH)]
    between = [[f"b{n}", "free"] for n in range(BATCH * (apart - 1))]
    again = [[f"u{n}", "gold"] for n in range(BATCH - 1, -1, -7)]
    rest = [[f"r{n}", "free"] for n in range(BATCH)]

    done = imported(live, workspace_id, csv_file([["user_id", "plan"], *first, *between, *again, *rest]))

    assert done.counts == Counts(
        rows=len(first + between + again + rest), created=len(first + between + rest), updated=len(again)
    )
    gold = live.execute("SELECT count(*) FROM profiles_state WHERE state::text LIKE '%\"gold\"%'").fetchone()
    assert gold == (len(again),)


def test_a_column_fills_only_what_is_empty_and_clears_where_it_is_told_to(live: Connection, workspace_id: int) -> None:
    traits = {"email": "ana@example.com", "plan": "free", "city": "Lugo", "note": "x"}
    ingest(live, workspace_id, [message("identify", userId="ana", traits=traits)])
    columns = {
        "plan": Column(name="plan", target="attribute:plan", overwrite="if_empty"),
        "size": Column(name="size", target="attribute:size", overwrite="if_empty"),
        "city": Column(name="city", target="attribute:city", when_empty="clear"),
        "note": Column(name="note", target="attribute:note"),
    }
    data = csv_file([["email", "plan", "size", "city", "note"], ["ana@example.com", "gold", "M", "", ""]])
    done = imported(live, workspace_id, data, columns=columns)
    assert done.counts == Counts(rows=1, updated=1)
    found = attributes(live, workspace_id, "user_id", "ana")
    assert {name: found.get(name) for name in columns} == {"plan": "free", "size": "M", "city": None, "note": "x"}


def test_cells_become_the_type_of_their_column(live: Connection, workspace_id: int) -> None:
    header = ["email", "n", "f", "yes", "day", "tags", "zip"]
    columns = {
        "n": Column(name="n", target="attribute:n", type="number"),
        "f": Column(name="f", target="attribute:f", type="number", decimal=","),
        "yes": Column(name="yes", target="attribute:yes", type="boolean"),
        "day": Column(name="day", target="attribute:day", type="date", date_format="%d.%m.%Y"),
        "tags": Column(name="tags", target="attribute:tags", type="list", separator="/"),
        "zip": Column(name="zip", target="attribute:zip", type="text"),
    }
    text = "email;n;f;yes;day;tags;zip\na@example.com;1200;1.234,5;sí;31.12.2025;x/ y;00123\n"
    bad = "b@example.com;many;;perhaps;2025-12-31;;\n"
    done = imported(live, workspace_id, (text + bad).encode(), columns=columns)
    assert done.counts == Counts(rows=2, created=2, warnings=3)
    found = attributes(live, workspace_id, "email", "a@example.com")
    assert [found[name] for name in header[1:]] == [1200, 1234.5, True, "2025-12-31", ["x", "y"], "00123"]
    assert told(live, workspace_id, done) == [(3, "warning", "does_not_fit")] * 3


def test_bad_rows_are_told_and_stop_nobody(live: Connection, workspace_id: int) -> None:
    lines = ["email,plan", "a@example.com,gold", "only one", "nonsense,gold", "null,gold", "b@example.com,gold,more"]
    data = "\n".join([*lines, "c@example.com,", "", "d@example.com,x\0y", 'e@example.com,"two\nlines"']).encode()
    done = imported(live, workspace_id, data)
    assert done.counts == Counts(rows=8, created=3, errors=5)
    assert told(live, workspace_id, done) == [
        (3, "error", "ragged_row"),
        (4, "error", "invalid_key"),
        (5, "error", "invalid_key"),
        (6, "error", "ragged_row"),
        (9, "error", "nul_character"),
    ]
    assert attributes(live, workspace_id, "email", "e@example.com")["plan"] == "two\nlines"


def test_the_error_file_is_harmless_in_a_spreadsheet(live: Connection, workspace_id: int) -> None:
    data = csv_file([["email", "phone"], ["a@example.com", "=HYPERLINK(1)"], ["b@example.com", "@SUM(1)"]])
    dry = tried_out(live, upload(live, workspace_id, data))
    text = b"".join(queries.error_file(live, workspace_id, dry.id)).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["row", "severity", "column", "value", "code", "reason"]
    assert [row[:5] for row in rows[1:]] == [
        ["2", "warning", "phone", "'=HYPERLINK(1)", "does_not_fit"],
        ["3", "warning", "phone", "'@SUM(1)", "does_not_fit"],
    ]


def test_a_dry_run_writes_nothing(live: Connection, workspace_id: int) -> None:
    dry = tried_out(live, upload(live, workspace_id, csv_file([["email"], ["a@example.com"], ["x"]])))
    assert (dry.state, dry.checked) == ("ready", Counts(rows=2, created=1, errors=1))
    assert progress(live).profiles == 0
    assert progress(live).history == 0
    assert owner(live, "email", "a@example.com") is None


def test_what_is_stopped_goes_on_where_it_was(live: Connection, workspace_id: int) -> None:
    rows = [["email"], *[[f"p{number}@example.com"] for number in range(9_000)]]
    made = upload(live, workspace_id, csv_file(rows))
    actions.start(live, workspace_id=workspace_id, import_id=made.id, actor="ana", now=NOON)
    live.execute("UPDATE imports_import SET wanted = 'pause'")
    from tessera.imports import engine

    engine.run_import(made.id)
    halted = queries.import_by_id(live, workspace_id, made.id)
    assert halted.state == "paused"
    assert 0 < halted.counts.created < 9_000
    assert progress(live).profiles == halted.counts.created
    actions.resume(live, workspace_id=workspace_id, import_id=made.id, actor="ana")
    engine.run_import(made.id)
    done = queries.import_by_id(live, workspace_id, made.id)
    assert (done.state, done.counts) == ("finished", Counts(rows=9_000, created=9_000))
    assert progress(live).profiles == 9_000
    engine.run_import(made.id)  # the job, done once more
    assert progress(live).history == 9_000
