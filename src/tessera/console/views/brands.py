"""Brands: what customers know a company by. Each has sources of its own; people are shared."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from tessera.console.forms import BrandForm
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.words import error_in_words
from tessera.foundation.errors import NotFound, TesseraError
from tessera.workspaces import actions, queries


@require_GET
@requires(Ability.READ)
def brands(request: StaffRequest) -> HttpResponse:
    return _page(request, BrandForm())


def _page(request: StaffRequest, form: BrandForm, *, renaming: int | None = None, status: int = 200) -> HttpResponse:
    """The list; `renaming` is the brand whose form is `form`, None for that of a new one."""
    workspace_id = request.staff.workspace_id
    found = queries.brands(workspace_id)
    sources = queries.sources_by_brand(workspace_id)
    context = {
        "lines": [
            (
                brand,
                sources.get(brand.id, 0),
                form if renaming == brand.id else BrandForm(initial={"name": brand.name}, prefix=f"b{brand.id}"),
                renaming == brand.id,
            )
            for brand in found
        ],
        "form": form if renaming is None else BrandForm(),
    }
    return render(request, "console/brands.html", context, status=status)


@require_POST
@requires(Ability.MANAGE_SOURCES)
def new_brand(request: StaffRequest) -> HttpResponse:
    form = BrandForm(request.POST)
    if form.is_valid():
        workspace_id, actor = request.staff.workspace_id, request.staff.email
        try:
            actions.create_brand(workspace_id=workspace_id, name=form.cleaned_data["name"], actor=actor)
        except TesseraError as error:
            form.add_error("name", error_in_words(error))
        else:
            messages.success(request, _("The brand is ready. Choose it where you make or change a source."))
            return redirect("console:brands")
    return _page(request, form, status=400)


@require_POST
@requires(Ability.MANAGE_SOURCES)
def rename_brand(request: StaffRequest, brand_id: int) -> HttpResponse:
    form = BrandForm(request.POST, prefix=f"b{brand_id}")
    if not any(brand.id == brand_id for brand in queries.brands(request.staff.workspace_id)):
        raise Http404("no such brand in this workspace")
    if form.is_valid():
        workspace_id, actor = request.staff.workspace_id, request.staff.email
        try:
            actions.rename_brand(brand_id, workspace_id=workspace_id, name=form.cleaned_data["name"], actor=actor)
        except NotFound:
            raise Http404("no such brand in this workspace") from None
        except TesseraError as error:
            form.add_error("name", error_in_words(error))
        else:
            messages.success(request, _("Renamed."))
            return redirect("console:brands")
    return _page(request, form, renaming=brand_id, status=400)
