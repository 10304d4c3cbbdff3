"""The data dictionary and data quality."""

from django.urls import path

from tessera.console.views import catalogue, catalogue_changes, quality

urlpatterns = [
    path("catalogue", catalogue.catalogue, name="catalogue"),
    path("catalogue/entry", catalogue.entry, name="catalogue_entry"),
    path("catalogue/entry/change", catalogue_changes.change_entry, name="change_entry"),
    path("catalogue/entry/rehearse", catalogue_changes.rehearse_entry, name="rehearse_entry"),
    path("catalogue/undo", catalogue_changes.undo_entry, name="undo_entry"),
    path("catalogue/problems", quality.problems, name="problems"),
    path("catalogue/problems/acknowledge", quality.acknowledge_problem, name="acknowledge_problem"),
]
