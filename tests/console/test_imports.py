"""The wizard: a file, what was found, its columns, the dry run, the run, and taking it back."""

import gzip
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

PEOPLE = b"Correo;Nombre;Puntos;Nota\nana@example.com;Ana;12,5;a\nben@example.com;Ben;3;b\nnobody;Cid;1;c\n"
Live = psycopg.Connection[Any]


@pytest.fixture
def upload() -> Callable[..., UUID]:
    """`upload(client, b"…")` is step 1 without scripts; gives the import's id."""

    def send(client: Client, body: bytes = PEOPLE, name: str = "people.csv") -> UUID:
        answer = client.post("/imports/new", {"file": SimpleUploadedFile(name, body)})
        assert answer.status_code == 302, answer.text
        return UUID(answer.url.split("/")[2])

    return send


@pytest.fixture
def work(live: Live) -> Callable[[], None]:
    """Does the jobs that wait, as `tessera jobs` would."""
    from tessera.jobs.registry import run_task
    from tessera.project import tasks

    assert tasks.__doc__

    def do_all() -> None:
        rows = live.execute("DELETE FROM procrastinate_jobs RETURNING args").fetchall()
        for (args,) in rows:
            run_task(args["task"], args["arguments"])

    return do_all


def mapped(client: Client, import_id: UUID, **changes: str) -> Any:
    """Step 3, as the form proposes it but for the changes."""
    page = client.get(f"/imports/{import_id}/columns")
    fields = {"format": "csv", "encoding": "utf-8", "delimiter": ";", "header": "yes"}
    fields |= {"match": page.context["match"], "policy": "create_and_update"}
    for line in page.context["lines"]:
        fields[f"target-{line.number}"] = line.target
        for choice in line.choices:
            fields[f"{choice.name}-{line.number}"] = next(value for value, _, chosen in choice.options if chosen)
        fields[f"decimal-{line.number}"] = line.column.decimal
    return client.post(f"/imports/{import_id}/columns", fields | changes)


def people(live: Live) -> set[str]:
    return {row[0] for row in live.execute("SELECT value FROM identity_identifier WHERE kind = 'email'")}


def test_from_a_file_to_people(
    live: Live, desk: Callable[..., Client], upload: Callable[..., UUID], work: Callable[[], None]
) -> None:
    client = desk()
    assert "Nothing was imported yet" in client.get("/imports").text
    import_id = upload(client)
    assert client.get(f"/imports/{import_id}").url == f"/imports/{import_id}/file"
    found = client.get(f"/imports/{import_id}/file")
    assert (found.context["format"].delimiter, found.context["sample"].columns[0]) == (";", "Correo")
    targets = [line.target for line in client.get(f"/imports/{import_id}/columns").context["lines"]]
    assert targets == ["E-mail", "First name", "Puntos", "Nota"]

    assert mapped(client, import_id, **{"target-3": ""}).url == f"/imports/{import_id}"
    assert "every 1s" in client.get(f"/imports/{import_id}").text
    assert client.get(f"/imports/{import_id}/progress").status_code == 200
    work()

    page = client.get(f"/imports/{import_id}")
    counts = page.context["line"].counts
    assert (counts.rows, counts.created, counts.errors) == (3, 2, 1)
    assert people(live) == set()
    assert "Import now" in page.text
    file = b"".join(client.get(f"/imports/{import_id}/errors").streaming_content).decode()
    assert [line.split(",")[0] for line in file.splitlines()[1:]] == ["4"]
    assert client.get(f"/imports/{import_id}/progress")["HX-Refresh"] == "true"

    client.post(f"/imports/{import_id}/start")
    work()

    page = client.get(f"/imports/{import_id}")
    assert (page.context["import"].state, page.context["import"].counts.created) == ("finished", 2)
    assert people(live) == {"ana@example.com", "ben@example.com"}
    names = {row[0] for row in live.execute("SELECT name FROM events_catalogue WHERE kind = 'attribute'")}
    assert "Nota" not in names
    assert "people.csv" in client.get("/imports").text


