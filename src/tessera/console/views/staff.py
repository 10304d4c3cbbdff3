"""The staff of the workspace: who they are, what they may, inviting, shutting out."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tessera.access import queries, staffing
from tessera.access.queries import StaffFacts
from tessera.access.staffing import By, Change
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.second_step import ask_for_proof, freshly_proved, proved_lately
from tessera.console.staff_forms import DemandForm, InviteForm, MemberForm
from tessera.console.words import ROLES_EXPLAINED, error_in_words, role_in_words
from tessera.foundation.errors import NotFound, TesseraError
from tessera.foundation.settings import settings


def by_of(staff: StaffFacts) -> By:
    """How far this member may go in changing others."""
    return By(staff.email, makes_owners=staff.role == "owner", sees_pii=staff.sees_pii, account_id=staff.account_id)


@require_GET
@requires(Ability.MANAGE_STAFF)
def staff(request: StaffRequest) -> HttpResponse:
    """Everybody who is or was staff, the invitations that wait, and of whom a second factor is demanded."""
    workspace_id = request.staff.workspace_id
    members = queries.staff_members(workspace_id)
    members.sort(key=lambda member: (member.revoked_at is not None, member.email))
    context = {
        "members": [(member, role_in_words(member.role)) for member in members],
        "invitations": [
            (one, role_in_words(one.role)) for one in queries.open_invitations(workspace_id, now=timezone.now())
        ],
        "demand_form": DemandForm(initial={"of": queries.demanded_of(workspace_id)}),
        "without_factor": sum(1 for one in members if one.revoked_at is None and not one.has_second_factor),
    }
    return render(request, "console/staff/list.html", context)


@require_http_methods(["GET", "POST"])
@requires(Ability.MANAGE_STAFF)
@freshly_proved
def invite(request: StaffRequest) -> HttpResponse:
    """Make a link for somebody; it is shown on the answer and never again."""
    by = by_of(request.staff)
    form = InviteForm(request.POST or None, makes_owners=by.makes_owners, initial={"role": "support", "pii": "role"})
    if request.method == "POST" and form.is_valid():
        try:
            made = staffing.invite_staff(
                workspace_id=request.staff.workspace_id,
                email=form.cleaned_data["email"],
                role=form.cleaned_data["role"],
                sees_pii=form.sees_pii,
                by=by,
                now=timezone.now(),
            )
        except TesseraError as error:
            form.add_error("pii" if error.code == "cannot_grant_pii" else "email", error_in_words(error))
        else:
            link = settings().public_console_url + reverse("console:join", kwargs={"token": made.token})
            return render(request, "console/staff/invited.html", {"invitation": made.invitation, "link": link})
    context = {"form": form, "roles": _roles(by)}
    return render(request, "console/staff/invite.html", context, status=400 if form.errors else 200)


def _roles(by: By) -> list[tuple[str, object]]:
    return [(role_in_words(role), text) for role, text in ROLES_EXPLAINED.items() if by.makes_owners or role != "owner"]


@require_POST
@requires(Ability.MANAGE_STAFF)
@freshly_proved
def withdraw(request: StaffRequest, invitation_id: UUID) -> HttpResponse:
    def act(by: By) -> None:
        staffing.withdraw_invitation(invitation_id, workspace_id=request.staff.workspace_id, by=by, now=timezone.now())

    return _carried_out(request, act, _("The invitation is withdrawn: its link opens nothing any more."), to="staff")


@require_http_methods(["GET", "POST"])
@requires(Ability.MANAGE_STAFF)
def member(request: StaffRequest, account_id: UUID) -> HttpResponse:
    """One member: the facts, and changing what they may."""
    found, by = _find(request, account_id), by_of(request.staff)
    initial = {"role": found.role, "pii": {True: "yes", False: "no", None: "role"}[found.pii_grant]}
    changeable = account_id != by.account_id and (by.makes_owners or found.role != "owner")
    form = MemberForm(request.POST or None, initial=initial, makes_owners=by.makes_owners)
    if request.method == "POST":
        if not proved_lately(request):
            return ask_for_proof(request)
        if form.is_valid() and _change(request, account_id, form):
            messages.success(request, _("Saved. It holds from their next click on."))
            return redirect("console:member", account_id=account_id)
    context = {
        "member": found,
        "member_role": role_in_words(found.role),
        "factors": queries.factors_of(account_id),
        "form": form if changeable else None,
        "changeable": changeable,
        "oneself": account_id == by.account_id,
        "roles": _roles(by),
    }
    return render(request, "console/staff/member.html", context, status=400 if form.errors else 200)


def _change(request: StaffRequest, account_id: UUID, form: MemberForm) -> bool:
    """Whether it was changed; else the form says why not."""
    try:
        staffing.change_staff(
            account_id,
            workspace_id=request.staff.workspace_id,
            change=Change(role=form.cleaned_data["role"], sees_pii=form.sees_pii),
            by=by_of(request.staff),
        )
    except TesseraError as error:
        form.add_error("pii" if error.code == "cannot_grant_pii" else "role", error_in_words(error))
        return False
    return True


@require_POST
@requires(Ability.MANAGE_STAFF)
@freshly_proved
def revoke(request: StaffRequest, account_id: UUID) -> HttpResponse:
    def act(by: By) -> None:
        staffing.shut_out(account_id, workspace_id=request.staff.workspace_id, by=by, now=timezone.now())

    return _carried_out(request, act, _("They are shut out, also where they are logged in now."), account_id)


@require_POST
@requires(Ability.MANAGE_STAFF)
@freshly_proved
def restore(request: StaffRequest, account_id: UUID) -> HttpResponse:
    def act(by: By) -> None:
        staffing.let_in_again(account_id, workspace_id=request.staff.workspace_id, by=by)

    return _carried_out(request, act, _("They can log in again, with the password they had."), account_id)


@require_POST
@requires(Ability.MANAGE_STAFF)
@freshly_proved
def end_sessions(request: StaffRequest, account_id: UUID) -> HttpResponse:
    def act(by: By) -> None:
        staffing.end_sessions_of(account_id, workspace_id=request.staff.workspace_id, by=by)

    return _carried_out(request, act, _("Every browser of theirs has to log in again."), account_id)


@require_POST
@requires(Ability.MANAGE_STAFF)
@freshly_proved
def reset_second_factor(request: StaffRequest, account_id: UUID) -> HttpResponse:
    def act(by: By) -> None:
        staffing.reset_second_factor(account_id, workspace_id=request.staff.workspace_id, by=by)

    return _carried_out(request, act, _("Their second factors are gone; they log in by password alone."), account_id)


@require_POST
@requires(Ability.MANAGE_STAFF)
@freshly_proved
def demand(request: StaffRequest) -> HttpResponse:
    """Of whom a second factor is demanded."""
    form = DemandForm(request.POST)

    def act(by: By) -> None:
        of = form.cleaned_data["of"] if form.is_valid() else ""
        staffing.demand_second_factor(request.staff.workspace_id, of=of, by=by)

    return _carried_out(request, act, _("Saved. Who has none is led to set one up at their next click."), to="staff")


def _carried_out(
    request: StaffRequest, act: Callable[[By], None], said: str, account_id: UUID | None = None, *, to: str = "member"
) -> HttpResponse:
    """Do it, say so or why not, and go back to the page."""
    try:
        act(by_of(request.staff))
    except NotFound:
        raise Http404 from None
    except TesseraError as error:
        messages.error(request, error_in_words(error))
    else:
        messages.success(request, said)
    return redirect("console:member", account_id=account_id) if to == "member" else redirect(f"console:{to}")


def _find(request: StaffRequest, account_id: UUID) -> StaffFacts:
    found = queries.staff_member(request.staff.workspace_id, account_id)
    if found is None:
        raise Http404("nobody of that id is staff of this workspace")
    return found
