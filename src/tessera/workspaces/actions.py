"""Every change to workspaces, sources and write keys. Each leaves an entry in the audit trail."""

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction

from tessera.access.actions import SYSTEM, record_audit
from tessera.foundation.errors import NotFound, TesseraError
from tessera.workspaces.models import Brand, Source, SourceKind, Workspace, WriteKey
from tessera.workspaces.queries import (
    SourceFacts,
    WorkspaceFacts,
    WriteKeyFacts,
    source_facts,
    workspace_facts,
    write_key_facts,
)

WRITE_KEY_PREFIX: Final = "twk_"


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


def create_source(
    *,
    workspace_id: int,
    name: str,
    kind: str = SourceKind.SITE,
    allowed_origins: Iterable[str] = ("*",),
    brand_id: int | None = None,
    actor: str = SYSTEM,
) -> SourceFacts:
    """Make an entry point. Raises `TesseraError` when the name is taken, or the kind or an origin will not do."""
    origins = _checked_origins(allowed_origins)
    _check_kind(kind)
    _check_brand(brand_id, workspace_id)
    try:
        with transaction.atomic():
            row = Source.objects.create(
                workspace_id=workspace_id, brand_id=brand_id, name=name, kind=kind, allowed_origins=origins
            )
            record_audit(
                workspace_id=workspace_id, actor=actor, action="create_source", target=name, detail={"kind": kind}
            )
    except IntegrityError:
        raise TesseraError(f"there is a source {name!r} already", code="source_exists") from None
    row.refresh_from_db()
    return source_facts(row)


def change_source(
    source_id: int,
    *,
    workspace_id: int,
    name: str,
    kind: str,
    allowed_origins: Iterable[str],
    brand_id: int | None = None,
    actor: str = SYSTEM,
) -> SourceFacts:
    """Replace what can be changed about a source. Raises as `create_source` does, and `NotFound`."""
    origins = _checked_origins(allowed_origins)
    _check_kind(kind)
    _check_brand(brand_id, workspace_id)
    try:
        with transaction.atomic():
            row = _source(source_id, workspace_id)
            row.name, row.kind, row.allowed_origins, row.brand_id = name, kind, origins, brand_id
            row.save()
            detail = {"kind": kind, "allowed_origins": origins}
            record_audit(workspace_id=workspace_id, actor=actor, action="change_source", target=name, detail=detail)
    except IntegrityError:
        raise TesseraError(f"there is a source {name!r} already", code="source_exists") from None
    return source_facts(row)


@transaction.atomic
def disable_source(source_id: int, *, workspace_id: int, now: datetime, actor: str = SYSTEM) -> None:
    """Refuse whatever the source sends from now on; repeating it changes nothing. Raises `NotFound`."""
    row = _source(source_id, workspace_id)
    if row.disabled_at is None:
        row.disabled_at = now
        row.save(update_fields=["disabled_at"])
        record_audit(workspace_id=workspace_id, actor=actor, action="disable_source", target=row.name)


@transaction.atomic
def enable_source(source_id: int, *, workspace_id: int, actor: str = SYSTEM) -> None:
    """Undo `disable_source`. Raises `NotFound`."""
    row = _source(source_id, workspace_id)
    if row.disabled_at is not None:
        row.disabled_at = None
        row.save(update_fields=["disabled_at"])
        record_audit(workspace_id=workspace_id, actor=actor, action="enable_source", target=row.name)


@transaction.atomic
def create_write_key(source_id: int, *, workspace_id: int, name: str, actor: str = SYSTEM) -> WriteKeyFacts:
    """Make a key that lets clients send events for the source. Raises `NotFound`."""
    source = _source(source_id, workspace_id)
    row = WriteKey.objects.create(source=source, name=name, key=WRITE_KEY_PREFIX + secrets.token_urlsafe(24))
    detail = {"name": name, "source": source.name}
    record_audit(
        workspace_id=workspace_id, actor=actor, action="create_write_key", target=f"write-key:{row.pk}", detail=detail
    )
    row.refresh_from_db()
    return write_key_facts(row)


@transaction.atomic
def revoke_write_key(write_key_id: int, *, workspace_id: int, now: datetime, actor: str = SYSTEM) -> None:
    """End a write key (collect notices within 5 s); repeating it changes nothing. Raises `NotFound`."""
    keys = WriteKey.objects.filter(pk=write_key_id, source__workspace_id=workspace_id)
    if keys.filter(revoked_at=None).update(revoked_at=now):
        target = f"write-key:{write_key_id}"
        record_audit(workspace_id=workspace_id, actor=actor, action="revoke_write_key", target=target)
    elif not keys.exists():
        raise NotFound(f"no write key {write_key_id} in this workspace")


def _source(source_id: int, workspace_id: int) -> Source:
    row = Source.objects.select_for_update().filter(pk=source_id, workspace_id=workspace_id).first()
    if row is None:
        raise NotFound(f"no source {source_id} in this workspace")
    return row


def _check_kind(kind: str) -> None:
    if kind not in SourceKind.values:
        raise TesseraError(f"no such kind: {kind}. Kinds are {', '.join(SourceKind.values)}", code="unknown_kind")


def _check_brand(brand_id: int | None, workspace_id: int) -> None:
    if brand_id is not None and not Brand.objects.filter(pk=brand_id, workspace_id=workspace_id).exists():
        raise TesseraError(f"no brand {brand_id} in this workspace", code="unknown_brand")


def _checked_origins(origins: Iterable[str]) -> list[str]:
    """An origin is `scheme://host[:port]` and nothing more (RFC 6454 §6.2), or `*`."""
    checked: list[str] = []
    for text in origins:
        origin = text.strip().rstrip("/").lower()
        parts = urlsplit(origin)
        if origin != "*" and (parts.scheme not in {"http", "https"} or origin != f"{parts.scheme}://{parts.netloc}"):
            raise TesseraError(f"not a web origin: {text!r} (write https://shop.example)", code="invalid_origin")
        if origin not in checked:
            checked.append(origin)
    return checked
