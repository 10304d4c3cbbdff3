"""Requests to erase many: what fails on our side can be tried again, and no request remembers who is gone."""

from typing import Any

import psycopg
import pytest

from factories.people import NOON, ingest, message, root
from tessera.privacy import requests
from tessera.privacy.queries import Erasure
from tessera.privacy.requests import ask_to_erase, run_erasure

Connection = psycopg.Connection[Any]


def ask(live: Connection, workspace_id: int, *references: str, reason: str = "") -> Erasure:
    return ask_to_erase(
        live, workspace_id=workspace_id, references=references, actor="eva", reason=reason, suppress=False, now=NOON
    )


def outcomes(live: Connection, asked: Erasure) -> list[tuple[Any, ...]]:
    rows = live.execute(
        "SELECT status, code, reference FROM privacy_erased WHERE erasure_id = %s ORDER BY number", (asked.id,)
    )
    return rows.fetchall()


def broken(*_: object, **__: object) -> None:
    raise RuntimeError("a fault of ours")


def test_what_failed_on_our_side_is_tried_again_when_the_request_is_done_again(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch
):
    ingest(live, workspace_id, [message(userId="ana")])
    asked = ask(live, workspace_id, "user_id:ana", "user_id:nobody")
    with monkeypatch.context() as patched:
        patched.setattr(requests, "erase_whole_person", broken)
        run_erasure(live, workspace_id=workspace_id, erasure_id=asked.id)
    assert outcomes(live, asked) == [("failed", "internal_error", "user_id:ana"), ("failed", "not_found", None)]

    run_erasure(live, workspace_id=workspace_id, erasure_id=asked.id)
    assert outcomes(live, asked) == [("done", "", None), ("failed", "not_found", None)]
    assert root(live, "user_id", "ana") is None


def test_other_requests_forget_the_person_too(live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch):
    early = ask(live, workspace_id, "email:ana@example.com", reason="ana@example.com asked, for bob@example.com too")
    run_erasure(live, workspace_id=workspace_id, erasure_id=early.id)
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"email": "ana@example.com"})])
    failed = ask(live, workspace_id, "user_id:ana", "user_id:anab")
    ingest(live, workspace_id, [message(userId="anab")])
    with monkeypatch.context() as patched:
        patched.setattr(requests, "erase_whole_person", broken)
        run_erasure(live, workspace_id=workspace_id, erasure_id=failed.id)

    run_erasure(live, workspace_id=workspace_id, erasure_id=ask(live, workspace_id, "email:ana@example.com").id)

    reasons = live.execute("SELECT reason FROM privacy_erasure WHERE id = %s", (early.id,)).fetchall()
    assert reasons == [("[erased] asked, for bob@example.com too",)]
    assert [reference for _, _, reference in outcomes(live, failed)] == [None, "user_id:anab"]
