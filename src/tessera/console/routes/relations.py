"""The relations on the card."""

from django.urls import path

from tessera.console.views import relations

urlpatterns = [
    path("people/<uuid:profile_id>/relations", relations.relations, name="relations"),
    path("people/<uuid:profile_id>/relations/candidates", relations.relation_candidates, name="relation_candidates"),
    path("people/<uuid:profile_id>/relations/add", relations.relate, name="relate"),
    path("people/<uuid:profile_id>/relations/remove", relations.unrelate, name="unrelate"),
]
