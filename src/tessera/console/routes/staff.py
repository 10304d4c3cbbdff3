"""Staff and invitations."""

from django.urls import path

from tessera.console.views import joining, staff

urlpatterns = [
    path("staff", staff.staff, name="staff"),
    path("staff/invite", staff.invite, name="invite"),
    path("staff/demand", staff.demand, name="demand"),
    path("staff/invitations/<uuid:invitation_id>/withdraw", staff.withdraw, name="withdraw"),
    path("staff/<uuid:account_id>", staff.member, name="member"),
    path("staff/<uuid:account_id>/revoke", staff.revoke, name="revoke_member"),
    path("staff/<uuid:account_id>/restore", staff.restore, name="restore_member"),
    path("staff/<uuid:account_id>/sessions", staff.end_sessions, name="end_member_sessions"),
    path("staff/<uuid:account_id>/second-factor", staff.reset_second_factor, name="reset_second_factor"),
    path("join/<str:token>", joining.join, name="join"),
]
