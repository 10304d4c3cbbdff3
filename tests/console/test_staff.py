"""Staff, API keys and the audit trail at the screen."""

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from console.conftest import PASSWORD, log_in
from console.test_second_step import account_of, stale
from tessera.access import queries


def invite(client: Client, email: str = "cy@example.com", role: str = "support", **fields: str) -> Any:
    return client.post("/staff/invite", {"email": email, "role": role, "pii": "role", **fields})


def test_from_an_invitation_to_a_colleague(desk: Callable[..., Client]) -> None:
    owner, invited = desk("owner"), Client()

    link = invite(owner).context["link"]
    path = re.sub(r"^http://[^/]+", "", link)
    assert path.startswith("/join/tsi_")
    assert link not in owner.get("/staff").text
    assert "cy@example.com" in owner.get("/staff").text
    page = invited.get(path)
    joined = invited.post(path, {"new": PASSWORD, "again": PASSWORD})

    assert "owner1@example.com invited you as Support." in page.text
    assert joined.url == "/login"
    assert "Welcome." in invited.get("/login").text
    assert log_in(invited, "cy@example.com").url == "/"
    assert invited.get("/people").status_code == 200
    assert Client().get(path).status_code == 404
    assert Client().post(path, {"new": PASSWORD, "again": PASSWORD}).status_code == 404


def test_what_is_wrong_with_an_invitation_is_said(desk: Callable[..., Client]) -> None:
    admin = desk("admin")

    assert invite(admin, role="owner").status_code == 400
    assert "is not one of the available choices" in invite(admin, role="owner").text
    assert "a member of your staff already" in invite(admin, email="admin1@example.com").text
    assert Client().get("/join/tsi_nonsense").status_code == 404


def test_role_and_sight_are_changed(desk: Callable[..., Client]) -> None:
    owner, support = desk("owner"), desk("support")
    page = f"/staff/{account_of('support1@example.com')}"
    assert support.get("/keys").status_code == 403

    assert owner.post(page, {"role": "developer", "pii": "yes"}).url == page

    found = queries.staff_by_email("support1@example.com")
    assert found is not None
    assert (found.role, found.sees_pii) == ("developer", True)
    assert support.get("/keys").status_code == 200


def test_an_administrator_without_sight_grants_none(desk: Callable[..., Client], workspace_id: int) -> None:
    from tessera.access import staffing

    admin, _support = desk("admin"), desk("support")
    change = staffing.Change("admin", sees_pii=False)
    admin_id = account_of("admin1@example.com")
    staffing.change_staff(admin_id, workspace_id=workspace_id, change=change, by=staffing.COMMAND_LINE)

    refused = admin.post(f"/staff/{account_of('support1@example.com')}", {"role": "support", "pii": "yes"})

    assert refused.status_code == 400
    assert "You cannot show personal data to others while it is masked for you." in refused.text


def test_an_administrator_meets_owners_and_themselves_unarmed(desk: Callable[..., Client]) -> None:
    admin, _owner = desk("admin"), desk("owner")
    owner_page, own_page = (f"/staff/{account_of(f'{role}1@example.com')}" for role in ("owner", "admin"))

    assert "Only an owner can change an owner." in admin.get(owner_page).text
    assert "Nobody changes their own access" in admin.get(own_page).text
    for page in (owner_page, own_page):
        assert "Save" not in admin.get(page).text
        assert admin.post(f"{page}/revoke").status_code == 302
        assert admin.post(page, {"role": "support", "pii": "role"}).status_code == 400
    assert admin.post("/staff/demand", {"of": "everybody"}, follow=True).text.count("Only an owner can do that.") == 1
    assert [one.revoked_at for one in queries.staff_members()] == [None, None]
    assert {one.role for one in queries.staff_members()} == {"owner", "admin"}


def test_sessions_end_and_access_with_them(desk: Callable[..., Client]) -> None:
    owner, support = desk("owner"), desk("support")
    page = f"/staff/{account_of('support1@example.com')}"

    owner.post(f"{page}/sessions")
    assert support.get("/people").status_code == 302
    log_in(support, "support1@example.com")
    owner.post(f"{page}/revoke")
    assert support.get("/people").status_code == 302
    assert log_in(Client(), "support1@example.com").status_code == 400
    owner.post(f"{page}/restore")
    assert support.get("/people").status_code == 302
    assert log_in(support, "support1@example.com").status_code == 302


@pytest.mark.parametrize("path", ["/staff/invite", "/keys/new"])
def test_making_access_asks_for_proof(desk: Callable[..., Client], path: str) -> None:
    owner = desk("owner")
    stale(owner)

    assert owner.get(path).url == f"/prove?next={path}"
    page = f"/staff/{account_of('owner1@example.com')}"
    assert owner.post(f"{page}/revoke").url.startswith("/prove")
    assert owner.post(page, {"role": "owner", "pii": "role"}).url.startswith("/prove")
    owner.post("/prove", {"secret": PASSWORD, "next": path})
    assert owner.get(path).status_code == 200


