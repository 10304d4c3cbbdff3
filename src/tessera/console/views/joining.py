"""Becoming staff by an invitation: the one page that is open to who holds its link."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from tessera.access.queries import invitation_by_token
from tessera.access.staffing import accept_invitation
from tessera.console.staff_forms import JoinForm
from tessera.console.words import error_in_words, role_in_words
from tessera.foundation.errors import TesseraError


@login_not_required
@sensitive_variables("token")
@sensitive_post_parameters("new", "again")
@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Choose a password; one answer for a link that was used, withdrawn, too old or made up."""
    invitation = invitation_by_token(token, now=timezone.now())
    if invitation is None:
        return render(request, "console/staff/no_invitation.html", status=404)
    form = JoinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            accept_invitation(token, password=form.cleaned_data["new"], now=timezone.now())
        except TesseraError as error:
            if error.code == "not_found":
                return render(request, "console/staff/no_invitation.html", status=404)
            form.add_error("new", error_in_words(error))
        else:
            messages.success(request, _("Welcome. Log in with your e-mail and your new password."))
            return redirect("console:login")
    context = {"form": form, "invitation": invitation, "role": role_in_words(invitation.role)}
    return render(request, "console/staff/join.html", context, status=400 if form.errors else 200)
