"""Every address of the console's process."""

from django.urls import URLPattern, URLResolver, include, path

from tessera.project import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", health.metrics),
    path("", include("tessera.console.urls")),
    path("api/", include("tessera.api.urls")),
]

handler400 = "tessera.console.views.errors.bad_request"
handler403 = "tessera.console.views.errors.forbidden"
handler404 = "tessera.console.views.errors.not_found"
handler500 = "tessera.console.views.errors.broken"
