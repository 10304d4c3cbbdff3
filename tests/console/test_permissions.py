"""Who may do what, as one table over every screen that changes something."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from django.test import Client
from django.urls import resolve

from console.addresses import OPEN_TO_ALL, console_patterns
from factories.people import ingest, message, root

ROLES = ("owner", "admin", "marketer", "support", "developer", "analyst")
SOURCES = {"owner", "admin", "developer"}
PEOPLE = {"owner", "admin", "marketer", "support"}
ERASERS = {"owner", "admin"}
FACES = {"owner", "admin", "marketer"}
EXPORTS = {"owner", "admin", "marketer"}

SEGMENTS = {"owner", "admin", "marketer", "analyst"}
STAFF = {"owner", "admin"}
KEYS = {"owner", "admin", "developer"}

SEGMENTS = {"owner", "admin", "marketer", "analyst"}

SCREENS: list[tuple[str, str, set[str]]] = [
    ("GET", "/", set(ROLES)),
    ("GET", "/people", set(ROLES)),
    ("GET", "/people/{person}", set(ROLES)),
    ("GET", "/people/{person}/history", set(ROLES)),
    ("GET", "/people/{person}/tabs/main/edit", set(ROLES)),
    ("POST", "/people/{person}/tabs/main/edit", set(ROLES)),
    ("POST", "/people/{person}/tabs/contact/pin", set(ROLES)),
    ("POST", "/people/{person}/tabs/0/delete", set(ROLES)),
    ("GET", "/sources", set(ROLES)),
    ("GET", "/sources/{source}", set(ROLES)),
    ("GET", "/live", set(ROLES)),
    ("GET", "/sources/{source}/live", set(ROLES)),
    ("GET", "/password", set(ROLES)),
    ("GET", "/sources/new", SOURCES),
    ("GET", "/sources/{source}/edit", SOURCES),
    ("POST", "/sources/{source}/keys", SOURCES),
    ("POST", "/sources/{source}/disable", SOURCES),
    ("POST", "/sources/{source}/enable", SOURCES),
    ("POST", "/sources/{source}/keys/{key}/revoke", SOURCES),
    ("GET", "/people/{person}/export", EXPORTS),
    ("GET", "/imports", EXPORTS),
    ("GET", "/imports/new", EXPORTS),
    ("POST", "/imports/new", EXPORTS),
    ("POST", "/imports/begin", EXPORTS),
    *(
        (("GET", f"/imports/{{person}}/{step}", EXPORTS))
        for step in ("file", "sample", "columns", "progress", "errors")
    ),
    ("GET", "/imports/{person}", EXPORTS),
    ("POST", "/imports/{person}/columns", EXPORTS),
    ("POST", "/imports/{person}/chunks/0", EXPORTS),
    ("POST", "/imports/{person}/uploaded", EXPORTS),
    *(
        ("POST", f"/imports/{{person}}/{act}", EXPORTS)
        for act in ("check", "start", "pause", "cancel", "resume", "undo", "delete")
    ),
    ("GET", "/reports", set(ROLES)),
    *(
        ("GET", f"/reports/{kind}{part}", set(ROLES))
        for kind in ("funnel", "retention", "trend", "rfm", "lifecycle")
        for part in ("", "/answer", "/csv")
    ),
    ("POST", "/reports/save", SEGMENTS),
    ("POST", "/reports/segment", SEGMENTS),
    *(("GET", f"/reports/saved/{{person}}{part}", set(ROLES)) for part in ("", "/answer", "/csv")),
    ("POST", "/reports/saved/{person}/delete", SEGMENTS),
    ("GET", "/exports", EXPORTS),
    ("GET", "/exports/new", EXPORTS),
    ("POST", "/exports/new", EXPORTS),
    ("POST", "/exports/preview", EXPORTS),
    ("GET", "/exports/{person}/row", EXPORTS),
    ("GET", "/exports/{person}/file", EXPORTS),
    ("POST", "/exports/{person}/cancel", EXPORTS),
    ("POST", "/exports/{person}/delete", EXPORTS),
    ("GET", "/segment-exports", EXPORTS),
    ("GET", "/segment-exports/new", EXPORTS),
    ("GET", "/segment-exports/{person}", EXPORTS),
    ("GET", "/segment-exports/{person}/edit", EXPORTS),
    *(
        ("POST", f"/segment-exports/{{person}}/{act}", EXPORTS)
        for act in ("run", "pause", "resume", "secret", "delete")
    ),
    ("GET", "/segment-exports/{person}/deliveries/1", EXPORTS),
    ("GET", "/people/{person}/merge", PEOPLE),
    ("GET", "/people/{person}/attributes/form", PEOPLE),
    ("POST", "/people/{person}/attributes/set", PEOPLE),
    ("POST", "/people/{person}/attributes/remove", PEOPLE),
    ("GET", "/people/{person}/split/{person}", PEOPLE),
    ("POST", "/people/{person}/split/{person}", PEOPLE),
    ("GET", "/people/{person}/relations", set(ROLES)),
    ("GET", "/people/{person}/relations/candidates", PEOPLE),
    ("POST", "/people/{person}/relations/add", PEOPLE),
    ("POST", "/people/{person}/relations/remove", PEOPLE),
    ("GET", "/people/{person}/erase", ERASERS),
    ("GET", "/erasures", ERASERS),
    ("GET", "/erasures/{person}", ERASERS),
    ("POST", "/erasures/{person}/again", ERASERS),
    ("GET", "/suppressions", ERASERS),
    ("POST", "/suppressions/check", ERASERS),
    ("POST", "/suppressions/add", ERASERS),
    ("POST", "/suppressions/lift", ERASERS),
    ("GET", "/segments", set(ROLES)),
    ("GET", "/segments/candidates", set(ROLES)),
    *(("GET", f"/segments/{{person}}{page}", set(ROLES)) for page in ("", "/members", "/why/{person}")),
    ("GET", "/segments/new", SEGMENTS),
    ("GET", "/segments/new-list", SEGMENTS),
    ("GET", "/segments/{person}/edit", SEGMENTS),
    *(("POST", f"/segments/{page}", SEGMENTS) for page in ("build", "count", "preview", "explain/{person}")),
    *(
        ("POST", f"/segments/{{person}}/{deed}", SEGMENTS)
        for deed in ("duplicate", "archive", "restore", "delete", "freshness", "refresh", "snapshot", "list")
    ),
    ("POST", "/segments/{person}/people/{person}/add", SEGMENTS),
    ("POST", "/segments/{person}/people/{person}/remove", SEGMENTS),
    ("GET", "/people/{person}/segments", set(ROLES)),
    ("POST", "/people/{person}/segments/change", SEGMENTS),
    ("GET", "/catalogue", set(ROLES)),
    ("GET", "/catalogue/entry?kind=event&name=Nothing", set(ROLES)),
    ("GET", "/catalogue/problems", set(ROLES)),
    ("GET", "/catalogue/entry/rehearse?kind=event&name=Nothing", SOURCES),
    ("POST", "/catalogue/entry/change", SOURCES),
    ("POST", "/catalogue/undo", SOURCES),
    ("POST", "/catalogue/problems/acknowledge", SOURCES),
    ("GET", "/brands", set(ROLES)),
    ("POST", "/brands/new", SOURCES),
    ("POST", "/brands/1/rename", SOURCES),
    ("GET", "/duplicates", PEOPLE),
    ("POST", "/duplicates/runs", PEOPLE),
    ("GET", "/duplicates/runs/latest", PEOPLE),
    ("GET", "/duplicates/{person}", PEOPLE),
    ("POST", "/duplicates/{person}/accept", PEOPLE),
    ("POST", "/duplicates/{person}/reject", PEOPLE),
    ("POST", "/duplicates/{person}/undo", PEOPLE),
    ("POST", "/people/{person}/merge-again/{person}", PEOPLE),
    ("POST", "/people/{person}/status", PEOPLE),
    ("POST", "/people/{person}/test-subscriber", PEOPLE),
    ("POST", "/people/{person}/avatar", PEOPLE),
    ("POST", "/people/{person}/avatar/remove", PEOPLE),
    ("GET", "/people/{person}/avatar/abc/large", FACES),
    ("GET", "/people/{person}/attributes", set(ROLES)),
    ("GET", "/people/{person}/merge/{person}", PEOPLE),
    ("GET", "/live/rows", set(ROLES)),
    ("GET", "/sources/{source}/live/rows", set(ROLES)),
    ("GET", "/minutes", set(ROLES)),
    ("GET", "/palette", set(ROLES)),
    ("GET", "/settings", set(ROLES)),
    ("GET", "/styleguide", set(ROLES)),
    ("GET", "/prove", set(ROLES)),
    ("GET", "/security", set(ROLES)),
    ("POST", "/security/totp/begin", set(ROLES)),
    ("GET", "/security/totp", set(ROLES)),
    ("POST", "/security/totp/remove", set(ROLES)),
    ("POST", "/security/recovery", set(ROLES)),
    ("POST", "/security/passkeys", set(ROLES)),
    ("POST", "/security/passkeys/options", set(ROLES)),
    ("POST", "/security/passkeys/{person}/remove", set(ROLES)),
    ("POST", "/security/sessions", set(ROLES)),
    ("GET", "/staff", STAFF),
    ("GET", "/staff/invite", STAFF),
    ("POST", "/staff/demand", STAFF),
    ("POST", "/staff/invitations/{person}/withdraw", STAFF),
    ("GET", "/staff/{person}", STAFF),
    ("POST", "/staff/{person}/revoke", STAFF),
    ("POST", "/staff/{person}/restore", STAFF),
    ("POST", "/staff/{person}/sessions", STAFF),
    ("POST", "/staff/{person}/second-factor", STAFF),
    ("GET", "/keys", KEYS),
    ("GET", "/keys/new", KEYS),
    ("POST", "/keys/{key}/revoke", KEYS),
    ("GET", "/audit", STAFF),
    ("GET", "/audit/export", STAFF),
]


@pytest.mark.parametrize("role", ROLES)
def test_roles(
    role: str,
    live: psycopg.Connection[Any],
    desk: Callable[..., Client],
    workspace_id: int,
    source: Any,
) -> None:
    from tessera.workspaces import actions

    ingest(live, workspace_id, [message(userId="ana")], source_id=source.id)
    key = actions.create_write_key(source.id, workspace_id=workspace_id, name="key")
    names = {"person": str(root(live, "user_id", "ana")), "source": str(source.id), "key": str(key.id)}
    client = desk(role)

    refused = {
        (method, path) for method, path, _ in SCREENS if client.generic(method, path.format(**names)).status_code == 403
    }

    assert refused == {(method, path) for method, path, allowed in SCREENS if role not in allowed}


def test_write_keys_are_shown_only_to_who_manages_sources(
    desk: Callable[..., Client], workspace_id: int, source: Any
) -> None:
    from tessera.workspaces import actions

    key = actions.create_write_key(source.id, workspace_id=workspace_id, name="key").key

    assert key in desk("developer").get(f"/sources/{source.id}").text
    assert key not in desk("analyst").get(f"/sources/{source.id}").text


def test_every_view_is_in_the_table_above() -> None:
    """A view that is new stays out of nobody's sight: it joins the table, with who may use it."""

    id_ = "01932a5e-0000-7000-8000-000000000000"
    named = {resolve(path.partition("?")[0].format(person=id_, source=1, key=1)).url_name for _, path, _ in SCREENS}
    served = {one.name for one in console_patterns() if one.name not in OPEN_TO_ALL}

    assert served == named


