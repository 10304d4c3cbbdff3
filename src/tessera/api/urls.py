"""Every address under `/api/`. The project mounts them with one line; nothing here leads into the console."""

from django.urls import URLPattern, path, re_path
from django.urls.resolvers import URLResolver

from tessera.api import imports
from tessera.api.door import View, door, nothing_here, open_door
from tessera.api.endpoints import service
from tessera.api.schema import serve_openapi


def _endpoints() -> list[URLPattern | URLResolver]:
    """ninja's own addresses, each behind the door. Its root page only says where its documentation would be."""
    return [
        URLPattern(pattern.pattern, _behind_the_door(pattern), pattern.default_args, f"api-{pattern.name}")
        for pattern in service.urls[0]
        if isinstance(pattern, URLPattern) and pattern.name != "api-root"
    ]


def _behind_the_door(pattern: URLPattern) -> View:
    takes = "application/octet-stream" if pattern.name in imports.RAW else "application/json"
    return door(pattern.callback, takes=takes)


urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/openapi.json", open_door(serve_openapi), name="api-openapi"),
    path("v1/", ((_endpoints(), "", ""))),
    re_path("", open_door(nothing_here), name="api-nothing-here"),
]
