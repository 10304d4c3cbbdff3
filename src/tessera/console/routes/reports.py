"""Reports: where they begin, each kind with its answer and file, and those that are kept."""

from django.urls import path

from tessera.console.reports.forms import FORMS
from tessera.console.views import reports, reports_saved

_SAVED = "reports/saved/<uuid:report_id>"
urlpatterns = [
    path("reports", reports.reports, name="reports"),
    *(path(f"reports/{kind}", reports.report, {"kind": kind}, name=f"report_{kind}") for kind in FORMS),
    *(path(f"reports/{kind}/answer", reports.answer, {"kind": kind}, name=f"answer_{kind}") for kind in FORMS),
    *(path(f"reports/{kind}/csv", reports.csv_file, {"kind": kind}, name=f"csv_{kind}") for kind in FORMS),
    path("reports/save", reports_saved.save_report, name="save_report"),
    path("reports/segment", reports_saved.segment_of_report, name="segment_of_report"),
    path(_SAVED, reports_saved.saved_report, name="saved_report"),
    path(f"{_SAVED}/answer", reports_saved.saved_answer, name="saved_answer"),
    path(f"{_SAVED}/csv", reports_saved.saved_csv, name="saved_csv"),
    path(f"{_SAVED}/delete", reports_saved.delete_report, name="delete_report"),
]