@pytest.mark.parametrize("role", ROLES)
def test_personal_data_is_granted_and_taken_person_by_person(role: str) -> None:
    from tessera.access.roles import sees_pii
    from tessera.console.permissions import ABILITIES, Ability, abilities_of

    def can(grant: bool | None) -> frozenset[Ability]:
        return abilities_of(cast(Any, SimpleNamespace(role=role, sees_pii=sees_pii(role, grant))))

    assert can(None) == ABILITIES[role]
    assert can(True) == ABILITIES[role] | {Ability.SEE_PII}
    assert can(False) == ABILITIES[role] - {Ability.SEE_PII, Ability.EXPORT_PEOPLE}


def test_a_key_can_do_no_more_than_its_maker() -> None:
    from tessera.access.scopes import SCOPES
    from tessera.console.permissions import scopes_of

    def scopes(role: str, *, sees_pii: bool) -> set[str]:
        return set(scopes_of(cast(Any, SimpleNamespace(role=role, sees_pii=sees_pii))))

    assert scopes("owner", sees_pii=True) == set(SCOPES)
    assert scopes("admin", sees_pii=False) == set(SCOPES) - {"pii:read", "exports:read", "exports:write"}
    assert scopes("developer", sees_pii=False) == {
        *("workspaces:read", "workspaces:write", "events:read", "events:write"),
        *("identity:read", "profiles:read", "duplicates:read", "audience:read"),
    }


def test_every_view_says_what_it_asks_for() -> None:
    from tessera.console.permissions import Ability
    from tessera.console.urls import urlpatterns

    for pattern in urlpatterns:
        view = pattern.callback
        assert isinstance(getattr(view, "ability", None), Ability) or view.login_required is False, pattern.name
