"""The list of people and the card."""

from django.urls import path

from tessera.console.views import attributes, card, merging, people

urlpatterns = [
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
