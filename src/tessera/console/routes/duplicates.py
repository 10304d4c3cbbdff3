"""The review of likely duplicates."""

from django.urls import path

from tessera.console.views import duplicates

urlpatterns = [
    path("duplicates", duplicates.duplicates, name="duplicates"),
    path("duplicates/runs", duplicates.find, name="find_duplicates"),
    path("duplicates/runs/latest", duplicates.run_state, name="duplicates_run"),
    path("duplicates/<uuid:pair_id>", duplicates.duplicate, name="duplicate"),
    path("duplicates/<uuid:pair_id>/accept", duplicates.accept, name="accept_duplicate"),
    path("duplicates/<uuid:pair_id>/reject", duplicates.reject, name="reject_duplicate"),
    path("duplicates/<uuid:pair_id>/undo", duplicates.undo, name="undo_duplicate"),
]
