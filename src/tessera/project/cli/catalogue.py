"""`tessera catalogue`: the data dictionary, and what is decided about its names."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from tessera.project.cli import needs
from tessera.project.cli.tables import print_table

app = typer.Typer(help="The data dictionary: names, types, blocks.", no_args_is_help=True)

Workspace = Annotated[str, typer.Option(help="The slug of the workspace.")]
Kind = Annotated[str, typer.Argument(help="event, property or attribute.")]
Name = Annotated[str, typer.Argument(help="The name.")]
Parent = Annotated[str, typer.Option("--event", help="The event of a property.")]
_PAGE = 200


@contextmanager
def _writing(workspace: str) -> Iterator[tuple[Any, int]]:
    """A connection in a transaction, and the workspace's id."""
    with needs.django():
        from tessera.foundation.database import connect

        base = needs.workspace_called(workspace)
        with connect(application="tessera catalogue") as connection:
            yield connection, base.id


@app.command("list")
def list_names(
    kind: Annotated[str | None, typer.Option(help="Only event, property or attribute.")] = None,
    status: Annotated[str | None, typer.Option(help="Only seen, declared, blocked or hidden.")] = None,
    search: Annotated[str, typer.Option(help="A part of the name.")] = "",
    workspace: Workspace = "main",
) -> None:
    """Every name with its type, status, volume and values that did not fit."""
    from tessera.events import dictionary

    wanted = dictionary.Wanted(kind=kind, status=status, search=search, sort="name")
    rows: list[list[str]] = []
    with _writing(workspace) as (connection, workspace_id):
        after = None
        while True:
            page = dictionary.find(connection, workspace_id, wanted, after=after, limit=_PAGE)
            rows += [
                [
                    *(one.kind, f"{one.parent} / {one.name}" if one.parent else one.name),
                    *(one.declared_type or one.type, one.status, "yes" if one.personal else ""),
                    *(str(one.volume), str(one.misfits), str(one.dropped)),
                ]
                for one in page.entries
            ]
            if (after := page.next) is None:
                break
    print_table(["Kind", "Name", "Type", "Status", "Personal", "Seen", "Misfits", "Dropped"], rows)


@app.command("declare")
def declare(
    kind: Kind,
    name: Name,
    type_name: Annotated[
        str | None, typer.Option("--type", help="text, number, boolean, date, list or object; not for events.")
    ] = None,
    allow: Annotated[list[str] | None, typer.Option(help="An allowed value; may be repeated.")] = None,
    event: Parent = "",
    workspace: Workspace = "main",
) -> None:
    """Say what the values of a name are; those that do not fit stay in history and are counted."""
    from tessera.events.dictionary import Change, change_entry

    change = Change(status="declared") if kind == "event" else Change(declared_type=type_name, allowed=allow or None)
    with _writing(workspace) as (connection, workspace_id):
        changed = change_entry(
            connection, workspace_id=workspace_id, field=(kind, event, name), change=change, actor=needs.ACTOR
        )
    typer.echo(f"{changed.entry.status} {kind} {changed.entry.name} {changed.entry.declared_type or ''}".rstrip())


@app.command("block")
def block(kind: Kind, name: Name, event: Parent = "", workspace: Workspace = "main") -> None:
    """Drop an event, or take a property or attribute out of events, when they arrive."""
    from tessera.events.dictionary import Change, change_entry

    with _writing(workspace) as (connection, workspace_id):
        change_entry(
            connection,
            workspace_id=workspace_id,
            field=(kind, event, name),
            change=Change(status="blocked"),
            actor=needs.ACTOR,
        )
    typer.echo(f"blocked {kind} {name}")


@app.command("unblock")
def unblock(kind: Kind, name: Name, event: Parent = "", workspace: Workspace = "main") -> None:
    """Let it in again. What was dropped meanwhile does not come back."""
    from tessera.events.dictionary import unblock as let_in

    with _writing(workspace) as (connection, workspace_id):
        changed = let_in(connection, workspace_id=workspace_id, field=(kind, event, name), actor=needs.ACTOR)
    typer.echo(f"{changed.entry.status} {kind} {changed.entry.name}")
