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
    reports,
    security,
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
    *privacy.urlpatterns,
    *duplicates.urlpatterns,
    *imports.urlpatterns,
    *exports.urlpatterns,
    *reports.urlpatterns,
    *security.urlpatterns,
    *staff.urlpatterns,
    *keys.urlpatterns,
    *audit.urlpatterns,
]
