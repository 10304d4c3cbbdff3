"""The list of people and the card."""

from django.urls import path

from tessera.console.views import attributes, card, merging, people, standing, tabs

urlpatterns = [
    path("people", people.people, name="people"),
    path("people/<uuid:profile_id>", card.card, name="person"),
    path("people/<uuid:profile_id>/history", card.history, name="history"),
    path("people/<uuid:profile_id>/export", card.export, name="export"),
    path("people/<uuid:profile_id>/attributes", attributes.attributes, name="attributes"),
    path("people/<uuid:profile_id>/attributes/form", attributes.attribute, name="attribute"),
    path("people/<uuid:profile_id>/attributes/set", attributes.set_attribute, name="set_attribute"),
    path("people/<uuid:profile_id>/attributes/remove", attributes.remove_attribute, name="remove_attribute"),
    path("people/<uuid:profile_id>/status", standing.status, name="status"),
    path("people/<uuid:profile_id>/test-subscriber", standing.test_subscriber, name="test_subscriber"),
    path("people/<uuid:profile_id>/avatar", standing.change_avatar, name="change_avatar"),
    path("people/<uuid:profile_id>/avatar/remove", standing.remove_avatar, name="remove_avatar"),
    path("people/<uuid:profile_id>/avatar/<slug:digest>/<slug:size>", standing.avatar, name="avatar"),
    path("people/<uuid:profile_id>/tabs/<slug:tab>/edit", tabs.edit_tab, name="edit_tab"),
    path("people/<uuid:profile_id>/tabs/<slug:tab>/pin", tabs.pin_tab, name="pin_tab"),
    path("people/<uuid:profile_id>/tabs/<slug:tab>/delete", tabs.delete_tab, name="delete_tab"),
    path("people/<uuid:profile_id>/merge", merging.merge, name="merge"),
    path("people/<uuid:profile_id>/merge/<uuid:other_id>", merging.merge_with, name="merge_with"),
    path("people/<uuid:profile_id>/split/<uuid:merge_id>", merging.split, name="split"),
    path("people/<uuid:profile_id>/merge-again/<uuid:merge_id>", merging.merge_again, name="merge_again"),
]
