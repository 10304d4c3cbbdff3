"""`tessera staff`: who may log in to the console."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from tessera.foundation.errors import NotFound
from tessera.project.cli import needs
from tessera.project.cli.tables import print_table

app = typer.Typer(help="Who may log in to the console.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(metavar="EMAIL")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin, not make one.")]


@app.command("add")
def add(
    email: Email,
    role: Annotated[str, typer.Option(help="owner, admin, marketer, analyst, support or developer.")],
    password_stdin: FromStdin = False,
    workspace: Annotated[str, typer.Option(help="The slug of the workspace.")] = "main",
) -> None:
    """Let somebody in. Prints the password that was made, alone on stdout."""
    password = _password(password_stdin)
    with needs.django():
        from tessera.access import actions

        base = needs.workspace_called(workspace)
        added = actions.create_staff(email=email, role=role, workspace_id=base.id, password=password, actor=needs.ACTOR)
    if password is None:
        typer.echo(added.password)


@app.command("list")
def list_staff() -> None:
    """Everybody who is or was staff."""
    with needs.django():
        from tessera.access.queries import staff_members
        from tessera.workspaces.queries import workspaces

        slugs = {workspace.id: workspace.slug for workspace in workspaces()}
        rows = [
            [
                member.email,
                member.role,
                slugs.get(member.workspace_id, "?"),
                f"{member.last_login:%Y-%m-%d %H:%M}" if member.last_login else "never",
                f"revoked {member.revoked_at:%Y-%m-%d}" if member.revoked_at else "in force",
            ]
            for member in staff_members()
        ]
    print_table(["E-mail", "Role", "Workspace", "Last login", "State"], rows)


@app.command("revoke")
def revoke(email: Email) -> None:
    """Shut somebody out."""
    with needs.django():
        from tessera.access.actions import revoke_staff

        revoke_staff(email, now=datetime.now(UTC), actor=needs.ACTOR)
    typer.echo(f"revoked {email}")


@app.command("password")
def password(email: Email, password_stdin: FromStdin = False) -> None:
    """Give somebody a new password, which ends their sessions. Prints the one that was made, alone on stdout."""
    chosen = _password(password_stdin)
    with needs.django():
        from tessera.access.actions import set_password

        made = set_password(email, password=chosen, actor=needs.ACTOR)
    if chosen is None:
        typer.echo(made)


@app.command("reset-second-factor")
def reset_second_factor(email: Email) -> None:
    """Take the authenticator app, the passkeys and the recovery codes of somebody who lost them; sessions end."""
    with needs.django():
        from tessera.access import staffing
        from tessera.access.queries import staff_by_email

        found = staff_by_email(email)
        if found is None:
            raise NotFound(f"nobody with the e-mail {email} is staff")
        by = staffing.By(needs.ACTOR, makes_owners=True, sees_pii=True)
        staffing.reset_second_factor(found.account_id, workspace_id=found.workspace_id, by=by)
    typer.echo(f"reset the second factor of {email}")


def _password(from_stdin: bool) -> str | None:
    return sys.stdin.readline().rstrip("\r\n") if from_stdin else None
