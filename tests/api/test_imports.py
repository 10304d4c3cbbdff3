"""Programs that bring people in from files."""

import gzip
from uuid import uuid4

import pytest

PEOPLE = b"Correo;Puntos;Nota\nana@example.com;12,5;x\nben@example.com;3;y\nnobody;1;z\n"
BYTES = "application/octet-stream"


@pytest.fixture
def work(live):
    """Does the jobs that wait, as `tessera jobs` would."""
    from tessera.jobs.registry import run_task
    from tessera.project import tasks

    assert tasks.__doc__

    def do_all():
        for (args,) in live.execute("DELETE FROM procrastinate_jobs RETURNING args").fetchall():
            run_task(args["task"], args["arguments"])

    return do_all


def uploaded(api, body=PEOPLE):
    made = api.send("post", "imports/file?name=people.csv", body, content_type=BYTES)
    assert made.status_code == 200, made.data
    return made.data["id"]


def test_from_a_file_to_people(api, work, live):
    import_id = uploaded(api)
    found = api.get(f"imports/{import_id}/inspection").data
    assert (found["sample"]["columns"], found["sample"]["format"]["delimiter"]) == (["Correo", "Puntos", "Nota"], ";")
    columns = [*found["suggested"]["columns"][:2], {"name": "Nota", "target": "ignore"}]
    planned = api.send(
        "put", f"imports/{import_id}/plan", b'{"columns": %s, "skip_triggers": false}' % _json(columns)
    ).data
    assert planned["plan"]["columns"][2].get("target", "ignore") == "ignore"
    assert planned["plan"]["skip_triggers"] is False

    assert api.post(f"imports/{import_id}/dry-run").data["state"] == "checking"
    work()
    tried = api.get(f"imports/{import_id}").data
    assert (tried["state"], tried["checked"]["created"], tried["checked"]["errors"]) == ("ready", 2, 1)
    assert api.get("profiles").data["profiles"] == []
    errors = api.get(f"imports/{import_id}/errors").body.decode("utf-8-sig").splitlines()
    assert [line.split(",")[:2] for line in errors] == [["row", "severity"], ["4", "error"]]

    assert api.post(f"imports/{import_id}/start").data["state"] == "queued"
    work()
    done = api.get(f"imports/{import_id}").data
    assert (done["state"], done["counts"]["created"], done["progress"]) == ("finished", 2, 1.0)
    ana = api.get("profiles/email:ana@example.com").data
    assert ana["attributes"]["Puntos"] == 12.5
    assert "Nota" not in ana["attributes"]
    assert [one["id"] for one in api.get("imports").data["imports"]] == [import_id]
    noted = live.execute("SELECT DISTINCT actor FROM access_auditentry WHERE target = %s", (f"import:{import_id}",))
    assert noted.fetchall() == [("api-key:crm",)]


def _json(value):
    import json

    return json.dumps(value).encode()


def test_a_file_in_pieces(api):
    import_id = api.post("imports", name="../x/people.csv").data["id"]
    for number, piece in ((1, b"torn"), (0, PEOPLE[:50]), (1, PEOPLE[50:])):
        taken = api.send("put", f"imports/{import_id}/chunks/{number}", piece, content_type=BYTES)
        assert taken.data == {"number": number, "bytes": len(piece)}

    whole = api.post(f"imports/{import_id}/uploaded").data

    assert (whole["name"], whole["size"], whole["chunks"], whole["state"]) == ("people.csv", len(PEOPLE), 2, "ready")


def test_a_missing_piece_is_missed(api):
    import_id = api.post("imports").data["id"]
    api.send("put", f"imports/{import_id}/chunks/1", PEOPLE, content_type=BYTES)
    refused = api.post(f"imports/{import_id}/uploaded")
    assert (refused.status_code, refused.data["code"]) == (422, "import_file_refused")


