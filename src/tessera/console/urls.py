"""Every screen, by place. Names are what templates and `navigation` refer to."""

from tessera.console.routes import duplicates, entrance, home, live, people, sources

app_name = "console"
urlpatterns = [
    *home.urlpatterns,
    *entrance.urlpatterns,
    *sources.urlpatterns,
    *live.urlpatterns,
    *people.urlpatterns,
    *duplicates.urlpatterns,
]
