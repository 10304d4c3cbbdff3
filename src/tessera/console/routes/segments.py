"""Segments: their list, the builder, the page of one, its people, and those of a person."""

from django.urls import path

from tessera.console.views import segments, segments_builder, segments_card, segments_people

urlpatterns = [
    path("segments", segments.segments, name="segments"),
    path("segments/new", segments_builder.new_segment, name="new_segment"),
    path("segments/new-list", segments_people.new_list, name="new_list"),
    path("segments/build", segments_builder.build_segment, name="build_segment"),
    path("segments/count", segments_builder.count_segment, name="count_segment"),
    path("segments/preview", segments_builder.preview_segment, name="preview_segment"),
    path("segments/candidates", segments_people.segment_candidates, name="segment_candidates"),
    path("segments/explain/<uuid:profile_id>", segments_builder.explain_segment, name="explain_segment"),
    path("segments/<uuid:segment_id>", segments.segment, name="segment"),
    path("segments/<uuid:segment_id>/edit", segments_builder.edit_segment, name="edit_segment"),
    path("segments/<uuid:segment_id>/duplicate", segments.duplicate_segment, name="duplicate_segment"),
    path("segments/<uuid:segment_id>/archive", segments.archive_segment, name="archive_segment"),
    path("segments/<uuid:segment_id>/restore", segments.restore_segment, name="restore_segment"),
    path("segments/<uuid:segment_id>/delete", segments.delete_segment, name="delete_segment"),
    path("segments/<uuid:segment_id>/freshness", segments.freshen_segment, name="freshen_segment"),
    path("segments/<uuid:segment_id>/refresh", segments.refresh_segment, name="refresh_segment"),
    path("segments/<uuid:segment_id>/snapshot", segments.snapshot_segment, name="snapshot_segment"),
    path("segments/<uuid:segment_id>/members", segments_people.segment_members, name="segment_members"),
    path("segments/<uuid:segment_id>/list", segments_people.change_list, name="change_list"),
    path("segments/<uuid:segment_id>/why/<uuid:profile_id>", segments_people.segment_why, name="segment_why"),
    path("segments/<uuid:segment_id>/people/<uuid:profile_id>/add", segments_people.put_in, name="put_in"),
    path("segments/<uuid:segment_id>/people/<uuid:profile_id>/remove", segments_people.take_out, name="take_out"),
    path("people/<uuid:profile_id>/segments", segments_card.person_segments, name="person_segments"),
    path(
        "people/<uuid:profile_id>/segments/change", segments_card.change_person_segments, name="change_person_segments"
    ),
]
