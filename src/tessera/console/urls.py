"""Every screen, by place. Names are what templates and `navigation` refer to."""

from tessera.console.routes import (
    catalogue,
    duplicates,
    entrance,
    exports,
    home,
    imports,
    live,
    people,
    personal,
    privacy,
    relations,
    sources,
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
]
