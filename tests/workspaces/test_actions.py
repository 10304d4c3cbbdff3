"""Workspaces, sources and write keys."""

from datetime import UTC, datetime, timedelta

import pytest

from tessera.access.queries import audit_entries
from tessera.foundation.errors import NotFound, TesseraError
from tessera.workspaces import actions, queries

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_a_source_is_made_changed_disabled_and_enabled(workspace_id: int) -> None:
    source = actions.create_source(workspace_id=workspace_id, name="Shop", actor="ana@example.com")
    actions.change_source(
        source.id,
        workspace_id=workspace_id,
        name="Web shop",
        kind="site",
        allowed_origins=["https://Shop.example/", "https://shop.example", "*"],
        actor="ana@example.com",
    )
    actions.disable_source(source.id, workspace_id=workspace_id, now=NOON, actor="ana@example.com")
    actions.disable_source(source.id, workspace_id=workspace_id, now=NOON + timedelta(days=1), actor="bo@example.com")

    (found,) = queries.sources(workspace_id)
    assert (found.name, found.allowed_origins, found.disabled_at) == ("Web shop", ("https://shop.example", "*"), NOON)

    actions.enable_source(source.id, workspace_id=workspace_id, actor="ana@example.com")
    assert queries.sources(workspace_id)[0].disabled_at is None
    assert [(entry.actor, entry.action) for entry in audit_entries(workspace_id)][:4] == [
        ("ana@example.com", action) for action in ("enable_source", "disable_source", "change_source", "create_source")
    ]


@pytest.mark.parametrize(
    "origin", ["shop.example", "https://shop.example/cart", "ftp://shop.example", "https://", "javascript:alert(1)", ""]
)
def test_what_is_no_web_origin_is_refused(workspace_id: int, origin: str) -> None:
    with pytest.raises(TesseraError) as refusal:
        actions.create_source(workspace_id=workspace_id, name="Shop", allowed_origins=[origin])

    assert refusal.value.code == "invalid_origin"
    assert queries.sources(workspace_id) == []


def test_names_are_taken_once_per_workspace(workspace_id: int) -> None:
    other = actions.create_workspace(slug="other", name="Other")
    shop = actions.create_source(workspace_id=workspace_id, name="Shop")
    till = actions.create_source(workspace_id=workspace_id, name="Till")
    actions.create_source(workspace_id=other.id, name="Shop")

    refusals = []
    for act in (
        lambda: actions.create_source(workspace_id=workspace_id, name="Shop"),
        lambda: actions.change_source(till.id, workspace_id=workspace_id, name="Shop", kind="till", allowed_origins=[]),
        lambda: actions.create_workspace(slug="other", name="Again"),
    ):
        with pytest.raises(TesseraError) as refusal:
            act()
        refusals.append(refusal.value.code)

    assert refusals == ["source_exists", "source_exists", "workspace_exists"]
    assert [source.name for source in queries.sources(workspace_id)] == ["Shop", "Till"]
    assert queries.source_by_id(workspace_id, shop.id) == shop


def test_a_stranger_reaches_nothing_of_this_workspace(workspace_id: int) -> None:
    stranger = actions.create_workspace(slug="other", name="Other").id
    source = actions.create_source(workspace_id=workspace_id, name="Shop")
    key = actions.create_write_key(source.id, workspace_id=workspace_id, name="first")

    for act in (
        lambda: actions.create_write_key(source.id, workspace_id=stranger, name="mine"),
        lambda: actions.revoke_write_key(key.id, workspace_id=stranger, now=NOON),
        lambda: actions.disable_source(source.id, workspace_id=stranger, now=NOON),
        lambda: actions.enable_source(source.id, workspace_id=stranger),
        lambda: actions.change_source(source.id, workspace_id=stranger, name="x", kind="site", allowed_origins=[]),
    ):
        with pytest.raises(NotFound):
            act()

    assert (queries.sources(stranger), queries.write_keys(stranger)) == ([], [])
    assert queries.write_keys(workspace_id) == [key]
    assert queries.sources(workspace_id) == [source]


def test_a_revoked_write_key_keeps_its_first_end(workspace_id: int) -> None:
    source = actions.create_source(workspace_id=workspace_id, name="Shop")
    key = actions.create_write_key(source.id, workspace_id=workspace_id, name="first")
    actions.revoke_write_key(key.id, workspace_id=workspace_id, now=NOON)
    actions.revoke_write_key(key.id, workspace_id=workspace_id, now=NOON + timedelta(days=1))

    (found,) = queries.write_keys(workspace_id, source_id=source.id)

    assert found.revoked_at == NOON
