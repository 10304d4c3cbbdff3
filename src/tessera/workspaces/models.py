"""Workspaces, brands, sources and their write keys: small configuration tables (reference tables on Citus)."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Workspace(models.Model):
    """A base of profiles. `currency`, `region` and `time_zone` are what is assumed where an event is silent."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    currency = models.CharField(max_length=3, default="USD")
    region = models.CharField(max_length=2, default="US")
    time_zone = models.CharField(max_length=64, default="UTC")
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name


class Brand(models.Model):
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="brands")
    slug = models.SlugField()
    name = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "slug"], name="brand_slug_once_per_workspace")]

    def __str__(self) -> str:
        return self.name


class SourceKind(models.TextChoices):
    SITE = "site", _("Web site")
    APP = "app", _("Mobile app")
    SERVER = "server", _("Server")
    TILL = "till", _("Till")
    CALL_CENTRE = "call_centre", _("Call centre")


class Source(models.Model):
    """An entry point. `allowed_origins` holds the web origins that may send from a browser; `*` means any."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="sources")
    brand = models.ForeignKey(Brand, on_delete=models.SET_NULL, null=True, blank=True, related_name="sources")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=16, choices=SourceKind, default=SourceKind.SITE)
    allowed_origins = ArrayField(models.CharField(max_length=255), default=list, db_default=[])
    created_at = models.DateTimeField(db_default=Now())
    disabled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="source_name_once_per_workspace")]

    def __str__(self) -> str:
        return self.name


class WriteKey(models.Model):
    """Lets a client send events for one source. Public by nature (it stands in web pages), so it is kept readable."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="write_keys")
    name = models.CharField(max_length=200)
    key = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(db_default=Now())
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name
