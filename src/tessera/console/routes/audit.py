"""The audit trail."""

from django.urls import path

from tessera.console.views import audit

urlpatterns = [
    path("audit", audit.audit, name="audit"),
    path("audit/export", audit.export_audit, name="export_audit"),
]
