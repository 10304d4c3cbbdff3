"""Every screen. Names are what templates and `navigation` refer to."""

from django.urls import path

from tessera.console.views import attributes, card, entrance, home, live, merging, people, sources

app_name = "console"
urlpatterns = [
    path("", home.home, name="home"),
    path("login", entrance.log_in, name="login"),
    path("logout", entrance.log_out, name="logout"),
    path("password", entrance.password, name="password"),
    path("language", entrance.language, name="language"),
    path("sources", sources.sources, name="sources"),
    path("sources/new", sources.new_source, name="new_source"),
    path("sources/<int:source_id>", sources.source, name="source"),
    path("sources/<int:source_id>/edit", sources.edit_source, name="edit_source"),
    path("sources/<int:source_id>/disable", sources.disable_source, name="disable_source"),
    path("sources/<int:source_id>/enable", sources.enable_source, name="enable_source"),
    path("sources/<int:source_id>/keys", sources.new_key, name="new_key"),
    path("sources/<int:source_id>/keys/<int:key_id>/revoke", sources.revoke_key, name="revoke_key"),
    path("sources/<int:source_id>/live", live.live, name="live_of_source"),
    path("sources/<int:source_id>/live/rows", live.live_rows, name="live_rows_of_source"),
    path("live", live.live, name="live"),
    path("live/rows", live.live_rows, name="live_rows"),
    path("people", people.people, name="people"),
    path("people/<uuid:profile_id>", card.card, name="person"),
    path("people/<uuid:profile_id>/history", card.history, name="history"),
    path("people/<uuid:profile_id>/export", card.export, name="export"),
    path("people/<uuid:profile_id>/attributes", attributes.attributes, name="attributes"),
    path("people/<uuid:profile_id>/attributes/form", attributes.attribute, name="attribute"),
    path("people/<uuid:profile_id>/attributes/set", attributes.set_attribute, name="set_attribute"),
    path("people/<uuid:profile_id>/attributes/remove", attributes.remove_attribute, name="remove_attribute"),
    path("people/<uuid:profile_id>/merge", merging.merge, name="merge"),
    path("people/<uuid:profile_id>/merge/<uuid:other_id>", merging.merge_with, name="merge_with"),
    path("people/<uuid:profile_id>/split/<uuid:merge_id>", merging.split, name="split"),
]
