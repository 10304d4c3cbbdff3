"""Every change to workspaces, brands, sources and write keys. Each leaves an entry in the audit trail.

Pass a psycopg `connection` that is in a transaction to make the change part of it; otherwise it has one of its own.
"""

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import psycopg
from django.db import IntegrityError, transaction
from django.utils.text import slugify
from msgspec import UNSET, UnsetType

from tessera.access.actions import SYSTEM, record_audit
from tessera.access.audit import record_audit_on
from tessera.foundation.errors import NotFound, TesseraError
from tessera.workspaces import store
from tessera.workspaces.models import Brand, SourceKind, Workspace
from tessera.workspaces.origins import checked_origins
from tessera.workspaces.queries import BrandFacts, SourceFacts, WorkspaceFacts, WriteKeyFacts, workspace_facts
from tessera.workspaces.store import writing

Connection = psycopg.Connection[Any]

WRITE_KEY_PREFIX: Final = "twk_"
LONGEST_NAME: Final = 200
_LONGEST_SLUG: Final = 50


def create_workspace(
    *, slug: str, name: str, currency: str = "USD", region: str = "US", time_zone: str = "UTC", actor: str = SYSTEM
) -> WorkspaceFacts:
    """Make an isolated base of profiles. Raises `TesseraError` when the slug is taken."""
    try:
        with transaction.atomic():
            row = Workspace.objects.create(slug=slug, name=name, currency=currency, region=region, time_zone=time_zone)
            record_audit(workspace_id=row.pk, actor=actor, action="create_workspace", target=slug)
    except IntegrityError:
        raise TesseraError(f"there is a workspace {slug} already", code="workspace_exists") from None
    return workspace_facts(row)


def ensure_brand(*, workspace_id: int, slug: str, name: str, actor: str = SYSTEM) -> int:
    """Make a brand where there is none of that slug; returns its id."""
    with transaction.atomic():
        row, made = Brand.objects.get_or_create(workspace_id=workspace_id, slug=slug, defaults={"name": name})
        if made:
            record_audit(workspace_id=workspace_id, actor=actor, action="create_brand", target=slug)
    return row.pk


def create_brand(
    *, workspace_id: int, name: str, actor: str = SYSTEM, connection: Connection | None = None
) -> BrandFacts:
    """Make a brand; its slug is made from its name. Raises `TesseraError` when the name is taken or will not do."""
    name = _checked_name(name)
    try:
        with writing(connection) as on:
            _check_brand_name(on, workspace_id, name)
            slug = _free_slug(name, store.slugs_of_brands(on, workspace_id))
            brand_id = store.add_brand(on, workspace_id, slug=slug, name=name)
            record_audit_on(on, workspace_id=workspace_id, actor=actor, action="create_brand", target=slug)
    except psycopg.errors.UniqueViolation:
        raise TesseraError(f"a brand like {name!r} is being made by somebody else", code="brand_exists") from None
    return BrandFacts(brand_id, name, slug)


def rename_brand(
    brand_id: int, *, workspace_id: int, name: str, actor: str = SYSTEM, connection: Connection | None = None
) -> BrandFacts:
    """Give a brand another name; its slug stays. Raises `NotFound`, and `TesseraError` when the name is taken."""
    name = _checked_name(name)
    with writing(connection) as on:
        brand = store.read_brand(on, workspace_id, brand_id)
        if brand is None:
            raise NotFound(f"no brand {brand_id} in this workspace")
        if name != brand.name:
            _check_brand_name(on, workspace_id, name, but=brand_id)
            on.execute("UPDATE workspaces_brand SET name = %s WHERE id = %s", (name, brand_id))
            detail = {"from": brand.name, "to": name}
            target = brand.slug
            record_audit_on(
                on, workspace_id=workspace_id, actor=actor, action="rename_brand", target=target, detail=detail
            )
    return BrandFacts(brand_id, name, brand.slug)


def _check_brand_name(on: Connection, workspace_id: int, name: str, *, but: int | None = None) -> None:
    if store.brand_of_name(on, workspace_id, name) not in (None, but):
        raise TesseraError(f"there is a brand {name!r} already", code="brand_exists")


def _free_slug(name: str, taken: set[str]) -> str:
    """`Casa Luna` is `casa-luna`, a second one `casa-luna-2`; a name without Latin letters is `brand-…`."""
    basis = slugify(name)[: _LONGEST_SLUG - 6] or "brand"
    return next(slug for n in range(1, len(taken) + 2) if (slug := basis if n == 1 else f"{basis}-{n}") not in taken)


def create_source(
    *,
    workspace_id: int,
    name: str,
    kind: str = SourceKind.SITE,
    allowed_origins: Iterable[str] = ("*",),
    brand_id: int | None = None,
    actor: str = SYSTEM,
    connection: Connection | None = None,
) -> SourceFacts:
    """Make an entry point. Raises `TesseraError` when the name is taken, or the kind or an origin will not do."""
    name, origins = _checked_name(name), checked_origins(allowed_origins)
    _check_kind(kind)
    try:
        with writing(connection) as on:
            _check_brand(on, brand_id, workspace_id)
            source_id = store.add_source(
                on, workspace_id, name=name, kind=str(kind), origins=origins, brand_id=brand_id
            )
            detail = {"kind": str(kind), "allowed_origins": origins}
            record_audit_on(
                on, workspace_id=workspace_id, actor=actor, action="create_source", target=name, detail=detail
            )
            return read_source_on(on, workspace_id, source_id)
    except psycopg.errors.UniqueViolation:
        raise TesseraError(f"there is a source {name!r} already", code="source_exists") from None


