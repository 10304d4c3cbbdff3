"""Taking people and history out."""

from django.urls import path

from tessera.console.views import exports

urlpatterns = [
    path("exports", exports.exports, name="exports"),
    path("exports/new", exports.new_export, name="new_export"),
    path("exports/preview", exports.preview, name="preview_export"),
    path("exports/<uuid:export_id>/row", exports.row, name="export_row"),
    path("exports/<uuid:export_id>/file", exports.file, name="export_file"),
    path("exports/<uuid:export_id>/cancel", exports.cancel, name="cancel_export"),
    path("exports/<uuid:export_id>/delete", exports.delete, name="delete_export"),
]