def test_the_script_sends_pieces(live: Live, desk: Callable[..., Client]) -> None:
    client = desk()
    where = client.post("/imports/begin", {"name": "../../etc/passwd.csv"}).json()
    for number, piece in ((0, PEOPLE[:60]), (1, b"torn"), (1, PEOPLE[60:])):
        address = where["chunks"] + str(number)
        assert client.post(address, piece, content_type="application/octet-stream").status_code == 204
    done = client.post(where["uploaded"]).json()

    page = client.get(done["next"])
    assert (page.context["import"].name, page.context["import"].size) == ("passwd.csv", len(PEOPLE))
    assert page.context["sample"].rows[0][0] == "ana@example.com"


def test_a_packed_file_is_unpacked(desk: Callable[..., Client], upload: Callable[..., UUID]) -> None:
    client = desk()
    page = client.get(f"/imports/{upload(client, gzip.compress(PEOPLE), 'people.csv.gz')}/file")
    assert page.context["format"].gzipped is True
    assert page.context["sample"].rows[1][0] == "ben@example.com"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"%PDF-1.7 email,name\n",
        b"PK\x03\x04" + b"x" * 100,
        b"\x89PNG\r\n\x1a\n" + PEOPLE,
        b"\x1f\x8b" + b"broken",
        gzip.compress(b"\0" * 50_000_000),
    ],
    ids=["empty", "pdf", "zip", "png", "torn", "bomb"],
)
def test_what_is_no_file_of_people_is_refused(live: Live, desk: Callable[..., Client], body: bytes) -> None:
    client = desk()
    answer = client.post("/imports/new", {"file": SimpleUploadedFile("people.csv", body)})
    assert answer.status_code == 400
    assert live.execute("SELECT count(*) FROM imports_import").fetchone() == (0,)

    where = client.post("/imports/begin", {"name": "people.csv"}).json()
    client.post(where["chunks"] + "0", body, content_type="application/octet-stream")
    refused = client.post(where["uploaded"])
    assert (refused.status_code, set(refused.json())) == (422, {"title", "detail"})


def test_an_enormous_header_is_a_page_all_the_same(desk: Callable[..., Client], upload: Callable[..., UUID]) -> None:
    client = desk()
    wide = ",".join(["email", *(f"c{n}" for n in range(600))]).encode() + b"\n"
    import_id = upload(client, wide + b"a@example.com" + b",1" * 600 + b"\n")
    assert client.get(f"/imports/{import_id}/file").status_code == 200
    assert client.get(f"/imports/{import_id}/columns").status_code == 200

    long = SimpleUploadedFile("people.csv", b"email," + b"x" * 300_000 + b"\nana@example.com,1\n")
    assert "cannot be taken in" in client.post("/imports/new", {"file": long}).text


def test_names_are_text_and_nothing_else(desk: Callable[..., Client], upload: Callable[..., UUID]) -> None:
    client = desk()
    body = b'email,"<script>alert(1)</script>","=cmd"\nana@example.com,"<img src=x onerror=alert(2)>",3\n'
    import_id = upload(client, body, name='"><script>x</script>.csv')
    for path in ("file", "columns"):
        text = client.get(f"/imports/{import_id}/{path}").text
        assert "<script>alert" not in text
        assert "<script>x" not in text
        assert "<img" not in text.split("<main", 1)[1]


def test_the_file_is_read_as_it_is_said(desk: Callable[..., Client], upload: Callable[..., UUID]) -> None:
    client = desk()
    import_id = upload(client, "email,city\nana@example.com,Málaga\n".encode("cp1252"))
    wrong = {"format": "csv", "encoding": "cp1251", "delimiter": ",", "header": "yes"}
    shown = client.get(f"/imports/{import_id}/sample", wrong)
    assert shown.context["sample"].rows[0][1] == "Mбlaga"
    without = client.get(f"/imports/{import_id}/columns", wrong | {"encoding": "cp1252", "header": "no"})
    assert [line.column.name for line in without.context["lines"]] == ["column 1", "column 2"]
    assert without.context["format"].encoding == "cp1252"


