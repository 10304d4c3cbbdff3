"""API keys."""

from django.urls import path

from tessera.console.views import api_keys

urlpatterns = [
    path("keys", api_keys.api_keys, name="api_keys"),
    path("keys/new", api_keys.new_api_key, name="new_api_key"),
    path("keys/<int:key_id>/revoke", api_keys.revoke_api_key, name="revoke_api_key"),
]
