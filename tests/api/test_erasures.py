"""Erasing people and keeping contacts out, through the API."""

from uuid import uuid4

from factories import people
from tessera.privacy.requests import run_erasure


def _audit(live):
    made = "SELECT actor, action, target FROM access_auditentry WHERE actor <> 'system' ORDER BY id"
    return live.execute(made).fetchall()


def test_a_person_is_erased_and_the_answer_says_what_went(api, ana, live):
    report = api.delete("profiles/email:Ana@example.com", suppress="true", reason="asked by Ana Lee")

    assert report.status_code == 200
    assert report.data["profile_ids"] == [ana["profile_id"]]
    assert report.data["counts"]["events_history"] == 4
    assert report.data["suppressed"] == len(ana["identifiers"]) == 3
    assert api.get(f"profiles/{ana['profile_id']}").status_code == 404
    assert api.get("profiles", search="ana").data["profiles"] == []
    (erasure,) = api.get("erasures").data["erasures"]
    assert (erasure["asked_by"], erasure["reason"], erasure["status"]) == ("api-key:crm", "asked by [erased]", "done")
    detail = api.get(f"erasures/{erasure['id']}").data
    assert detail["items"][0]["counts"] == report.data["counts"]
    assert _audit(live) == [("api-key:crm", "erase_person", f"profile:{ana['profile_id']}")]


def test_a_repeated_erasure_gets_the_first_answer(api, ana, live):
    first = api.send("delete", f"profiles/{ana['profile_id']}", b"", key="once")
    again = api.send("delete", f"profiles/{ana['profile_id']}", b"", key="once")

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert again["Idempotency-Replayed"] == "true"
    assert live.execute("SELECT count(*) FROM privacy_erasure").fetchone() == (1,)


def test_answers_that_are_kept_sealed_are_looked_through_too(api, ana, live):
    """Those of staff and keys hold secrets: one that speaks of the person goes, another is given again."""
    wanted = {"name": "other", "scopes": ["profiles:read"]}
    made = api.post("keys", key="k-1", **wanted)
    api.post("staff", key="k-2", email="ana@example.com", role="analyst")

    report = api.delete(f"profiles/{ana['profile_id']}")

    assert (report.status_code, report.data["counts"]["access_rememberedreply"]) == (200, 1)
    assert api.post("keys", key="k-1", **wanted).content == made.content
    kept = live.execute("SELECT idempotency_key FROM access_rememberedreply WHERE body IS NOT NULL")
    assert kept.fetchall() == [("k-1",)]


def test_a_sealed_answer_that_nobody_can_open_any_more_stops_no_erasure(api, ana, live):
    api.post("keys", key="k-1", name="other", scopes=["profiles:read"])
    live.execute("UPDATE access_rememberedreply SET body = substring(body FOR 20)")

    assert api.delete(f"profiles/{ana['profile_id']}").data["counts"]["access_rememberedreply"] == 1


def test_a_stranger_erases_and_sees_nothing(api, stranger, ana):
    report = api.delete(f"profiles/{ana['profile_id']}")
    api.post("suppressions", contact="email:kept@example.com")

    assert stranger.delete("profiles/user_id:u-1").status_code == 404
    assert stranger.get("erasures").data["erasures"] == []
    assert stranger.get(f"erasures/{report.data['erasure_id']}").status_code == 404
    assert stranger.get("suppressions", contact="email:kept@example.com").data == {
        "total": 0,
        "kinds": {},
        "asked": None,
    }


def test_many_are_erased_by_a_job_and_each_has_its_outcome(api, ana, guest, live, workspace_id):
    asked = api.post(
        "erasures", people=["email:ana@example.com", "user_id:nobody", "anonymous_id:g-1", "what is this"], reason="all"
    )
    waiting = api.get(f"erasures/{asked.data['id']}").data
    jobs = live.execute("SELECT args->>'task', args::text ~ 'ana@example' FROM procrastinate_jobs").fetchall()

    run_erasure(live, workspace_id=workspace_id, erasure_id=asked.data["id"])

    done = api.get(f"erasures/{asked.data['id']}").data
    assert (asked.data["status"], asked.data["total"], jobs) == ("waiting", 4, [("privacy.erase", False)])
    assert [item["status"] for item in waiting["items"]] == ["waiting"] * 4
    assert (done["erasure"]["status"], done["erasure"]["done"], done["erasure"]["failed"]) == ("done", 2, 2)
    assert [(item["number"], item["status"], item["code"]) for item in done["items"]] == [
        (1, "done", ""),
        (2, "failed", "not_found"),
        (3, "done", ""),
        (4, "failed", "invalid_identifier"),
    ]
    assert done["items"][0]["profile_ids"] == [ana["profile_id"]]
    assert live.execute("SELECT count(*) FROM privacy_erased WHERE reference IS NOT NULL").fetchone() == (0,)
    assert api.get("profiles").data["profiles"] == []
    first = api.get(f"erasures/{asked.data['id']}", limit=3).data
    rest = api.get(f"erasures/{asked.data['id']}", limit=3, after=first["next"]).data
    assert [item["number"] for item in first["items"] + rest["items"]] == [1, 2, 3, 4]