def test_the_same_request_makes_one_import(api):
    made = [api.send("post", "imports/file", PEOPLE, key="k-1", content_type=BYTES) for _ in range(2)]
    assert made[0].data == made[1].data
    assert len(api.get("imports").data["imports"]) == 1
    other = api.send("post", "imports/file", PEOPLE + b"x;1;1\n", key="k-1", content_type=BYTES)
    assert other.data["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    "body", [b"%PDF-1.7", b"PK\x03\x04" + b"x" * 90, gzip.compress(b"\0" * 50_000_000)], ids=["pdf", "zip", "bomb"]
)
def test_what_is_no_file_of_people_is_refused(api, body):
    refused = api.send("post", "imports/file", body, content_type=BYTES)
    assert (refused.status_code, refused.data["code"]) == (422, "import_file_refused")
    assert api.get("imports").data["imports"] == []


def test_bytes_are_taken_where_bytes_go_and_json_elsewhere(api):
    assert api.send("post", "imports/file", PEOPLE).data["code"] == "unsupported_media_type"
    assert api.send("post", "imports", b"{}", content_type=BYTES).data["code"] == "unsupported_media_type"
    large = api.send("post", "imports/file", b"x" * 1_000_001, content_type=BYTES)
    assert large.data["code"] == "body_too_large"


@pytest.mark.parametrize(
    "plan",
    [
        {"match": "user_id"},
        {"match": "nonsense"},
        {"policy": "destroy"},
        {"columns": [{"name": "Correo", "target": "nowhere at all"}]},
        {"columns": [{"name": "Correo", "target": "email", "colour": 1}, {"target": "email"}]},
        {"columns": [{"name": "a", "target": "email"}, {"name": "b", "target": "email"}]},
        {"format": {"encoding": "rot13"}},
        {"format": {"delimiter": 3}},
        {"source_id": 4711},
    ],
)
def test_a_plan_that_cannot_be_is_refused(api, plan):
    import_id = uploaded(api)
    refused = api.send("put", f"imports/{import_id}/plan", _json(plan))
    assert refused.status_code == 422
    assert refused.data["code"] in ("invalid_import_plan", "import_file_refused")


def test_another_format_suggests_another_plan(api):
    import_id = uploaded(api, b"ana@example.com;1\nben@example.com;2\n")
    assert [column["name"] for column in api.get(f"imports/{import_id}").data["plan"]["columns"]] == [
        "column 1",
        "column 2",
    ]
    planned = api.send("put", f"imports/{import_id}/plan", _json({"format": {"header": True}, "match": "email"}))
    assert [column["name"] for column in planned.data["plan"]["columns"]] == ["ana@example.com", "1"]


def test_what_cannot_be_done_now_is_refused(api):
    import_id = uploaded(api)
    for act in ("pause", "cancel", "resume", "undo", "uploaded"):
        refused = api.post(f"imports/{import_id}/{act}")
        assert (refused.status_code, refused.data["code"]) == (409, "wrong_import_state"), act
    assert api.delete(f"imports/{import_id}").data == {"id": import_id, "deleted": True}
    assert api.get(f"imports/{import_id}").status_code == 404


def test_rows_are_for_keys_that_see_people(api, key):
    import_id = uploaded(api)
    blind = key("imports:write", name="blind")
    assert blind.get(f"imports/{import_id}").status_code == 200
    for path in ("inspection", "errors"):
        assert blind.get(f"imports/{import_id}/{path}").data["code"] == "missing_scope"


def test_a_stranger_finds_nothing(api, stranger):
    import_id = uploaded(api)
    assert stranger.get("imports").data["imports"] == []
    answers = [stranger.get(f"imports/{import_id}{path}") for path in ("", "/inspection", "/errors")]
    answers += [
        stranger.post(f"imports/{import_id}/{act}")
        for act in ("uploaded", "dry-run", "start", "pause", "cancel", "resume", "undo")
    ]
    answers.append(stranger.send("put", f"imports/{import_id}/plan", b"{}"))
    answers.append(stranger.send("put", f"imports/{import_id}/chunks/0", b"x", content_type=BYTES))
    answers.append(stranger.delete(f"imports/{import_id}"))
    answers.append(stranger.get(f"imports/{uuid4()}"))
    assert [(one.status_code, one.data["code"]) for one in answers] == [(404, "not_found")] * len(answers)
    assert api.get(f"imports/{import_id}").data["state"] == "ready"