def test_lists_cost_the_same_for_one_row_and_for_three(
    desk: Callable[..., Client], statements: Callable[[Callable[[], Any]], int], workspace_id: int
) -> None:
    from tessera.access import actions

    owner = desk("owner")
    counts: dict[str, list[int]] = {"/staff": [], "/keys": [], "/audit": []}
    for number in range(3):
        actions.create_staff(email=f"p{number}@example.com", role="analyst", workspace_id=workspace_id)
        actions.create_api_key(workspace_id=workspace_id, name=f"key {number}", scopes=["profiles:read"])
        for path, seen in counts.items():
            seen.append(statements(lambda path=path: owner.get(path)))  # type: ignore[misc]

    assert all(len(set(seen)) == 1 for seen in counts.values()), counts


def test_a_key_is_made_shown_once_and_revoked(desk: Callable[..., Client], workspace_id: int) -> None:
    owner = desk("owner")

    made = owner.post("/keys/new", {"name": "CRM", "scopes": ["profiles:read", "pii:read"]})
    token = made.context["token"]

    assert token in made.text
    grant = queries.authenticate_api_key(token)
    assert grant is not None
    assert (grant.name, grant.scopes, grant.workspace_id) == ("CRM", ("profiles:read", "pii:read"), workspace_id)
    maker = queries.staff_of(grant.made_by) if grant.made_by else None
    assert maker is not None
    assert maker.role == "owner"
    assert token not in owner.get("/keys").text
    assert owner.post(f"/keys/{grant.api_key_id}/revoke").url == "/keys"
    assert queries.authenticate_api_key(token) is None
    assert owner.post("/keys/99999999999999999999/revoke").status_code == 404


def test_a_developer_makes_no_key_that_sees_more_than_they_do(desk: Callable[..., Client], workspace_id: int) -> None:
    developer = desk("developer")

    for scope in ("pii:read", "access:write", "profiles:write", "nonsense"):
        refused = developer.post("/keys/new", {"name": "sly", "scopes": ["profiles:read", scope]})
        assert refused.status_code == 400, scope
    assert developer.post("/keys/new", {"name": "none"}).status_code == 400
    assert queries.api_keys(workspace_id) == []


def test_the_trail_is_told_in_words_filtered_and_paged(
    desk: Callable[..., Client], workspace_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = desk("owner")
    invite(owner)
    owner.post("/keys/new", {"name": "CRM", "scopes": ["profiles:read"]})

    text = owner.get("/audit").text
    assert "invited a colleague" in text
    assert "made an API key" in text
    only = owner.get("/audit", {"action": "invite_staff", "who": "owner1@example.com", "target": "cy@example.com"})
    assert [line.facts.target for line in only.context["lines"]] == ["cy@example.com"]
    assert owner.get("/audit", {"who": "nobody"}).context["lines"] == []
    today = datetime.now(UTC).date().isoformat()
    assert len(owner.get("/audit", {"since": today, "until": today}).context["lines"]) >= 3
    assert owner.get("/audit", {"until": "2020-01-01"}).context["lines"] == []
    assert owner.get("/audit?before=nonsense").status_code == 404

    monkeypatch.setattr("tessera.console.views.audit.PER_PAGE", 1)
    seen, before = [], ""
    while before is not None:
        page = owner.get("/audit", {"before": before} if before else {})
        seen += [line.facts.id for line in page.context["lines"]]
        before = page.context["next"]
    assert seen == [entry.id for entry in queries.audit_entries(workspace_id, limit=100)]


def test_the_trail_as_a_file_carries_no_formulas(desk: Callable[..., Client], workspace_id: int) -> None:
    from tessera.access.actions import record_audit

    owner = desk("owner")
    record_audit(workspace_id=workspace_id, actor='=HYPERLINK("http://evil")', action="x", target="@SUM(1)")

    answer = owner.get("/audit/export")
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))

    assert rows[0] == ["at", "actor", "action", "target", "detail"]
    assert any(row[1] == '\'=HYPERLINK("http://evil")' and row[3] == "'@SUM(1)" for row in rows)
    assert not [cell for row in rows for cell in row if cell[:1] in tuple("=+-@")]
    assert queries.audit_entries(workspace_id)[0].action == "export_audit"


def test_every_action_has_its_words() -> None:
    from pathlib import Path

    import tessera
    from tessera.console.audit_words import ACTIONS

    source = "\n".join(path.read_text() for path in Path(tessera.__file__).parent.rglob("*.py"))
    calls = r'(?:\b_?note|\b_audit|\b_changed)\(\s*(?:connection|request),(?:\s*\w+,)+\s*"(\w+)"'
    used = set(re.findall(r'action="([a-z_]+)"', source)) | set(re.findall(calls, source))
    used |= {"pause_import", "cancel_import"}  # put together from what is wanted of the import

    assert {"accept_duplicate", "start_import", "suppress_contact", "change_status", "request_export"} <= used
    assert used - set(ACTIONS) == set()
