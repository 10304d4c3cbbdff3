"""Taking people in: the steps of the wizard, and what can be done with an import."""

from django.urls import path

from tessera.console.views import import_plan, import_upload, imports

_ONE = "imports/<uuid:import_id>"
urlpatterns = [
    path("imports", imports.imports, name="imports"),
    path("imports/new", import_upload.new_import, name="new_import"),
    path("imports/begin", import_upload.begin, name="begin_import"),
    path(f"{_ONE}/chunks/<int:number>", import_upload.chunk, name="import_chunk"),
    path(f"{_ONE}/uploaded", import_upload.uploaded, name="import_uploaded"),
    path(f"{_ONE}/file", import_plan.file_format, name="import_file"),
    path(f"{_ONE}/sample", import_plan.sample, name="import_sample"),
    path(f"{_ONE}/columns", import_plan.columns, name="import_columns"),
    path(_ONE, imports.one, name="import"),
    path(f"{_ONE}/progress", imports.progress, name="import_progress"),
    path(f"{_ONE}/errors", imports.errors, name="import_errors"),
    path(f"{_ONE}/check", imports.check, name="check_import"),
    path(f"{_ONE}/start", imports.start, name="start_import"),
    path(f"{_ONE}/pause", imports.pause, name="pause_import"),
    path(f"{_ONE}/cancel", imports.cancel, name="cancel_import"),
    path(f"{_ONE}/resume", imports.resume, name="resume_import"),
    path(f"{_ONE}/undo", imports.undo, name="undo_import"),
    path(f"{_ONE}/delete", imports.delete, name="delete_import"),
]