def test_what_failed_on_our_side_is_tried_again(api, ana, live, workspace_id, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("a fault of ours")

    asked = api.post("erasures", people=["email:ana@example.com"]).data["id"]
    too_early = api.post(f"erasures/{asked}/retry")
    with monkeypatch.context() as patched:
        patched.setattr("tessera.privacy.requests.erase_whole_person", broken)
        run_erasure(live, workspace_id=workspace_id, erasure_id=asked)
    failed = api.get(f"erasures/{asked}").data

    again = api.post(f"erasures/{asked}/retry")
    run_erasure(live, workspace_id=workspace_id, erasure_id=asked)

    assert (too_early.status_code, too_early.data["code"]) == (404, "not_found")
    assert (failed["erasure"]["status"], failed["items"][0]["code"]) == ("failed", "internal_error")
    assert (again.status_code, again.data["status"]) == (200, "waiting")
    assert api.get(f"erasures/{asked}").data["erasure"]["status"] == "done"
    assert api.get("profiles").data["profiles"] == []


def test_what_cannot_be_asked(api):
    too_many = api.post("erasures", people=["user_id:u"] * 5001)
    nobody = api.post("erasures", people=[])
    gone = api.delete(f"profiles/{uuid4()}")
    misspelt = api.delete("profiles/user_id:u-1", supress="true")

    assert [(one.status_code, one.data["code"]) for one in (too_many, nobody, gone, misspelt)] == [
        (422, "invalid_request"),
        (422, "invalid_request"),
        (404, "not_found"),
        (422, "unknown_parameter"),
    ]


def test_a_contact_is_kept_out_until_it_is_let_in_again(api, send, live):
    added = api.post("suppressions", contact="email: Kept@Example.com")
    send(people.message("identify", anonymousId="k-1", traits={"email": "kept@example.com"}))
    refused = api.get("profiles/email:kept@example.com").status_code
    asked = api.get("suppressions", contact="email:KEPT@example.com").data

    lifted = api.delete("suppressions", contact="email:kept@example.com")
    again = api.delete("suppressions", contact="email:kept@example.com")
    send(people.message("identify", anonymousId="k-1", traits={"email": "kept@example.com"}))

    assert (added.status_code, added.data["kind"], added.data["added_by"]) == (200, "email", "api-key:crm")
    assert refused == 404
    assert asked == {"total": 1, "kinds": {"email": 1}, "asked": added.data}
    assert (lifted.data, again.status_code) == (added.data, 404)
    assert api.get("profiles/email:kept@example.com").status_code == 200
    assert _audit(live) == [
        ("api-key:crm", "suppress_contact", "suppression:email"),
        ("api-key:crm", "lift_suppression", "suppression:email"),
    ]
    everything = live.execute("SELECT count(*) FROM identity_suppression").fetchone()
    assert everything == (0,)


def test_an_edit_cannot_bring_a_kept_out_contact_in(api, guest, live):
    api.post("suppressions", contact="phone:+34655112233")
    edit = api.patch(f"profiles/{guest['profile_id']}", attributes={"phone": "+34 655 112 233"})

    assert (edit.status_code, edit.data["code"]) == (422, "suppressed")
    assert "655" not in edit.data["detail"]
    assert api.get(f"profiles/{guest['profile_id']}").data == guest


def test_a_profiles_id_is_no_contact(api, guest):
    answer = api.post("suppressions", contact=guest["profile_id"])
    assert (answer.status_code, answer.data["code"]) == (422, "invalid_identifier")
