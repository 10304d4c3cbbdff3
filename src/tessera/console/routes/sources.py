"""Sources and their write keys."""

from django.urls import path

from tessera.console.views import brands, sources

urlpatterns = [
    path("brands", brands.brands, name="brands"),
    path("brands/new", brands.new_brand, name="new_brand"),
    path("brands/<int:brand_id>/rename", brands.rename_brand, name="rename_brand"),
    path("sources", sources.sources, name="sources"),
    path("sources/new", sources.new_source, name="new_source"),
    path("sources/<int:source_id>", sources.source, name="source"),
    path("sources/<int:source_id>/edit", sources.edit_source, name="edit_source"),
    path("sources/<int:source_id>/disable", sources.disable_source, name="disable_source"),
    path("sources/<int:source_id>/enable", sources.enable_source, name="enable_source"),
    path("sources/<int:source_id>/keys", sources.new_key, name="new_key"),
    path("sources/<int:source_id>/keys/<int:key_id>/revoke", sources.revoke_key, name="revoke_key"),
]