def change_source(
    source_id: int,
    *,
    workspace_id: int,
    name: str | UnsetType = UNSET,
    kind: str | UnsetType = UNSET,
    allowed_origins: Iterable[str] | UnsetType = UNSET,
    brand_id: int | UnsetType | None = None,
    actor: str = SYSTEM,
    connection: Connection | None = None,
) -> SourceFacts:
    """Change what is named of a source. Raises as `create_source` does, and `NotFound`."""
    wanted_name = name if name is UNSET else _checked_name(name)
    origins = None if allowed_origins is UNSET else checked_origins(allowed_origins)
    if kind is not UNSET:
        _check_kind(kind)
    try:
        with writing(connection) as on:
            known = read_source_on(on, workspace_id, source_id, lock=True)
            fields: dict[str, Any] = {
                "name": known.name if wanted_name is UNSET else wanted_name,
                "kind": known.kind if kind is UNSET else str(kind),
                "origins": list(known.allowed_origins) if origins is None else origins,
                "brand_id": known.brand_id if brand_id is UNSET else brand_id,
            }
            _check_brand(on, fields["brand_id"], workspace_id)
            store.write_source(on, source_id, **fields)
            detail = {"kind": fields["kind"], "allowed_origins": fields["origins"], "brand_id": fields["brand_id"]}
            record_audit_on(
                on, workspace_id=workspace_id, actor=actor, action="change_source", target=fields["name"], detail=detail
            )
            return read_source_on(on, workspace_id, source_id)
    except psycopg.errors.UniqueViolation:
        raise TesseraError(f"there is a source {name!r} already", code="source_exists") from None


def disable_source(
    source_id: int, *, workspace_id: int, now: datetime, actor: str = SYSTEM, connection: Connection | None = None
) -> None:
    """Refuse whatever the source sends from now on; repeating it changes nothing. Raises `NotFound`."""
    with writing(connection) as on:
        source = read_source_on(on, workspace_id, source_id, lock=True)
        if source.disabled_at is None:
            store.set_disabled(on, source_id, now)
            record_audit_on(on, workspace_id=workspace_id, actor=actor, action="disable_source", target=source.name)


def enable_source(
    source_id: int, *, workspace_id: int, actor: str = SYSTEM, connection: Connection | None = None
) -> None:
    """Undo `disable_source`. Raises `NotFound`."""
    with writing(connection) as on:
        source = read_source_on(on, workspace_id, source_id, lock=True)
        if source.disabled_at is not None:
            store.set_disabled(on, source_id, None)
            record_audit_on(on, workspace_id=workspace_id, actor=actor, action="enable_source", target=source.name)


def create_write_key(
    source_id: int, *, workspace_id: int, name: str, actor: str = SYSTEM, connection: Connection | None = None
) -> WriteKeyFacts:
    """Make a key that lets clients send events for the source. Raises `NotFound`."""
    name = _checked_name(name)
    with writing(connection) as on:
        source = read_source_on(on, workspace_id, source_id)
        key_id = store.add_key(on, source_id, name=name, key=WRITE_KEY_PREFIX + secrets.token_urlsafe(24))
        record_audit_on(
            on,
            workspace_id=workspace_id,
            actor=actor,
            action="create_write_key",
            target=f"write-key:{key_id}",
            detail={"name": name, "source": source.name},
        )
        made = store.read_key(on, workspace_id, key_id)
    assert made is not None
    return made


def revoke_write_key(
    write_key_id: int,
    *,
    workspace_id: int,
    now: datetime,
    source_id: int | None = None,
    actor: str = SYSTEM,
    connection: Connection | None = None,
) -> WriteKeyFacts:
    """End a write key (collect notices within 5 s); repeating it changes nothing.

    Raises `NotFound`, also when the key is not of the source that is named.
    """
    with writing(connection) as on:
        key = store.read_key(on, workspace_id, write_key_id)
        if key is None or source_id not in (None, key.source_id):
            raise NotFound(f"no write key {write_key_id} in this workspace")
        if store.end_key(on, write_key_id, now):
            target = f"write-key:{write_key_id}"
            record_audit_on(on, workspace_id=workspace_id, actor=actor, action="revoke_write_key", target=target)
        ended = store.read_key(on, workspace_id, write_key_id)
    assert ended is not None
    return ended


def read_source_on(on: Connection, workspace_id: int, source_id: int, *, lock: bool = False) -> SourceFacts:
    """The source as this transaction sees it. Raises `NotFound`."""
    source = store.read_source(on, workspace_id, source_id, lock=lock)
    if source is None:
        raise NotFound(f"no source {source_id} in this workspace")
    return source


def _checked_name(name: str) -> str:
    text = " ".join(name.split())
    if not 0 < len(text) <= LONGEST_NAME or "\0" in text:
        raise TesseraError(f"a name has 1 to {LONGEST_NAME} characters", code="invalid_name")
    return text


def _check_kind(kind: str) -> None:
    if kind not in SourceKind.values:
        raise TesseraError(f"no such kind: {kind[:64]}. Kinds are {', '.join(SourceKind.values)}", code="unknown_kind")


def _check_brand(on: Connection, brand_id: int | None, workspace_id: int) -> None:
    if brand_id is not None and store.read_brand(on, workspace_id, brand_id) is None:
        raise TesseraError(f"no brand {brand_id} in this workspace", code="unknown_brand")
