"""Erasures, and the contacts that are kept out."""

from django.urls import path

from tessera.console.views import erasing, suppressions

urlpatterns = [
    path("people/<uuid:profile_id>/erase", erasing.erase, name="erase"),
    path("erasures", erasing.erasures, name="erasures"),
    path("erasures/<uuid:erasure_id>", erasing.erasure, name="erasure"),
    path("erasures/<uuid:erasure_id>/again", erasing.again, name="retry_erasure"),
    path("suppressions", suppressions.suppressions, name="suppressions"),
    path("suppressions/check", suppressions.check_contact, name="check_contact"),
    path("suppressions/add", suppressions.keep_out, name="keep_out"),
    path("suppressions/lift", suppressions.let_in, name="let_in"),
]
