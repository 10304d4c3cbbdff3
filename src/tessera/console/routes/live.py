"""The live debugger."""

from django.urls import path

from tessera.console.views import live

urlpatterns = [
    path("sources/<int:source_id>/live", live.live, name="live_of_source"),
    path("sources/<int:source_id>/live/rows", live.live_rows, name="live_rows_of_source"),
    path("live", live.live, name="live"),
    path("live/rows", live.live_rows, name="live_rows"),
]
