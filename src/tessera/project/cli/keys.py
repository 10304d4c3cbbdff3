"""`tessera keys`: write keys, with which clients send events, and API keys, with which programs use the API."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from tessera.foundation.errors import NotFound
from tessera.project.cli import needs
from tessera.project.cli.tables import print_table

app = typer.Typer(help="Write keys and API keys.", no_args_is_help=True)
create = typer.Typer(help="Make a key; it is printed alone on stdout.", no_args_is_help=True)
app.add_typer(create, name="create")

Workspace = Annotated[str, typer.Option(help="The slug of the workspace.")]
Name = Annotated[str, typer.Argument(help="What people will recognise the key by.")]


@create.command("write")
def create_write(
    name: Name,
    source: Annotated[
        str | None, typer.Option(help="The source it sends for; made if missing. As NAME if not given.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="The kind of a source that is made now.")] = None,
    origin: Annotated[list[str] | None, typer.Option(help="A web origin that may send to a source made now.")] = None,
    workspace: Workspace = "main",
) -> None:
    """Make a write key, and its source if there is none of that name."""
    with needs.django():
        from tessera.workspaces import actions, queries

        base = needs.workspace_called(workspace)
        found = queries.source_by_name(base.id, source or name)
        if found is None:
            found = actions.create_source(
                workspace_id=base.id,
                name=source or name,
                kind=kind or "server",
                allowed_origins=origin or ("*",),
                actor=needs.ACTOR,
            )
        key = actions.create_write_key(found.id, workspace_id=base.id, name=name, actor=needs.ACTOR)
    typer.echo(key.key)


@create.command("api")
def create_api(
    name: Name,
    scope: Annotated[list[str], typer.Option(help="<room>:read or <room>:write; may be repeated.")],
    workspace: Workspace = "main",
) -> None:
    """Make a key of the management API. It cannot be shown again."""
    with needs.django():
        from tessera.access import actions

        base = needs.workspace_called(workspace)
        key = actions.create_api_key(workspace_id=base.id, name=name, scopes=scope, actor=needs.ACTOR)
    typer.echo(key.token)


@app.command("list")
def list_keys(workspace: Workspace = "main") -> None:
    """Every key, also revoked ones."""
    with needs.django():
        from tessera.access.queries import api_keys
        from tessera.workspaces.queries import write_keys

        base = needs.workspace_called(workspace)
        rows = [
            [f"write-{key.id}", key.name, f"source {key.source}", key.key, _state(key.revoked_at)]
            for key in write_keys(base.id)
        ] + [
            [f"api-{key.id}", key.name, " ".join(key.scopes), f"{key.prefix}…", _state(key.revoked_at)]
            for key in api_keys(base.id)
        ]
    print_table(["ID", "Name", "For", "Key", "State"], rows)


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `tessera keys list` shows it: write-1 or api-1.")],
    workspace: Workspace = "main",
) -> None:
    """End a key. Collect notices within five seconds, the management API at once."""
    kind, _, number = key_id.partition("-")
    if kind not in {"write", "api"} or not number.isdecimal():
        raise NotFound(f"no key {key_id}; IDs are as in `tessera keys list`, for example write-1 or api-1")
    with needs.django():
        from tessera.access.actions import revoke_api_key
        from tessera.workspaces.actions import revoke_write_key

        base, now = needs.workspace_called(workspace), datetime.now(UTC)
        end = revoke_write_key if kind == "write" else revoke_api_key
        end(int(number), workspace_id=base.id, now=now, actor=needs.ACTOR)
    typer.echo(f"revoked {key_id}")


def _state(revoked_at: datetime | None) -> str:
    return f"revoked {revoked_at:%Y-%m-%d}" if revoked_at else "in force"
