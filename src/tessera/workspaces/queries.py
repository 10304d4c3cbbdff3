"""Workspaces, sources and write keys, as other rooms read them."""

from datetime import datetime

from django.db.models import Count
from msgspec import Struct

from tessera.workspaces.models import Brand, Source, SourceKind, Workspace, WriteKey


class WorkspaceFacts(Struct, frozen=True):
    id: int
    slug: str
    name: str
    currency: str
    region: str
    time_zone: str


class SourceFacts(Struct, frozen=True):
    id: int
    workspace_id: int
    name: str
    kind: str
    allowed_origins: tuple[str, ...]
    created_at: datetime
    disabled_at: datetime | None
    brand_id: int | None = None
    brand: str | None = None


class BrandFacts(Struct, frozen=True):
    id: int
    name: str
    slug: str


class WriteKeyFacts(Struct, frozen=True):
    id: int
    source_id: int
    source: str
    name: str
    key: str
    created_at: datetime
    revoked_at: datetime | None


def workspaces() -> list[WorkspaceFacts]:
    """All of them, oldest first."""
    return [workspace_facts(row) for row in Workspace.objects.order_by("pk")]


def workspace_by_slug(slug: str) -> WorkspaceFacts | None:
    row = Workspace.objects.filter(slug=slug).first()
    return workspace_facts(row) if row else None


def source_kinds() -> list[tuple[str, str]]:
    """Every kind of source with its label, in the language of the moment."""
    return [(str(value), str(label)) for value, label in SourceKind.choices]


def brands(workspace_id: int) -> list[BrandFacts]:
    """The brands of the workspace, by name."""
    rows = Brand.objects.filter(workspace_id=workspace_id).order_by("name")
    return [BrandFacts(row.pk, row.name, row.slug) for row in rows]


def sources_by_brand(workspace_id: int) -> dict[int, int]:
    """How many sources each brand has, by the brand's id; brands without any are left out."""
    rows = Source.objects.filter(workspace_id=workspace_id).filter(brand__isnull=False).values_list("brand_id")
    return dict(rows.annotate(Count("pk")).order_by("brand_id"))


def sources(workspace_id: int) -> list[SourceFacts]:
    """Every entry point of the workspace, disabled ones too, by name."""
    rows = Source.objects.select_related("brand").filter(workspace_id=workspace_id).order_by("name")
    return [source_facts(row) for row in rows]


def source_by_name(workspace_id: int, name: str) -> SourceFacts | None:
    row = Source.objects.select_related("brand").filter(workspace_id=workspace_id, name=name).first()
    return source_facts(row) if row else None


def source_by_id(workspace_id: int, source_id: int) -> SourceFacts | None:
    row = Source.objects.select_related("brand").filter(workspace_id=workspace_id, pk=source_id).first()
    return source_facts(row) if row else None


def write_keys(workspace_id: int, *, source_id: int | None = None) -> list[WriteKeyFacts]:
    """Every write key of the workspace (or of one source), revoked ones too, oldest first."""
    rows = WriteKey.objects.select_related("source").filter(source__workspace_id=workspace_id).order_by("pk")
    if source_id is not None:
        rows = rows.filter(source_id=source_id)
    return [write_key_facts(row) for row in rows]


def workspace_facts(row: Workspace) -> WorkspaceFacts:
    return WorkspaceFacts(row.pk, row.slug, row.name, row.currency, row.region, row.time_zone)


def source_facts(row: Source) -> SourceFacts:
    return SourceFacts(
        id=row.pk,
        workspace_id=row.workspace_id,
        name=row.name,
        kind=row.kind,
        allowed_origins=tuple(row.allowed_origins),
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        brand_id=row.brand_id,
        brand=row.brand.name if row.brand else None,
    )


def write_key_facts(row: WriteKey) -> WriteKeyFacts:
    return WriteKeyFacts(
        id=row.pk,
        source_id=row.source_id,
        source=row.source.name,
        name=row.name,
        key=row.key,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
