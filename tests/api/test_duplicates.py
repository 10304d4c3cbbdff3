"""Having duplicates looked for, and saying what each pair is, as a program does it."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from api.conftest import Api
from duplicates.conftest import make_twice
from tessera.duplicates import actions

Live = psycopg.Connection[Any]


@pytest.fixture
def pair(live: Live, api: Api, workspace_id: int) -> dict[str, Any]:
    """The one pair there is, found by a run that was asked for over the API."""
    make_twice(live, workspace_id)
    run = api.post("duplicates/runs").data
    assert run["state"] == "waiting"
    actions.carry_out_run(live, workspace_id=workspace_id, run_id=UUID(run["run_id"]))
    (found,) = api.get("duplicates").data["pairs"]
    return dict(found)


def test_a_run_is_asked_for_and_watched(api: Api, pair: dict[str, Any]) -> None:
    run = api.get(f"duplicates/runs/{pair['run_id']}").data

    assert (run["state"], run["proposed"], run["asked_by"]) == ("done", 1, "api-key:crm")
    assert api.post("duplicates/runs").status_code == 200
    assert api.post("duplicates/runs").data["code"] == "already_looking"


def test_accepted_and_taken_back(api: Api, pair: dict[str, Any]) -> None:
    merged = api.post(f"duplicates/{pair['pair_id']}/accept", keep=pair["right"], key="once").data

    assert (merged["state"], merged["decided_by"]) == ("merged", "api-key:crm")
    person = api.get(f"profiles/{pair['left']}").data
    assert person["profile_id"] == pair["right"]
    assert person["merges"][0]["evidence"]["pair_id"] == pair["pair_id"]
    again = api.post(f"duplicates/{pair['pair_id']}/accept", keep=pair["right"], key="once")
    assert (again.data, again["Idempotency-Replayed"]) == (merged, "true")
    assert api.get("duplicates", state="merged").data["pairs"] == [merged]

    assert api.post(f"duplicates/{pair['pair_id']}/undo").data == pair
    assert api.get(f"profiles/{pair['left']}").data["profile_id"] == pair["left"]
    assert api.post(f"duplicates/{pair['pair_id']}/undo").data["code"] == "not_decided"


def test_rejected_once(api: Api, pair: dict[str, Any]) -> None:
    assert api.post(f"duplicates/{pair['pair_id']}/reject").data["state"] == "rejected"

    late = api.post(f"duplicates/{pair['pair_id']}/accept")

    assert (late.status_code, late.data["code"]) == (409, "already_decided")
    assert "rejected" in late.data["detail"]
    assert api.get("duplicates").data["pairs"] == []


def test_nobody_else_may_be_kept(api: Api, pair: dict[str, Any]) -> None:
    refused = api.post(f"duplicates/{pair['pair_id']}/accept", keep=str(uuid4()))

    assert (refused.status_code, refused.data["code"]) == (422, "not_in_pair")
    assert api.get("duplicates").data["pairs"] == [pair]


def test_a_stranger_finds_nothing(api: Api, stranger: Api, pair: dict[str, Any]) -> None:
    assert stranger.get("duplicates").data["pairs"] == []
    assert stranger.get(f"duplicates/runs/{pair['run_id']}").status_code == 404
    for verb in ("accept", "reject", "undo"):
        assert stranger.post(f"duplicates/{pair['pair_id']}/{verb}").status_code == 404
    assert api.get("duplicates").data["pairs"] == [pair]


def test_scopes(key: Any, pair: dict[str, Any]) -> None:
    reader, other = key("duplicates:read", name="reader"), key("profiles:write", name="other")

    assert reader.get("duplicates").status_code == 200
    assert reader.post("duplicates/runs").status_code == 403
    assert reader.post(f"duplicates/{pair['pair_id']}/reject").status_code == 403
    assert other.get("duplicates").status_code == 403


NOBODY = "01932a5e-0000-7000-8000-000000000000"


@pytest.mark.parametrize("cursor", ["x", "1_2", f"nan_{NOBODY}", f"inf_{NOBODY}", "_", "1e999_" + "0" * 32])
def test_a_cursor_of_somebody_elses(api: Api, cursor: str) -> None:
    assert api.get("duplicates", next=cursor).status_code in (200, 422)
