"""`tessera erase`: a person is forgotten, and the report says what was removed."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from tessera.project.cli import needs
from tessera.project.cli.tables import print_table

if TYPE_CHECKING:
    import psycopg

Person = Annotated[str, typer.Argument(help="A profile's id, or an identifier: email:ana@example.com, user_id:4711 …")]
Suppress = Annotated[bool, typer.Option("--suppress", help="Keep each of their identifiers from coming back in.")]
Reason = Annotated[str, typer.Option(help="Why, in words. Kept with the report; name nobody.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask again.")]
Workspace = Annotated[str, typer.Option(help="The workspace's short name.")]


def erase(
    person: Person, suppress: Suppress = False, reason: Reason = "", yes: Yes = False, workspace: Workspace = "main"
) -> None:
    """Erase a person and everything of theirs for good. Prints what was removed."""
    with needs.django():
        from tessera.foundation.database import connect
        from tessera.privacy.actions import erase_person
        from tessera.privacy.queries import preview

        where = needs.workspace_called(workspace).id
        with connect(autocommit=True, application="tessera erase") as connection:
            profile = _found(connection, where, person)
            if not yes:
                counts = preview(connection, where, profile).counts
                print_table(["Would be removed", "Rows"], _rows(counts))
                typer.confirm("Erase this person for good?", abort=True)
            report = erase_person(
                connection,
                workspace_id=where,
                profile_id=profile,
                actor=needs.ACTOR,
                reason=reason,
                suppress=suppress,
                now=datetime.now(UTC),
            )
    print_table(["Removed", "Rows"], _rows(report.counts))
    kept_out = "1 identifier is" if report.suppressed == 1 else f"{report.suppressed} identifiers are"
    typer.echo(f"Report {report.erasure_id}; {kept_out} kept out.")


def _found(connection: "psycopg.Connection[Any]", workspace_id: int, person: str) -> UUID:
    """Raises `NotFound` where this workspace has nobody of that name."""
    from tessera.foundation.errors import NotFound
    from tessera.profiles.references import profile_named

    profile = profile_named(connection, workspace_id, person)
    if profile is None:
        raise NotFound("nobody in this workspace is called that")
    return profile


def _rows(counts: dict[str, int]) -> list[list[str]]:
    return [[table, str(rows)] for table, rows in sorted(counts.items()) if rows]
