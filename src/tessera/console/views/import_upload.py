"""Step 1 of an import: the file. In pieces by a script, or whole by a plain form where it is small."""

from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from tessera.console.import_words import ImportRefusal, refusal_of
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.foundation.errors import TesseraError
from tessera.foundation.pool import pool
from tessera.imports import actions

PIECE = 512 * 1024
"""Bytes the script sends at a time: what a slow line carries within the front's patience."""


@require_http_methods(["GET", "POST"])
@requires(Ability.IMPORT_PEOPLE)
def new_import(request: StaffRequest) -> HttpResponse:
    """The form; and, without a script, the whole file at once (2 MB at most: the front takes no larger body)."""
    refusal: ImportRefusal | None = None
    if request.method == "POST":
        given = request.FILES.get("file")
        if isinstance(given, UploadedFile):
            try:
                return redirect("console:import_file", import_id=_store(request, given))
            except TesseraError as error:
                refusal = refusal_of(error)
        else:
            refusal = ImportRefusal(_("Choose a file first."), "")
    context = {"refusal": refusal, "piece": PIECE}
    return render(request, "console/import_new.html", context, status=400 if refusal else 200)


def _store(request: StaffRequest, given: "UploadedFile[Any]") -> UUID:
    staff = request.staff
    with pool().connection() as connection:
        made = actions.store_file(
            connection,
            workspace_id=staff.workspace_id,
            file_name=given.name or "file",
            blocks=given.chunks(),
            actor=staff.email,
            now=timezone.now(),
        )
    return made.id


@require_POST
@requires(Ability.IMPORT_PEOPLE)
def begin(request: StaffRequest) -> JsonResponse:
    """The script's first call: `name` of the file. Answers where its pieces go and what to call at the end."""
    staff = request.staff
    try:
        with pool().connection() as connection:
            made = actions.create_import(
                connection,
                workspace_id=staff.workspace_id,
                file_name=request.POST.get("name", ""),
                actor=staff.email,
                now=timezone.now(),
            )
    except TesseraError as error:
        return _refused(error)
    first = reverse("console:import_chunk", args=[made.id, 0])
    return JsonResponse(
        {"chunks": first.removesuffix("0"), "uploaded": reverse("console:import_uploaded", args=[made.id])}
    )


@require_POST
@requires(Ability.IMPORT_PEOPLE)
def chunk(request: StaffRequest, import_id: UUID, number: int) -> HttpResponse:
    """One piece of the file, as it is. The same piece may come again."""
    try:
        with pool().connection() as connection:
            actions.add_chunk(
                connection,
                workspace_id=request.staff.workspace_id,
                import_id=import_id,
                number=min(number, 2**31 - 1),
                data=request.body,
            )
    except TesseraError as error:
        return _refused(error)
    return HttpResponse(status=204)


@require_POST
@requires(Ability.IMPORT_PEOPLE)
def uploaded(request: StaffRequest, import_id: UUID) -> HttpResponse:
    """The script's last call: all pieces are there. Answers where to go on."""
    try:
        with pool().connection() as connection:
            actions.finish_upload(connection, workspace_id=request.staff.workspace_id, import_id=import_id)
    except TesseraError as error:
        return _refused(error)
    return JsonResponse({"next": reverse("console:import_file", args=[import_id])})


def _refused(error: TesseraError) -> JsonResponse:
    said = refusal_of(error)
    status = 404 if error.code == "not_found" else 422
    return JsonResponse({"title": said.title, "detail": said.detail}, status=status)
