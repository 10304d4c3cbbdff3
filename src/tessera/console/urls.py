"""Every screen, by place. Names are what templates and `navigation` refer to."""

from tessera.console.routes import (
    audit,
    catalogue,
    duplicates,
    entrance,
    exports,
    home,
    imports,
    keys,
    live,
    people,
    personal,
    privacy,
    relations,
    security,
    segment_exports,
    segments,
    sources,
    staff,
)

app_name = "console"
urlpatterns = [
    *home.urlpatterns,
    *entrance.urlpatterns,
    *sources.urlpatterns,
    *catalogue.urlpatterns,
    *live.urlpatterns,
    *people.urlpatterns,
    *personal.urlpatterns,
    *relations.urlpatterns,
    *segments.urlpatterns,
    *privacy.urlpatterns,
    *duplicates.urlpatterns,
    *imports.urlpatterns,
    *exports.urlpatterns,
    *segment_exports.urlpatterns,
    *security.urlpatterns,
    *staff.urlpatterns,
    *keys.urlpatterns,
    *audit.urlpatterns,
]