@pytest.mark.parametrize(
    "changes",
    [
        {"target-0": ""},
        {"target-1": "E-mail"},
        {"match": "user_id"},
        {"match": "external"},
        {"match": "nonsense"},
        {"target-1": "external:not a system!"},
        {"source_id": "999999"},
    ],
)
def test_a_plan_that_cannot_be_is_refused_and_kept_on_the_screen(
    live: Live, desk: Callable[..., Client], upload: Callable[..., UUID], changes: dict[str, str]
) -> None:
    client = desk()
    import_id = upload(client)
    answer = mapped(client, import_id, **changes)

    assert answer.status_code == 400
    assert answer.context["refusal"].title
    assert live.execute("SELECT state FROM imports_import").fetchall() == [("ready",)]
    for name, value in changes.items():
        if name.startswith("target-"):
            assert answer.context["lines"][int(name[-1])].target == value


def test_what_is_typed_is_where_it_goes(live: Live, desk: Callable[..., Client], upload: Callable[..., UUID]) -> None:
    client = desk()
    import_id = upload(client)
    answer = mapped(
        client,
        import_id,
        **{
            "target-1": "last name",
            "target-2": "external:crm",
            "target-3": "Shoe size",
            "type-3": "date",
            "date_format-3": "%d.%m.%Y",
            "overwrite-3": "if_empty",
            "when_empty-3": "clear",
            "match": "external",
            "policy": "create_only",
            "skip_triggers": "yes",
        },
    )
    assert answer.status_code == 302
    ((plan,),) = live.execute("SELECT plan FROM imports_import").fetchall()
    columns = plan["columns"]
    assert [column.get("target") for column in columns] == [
        "email",
        "attribute:last_name",
        "external:crm",
        "attribute:Shoe size",
    ]
    assert (columns[3]["type"], columns[3]["date_format"]) == ("date", "%d.%m.%Y")
    assert (columns[3]["overwrite"], columns[3]["when_empty"]) == ("if_empty", "clear")
    assert (plan["match"], plan["policy"]) == ("external:crm", "create_only")


def test_segment_messages_have_no_columns(
    live: Live, desk: Callable[..., Client], upload: Callable[..., UUID], work: Callable[[], None]
) -> None:
    client = desk()
    said = [{"type": "identify", "userId": f"u-{n}", "messageId": f"x-{n}", "traits": {"plan": "a"}} for n in range(3)]
    import_id = upload(client, "\n".join(map(json.dumps, said)).encode(), "export.json")
    page = client.get(f"/imports/{import_id}/columns")
    assert page.context["format"].name == "segment"
    assert client.post(f"/imports/{import_id}/columns", {"format": "segment"}).status_code == 302
    work()
    assert client.get(f"/imports/{import_id}").context["line"].counts.rows == 3


def test_what_cannot_be_done_now_is_said(
    live: Live, desk: Callable[..., Client], upload: Callable[..., UUID], work: Callable[[], None]
) -> None:
    client = desk()
    import_id = upload(client)
    for act in ("pause", "cancel", "resume", "undo"):
        answer = client.post(f"/imports/{import_id}/{act}", follow=True)
        assert "Look where it stands now" in answer.text, act
    assert client.post(f"/imports/{import_id}/delete").url == "/imports"
    assert live.execute("SELECT count(*) FROM imports_chunk").fetchone() == (0,)


def test_a_stranger_sees_nothing(
    live: Live, desk: Callable[..., Client], upload: Callable[..., UUID], stranger_workspace: int
) -> None:
    import_id = upload(desk())
    stranger = desk(workspace=stranger_workspace)

    assert "people.csv" not in stranger.get("/imports").text
    for path in ("", "/file", "/sample", "/columns", "/progress", "/errors"):
        assert stranger.get(f"/imports/{import_id}{path}").status_code == 404
    for act in ("check", "start", "pause", "cancel", "resume", "undo", "delete", "columns", "uploaded"):
        assert stranger.post(f"/imports/{import_id}/{act}").status_code == 404
    piece = stranger.post(f"/imports/{import_id}/chunks/0", b"x", content_type="application/octet-stream")
    assert piece.status_code == 404
    assert live.execute("SELECT state, size FROM imports_import").fetchall() == [("ready", len(PEOPLE))]


def test_the_list_asks_as_often_for_many_as_for_one(
    desk: Callable[..., Client], upload: Callable[..., UUID], statements: Callable[..., int]
) -> None:
    client = desk()
    upload(client)
    one = statements(lambda: client.get("/imports"))
    upload(client)
    upload(client)

    assert statements(lambda: client.get("/imports")) == one
