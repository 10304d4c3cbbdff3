"""Erasing by hand, the report, and the contacts that are kept out."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.test import Client

from factories.people import ingest, message, root

Live = psycopg.Connection[Any]


@pytest.fixture
def ana(live: Live, workspace_id: int) -> UUID:
    traits = {"email": "ana@example.com", "firstName": "Ana", "lastName": "Lee"}
    ingest(live, workspace_id, [message("identify", userId="ana", traits=traits), message(userId="ana")])
    found = root(live, "user_id", "ana")
    assert found is not None
    return found


def asked(person: UUID, **fields: str) -> tuple[str, dict[str, str]]:
    return f"/people/{person}/erase", {"reason": "ticket 4711", "confirm": "Ana Lee"} | fields


def test_the_dialog_says_first_what_would_be_removed(desk: Callable[..., Client], ana: UUID) -> None:
    page = desk().get(f"/people/{ana}/erase")
    removed = {line.label: line.rows for line in page.context["lines"]}

    assert (removed["Profiles"], removed["Events of their history"], removed["Identifiers"]) == (1, 2, 2)
    assert "Type “Ana Lee” to confirm" in page.text
    assert "<html" not in desk("admin").get(f"/people/{ana}/erase", headers={"HX-Request": "true"}).text


@pytest.mark.parametrize("typed", ["", "Ana", "erase"])
def test_without_the_name_nobody_is_erased(live: Live, desk: Callable[..., Client], ana: UUID, typed: str) -> None:
    path, form = asked(ana, confirm=typed)

    assert desk().post(path, form).status_code == 400
    assert root(live, "user_id", "ana") == ana
    assert live.execute("SELECT count(*) FROM privacy_erasure").fetchone() == (0,)


def test_an_erasure_asks_for_proof_and_comes_back_to_the_page(
    live: Live, desk: Callable[..., Client], ana: UUID
) -> None:
    client = desk()
    session = client.session
    session["proved_at"] = 1
    session.save()
    path, form = asked(ana)

    assert client.get(path).status_code == 200
    answer = client.post(path, form, headers={"Referer": f"http://testserver{path}"})

    assert answer.url == f"/prove?next=http%3A//testserver{path}"
    assert root(live, "user_id", "ana") == ana


def test_an_erasure_leads_to_its_report(live: Live, desk: Callable[..., Client], ana: UUID) -> None:
    client = desk()
    path, form = asked(ana, confirm=" ana  LEE ", suppress="on")

    report = client.post(path, form, follow=True)

    assert report.status_code == 200
    assert report.redirect_chain[0][0].startswith("/erasures/")
    assert "ticket 4711" in report.text
    assert "Ana Lee" not in report.text
    assert str(ana) in report.text
    assert client.get(f"/people/{ana}").status_code == 404
    assert root(live, "user_id", "ana") is None
    assert [one.reason for one in client.get("/erasures").context["page"].erasures] == ["ticket 4711"]
    trail = live.execute("SELECT actor, action, target FROM access_auditentry ORDER BY id DESC LIMIT 1").fetchone()
    assert trail == ("owner1@example.com", "erase_person", f"profile:{ana}")


def test_a_stranger_neither_erases_nor_reads_the_report(
    live: Live, desk: Callable[..., Client], ana: UUID, stranger_workspace: int
) -> None:
    stranger, mine = desk("owner", workspace=stranger_workspace), desk()
    path, form = asked(ana)

    assert stranger.get(path).status_code == 404
    assert stranger.post(path, form).status_code == 404
    there = mine.post(path, form)["Location"]
    assert stranger.get(there).status_code == 404
    assert mine.get(f"/erasures/{uuid4()}").status_code == 404
    assert stranger.get("/erasures").context["page"].erasures == []


def test_a_list_of_erasures_costs_the_same_for_one_and_for_three(
    live: Live, workspace_id: int, desk: Callable[..., Client], statements: Callable[..., int]
) -> None:
    client = desk()
    counts = []
    for number in range(3):
        ingest(live, workspace_id, [message(userId=f"gone-{number}")])
        client.post(*asked(root(live, "user_id", f"gone-{number}"), confirm="erase"))  # type: ignore[arg-type]
        counts.append(statements(lambda: client.get("/erasures")))
    assert counts[0] == counts[2]
    assert len(client.get("/erasures").context["page"].erasures) == 3


def test_a_contact_is_asked_about_kept_out_and_let_in(live: Live, desk: Callable[..., Client]) -> None:
    client, contact = desk(), {"kind": "email", "value": "Kept@Example.com"}

    before = client.post("/suppressions/check", contact)
    client.post("/suppressions/add", contact)
    kept = client.post("/suppressions/check", contact)
    client.post("/suppressions/lift", contact)
    after = client.post("/suppressions/check", contact)

    assert [page.context["found"] is not None for page in (before, kept, after)] == [False, True, False]
    assert kept.context["total"] == 1
    assert client.post("/suppressions/check", {"kind": "email", "value": "no address"}).status_code == 400
    named = live.execute("SELECT count(*) FROM access_auditentry WHERE access_auditentry::text ~* 'kept@'").fetchone()
    assert named == (0,)


def test_what_failed_on_our_side_can_be_tried_again(
    live: Live, workspace_id: int, desk: Callable[..., Client], ana: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import UTC, datetime

    from tessera.access import queries as access
    from tessera.privacy import requests

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a fault of ours")

    asked_for = requests.ask_to_erase(
        live,
        workspace_id=workspace_id,
        references=["user_id:ana", "user_id:nobody"],
        actor="ana",
        reason="",
        suppress=False,
        now=datetime.now(UTC),
    )
    client, address = desk(), f"/erasures/{asked_for.id}"
    assert (client.get(address).context["again"], client.post(f"{address}/again").status_code) == (0, 404)
    with monkeypatch.context() as patched:
        patched.setattr(requests, "erase_whole_person", broken)
        requests.run_erasure(live, workspace_id=workspace_id, erasure_id=asked_for.id)
    page = client.get(address)
    assert page.context["again"] == 1
    assert f'action="{address}/again"' in page.text
    assert "No. 1: Something broke on our side." in page.text

    after = client.post(f"{address}/again", follow=True)
    assert (after.context["erasure"].status, after.context["again"]) == ("waiting", 0)
    entry = access.audit_entries(workspace_id)[0]
    assert (entry.action, entry.target, entry.detail) == ("retry_erasure", f"erasure:{asked_for.id}", {"people": 1})
    assert live.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'").fetchone() == (1,)

    requests.run_erasure(live, workspace_id=workspace_id, erasure_id=asked_for.id)
    assert root(live, "user_id", "ana") is None
    assert client.get(address).context["again"] == 0
