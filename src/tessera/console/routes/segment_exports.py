"""Automatic exports of segments."""

from django.urls import path

from tessera.console.views import segment_exports as views

_ONE = "segment-exports/<uuid:segment_export_id>"

urlpatterns = [
    path("segment-exports", views.segment_exports, name="segment_exports"),
    path("segment-exports/new", views.new_segment_export, name="new_segment_export"),
    path(_ONE, views.segment_export, name="segment_export"),
    path(f"{_ONE}/edit", views.edit_segment_export, name="edit_segment_export"),
    path(f"{_ONE}/run", views.run, name="run_segment_export"),
    path(f"{_ONE}/pause", views.pause, name="pause_segment_export"),
    path(f"{_ONE}/resume", views.resume, name="resume_segment_export"),
    path(f"{_ONE}/secret", views.secret, name="segment_export_secret"),
    path(f"{_ONE}/delete", views.delete, name="delete_segment_export"),
    path(f"{_ONE}/deliveries/<int:number>", views.content, name="segment_delivery"),
]
