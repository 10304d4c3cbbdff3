"""`tessera duplicates`: people who are probably in the base twice."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from tessera.project.cli import needs
from tessera.project.cli.tables import print_table

app = typer.Typer(help="People who are probably in the base twice.", no_args_is_help=True)
Workspace = Annotated[str, typer.Option(help="The slug of the workspace.")]


@app.command("find")
def find(workspace: Workspace = "main") -> None:
    """Search now, in this process; what is found waits in the console for a review. Prints the run as JSON."""
    import msgspec

    from tessera.foundation.database import connect

    with needs.django(), connect(autocommit=True, application="tessera duplicates") as connection:
        from tessera.duplicates import actions

        base = needs.workspace_called(workspace)
        asked = actions.ask_for_run(
            connection, workspace_id=base.id, actor=needs.ACTOR, now=datetime.now(UTC), deferred=False
        )
        run = actions.carry_out_run(connection, workspace_id=base.id, run_id=asked.run_id)
    typer.echo(msgspec.json.encode(run).decode())


@app.command("list")
def list_pairs(
    workspace: Workspace = "main",
    state: Annotated[str, typer.Option(help="open, merged, rejected or stale.")] = "open",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
) -> None:
    """The pairs, the likeliest first, with the fields that speak for them."""
    from tessera.foundation.database import connect
    from tessera.foundation.errors import NotFound

    with needs.django(), connect(autocommit=True, application="tessera duplicates") as connection:
        from tessera.duplicates import queries

        if state not in queries.STATES:
            raise NotFound(f"no state {state}; there is {', '.join(queries.STATES)}")
        base = needs.workspace_called(workspace)
        pairs = queries.pairs(connection, base.id, state=state, limit=limit).pairs
    rows = [
        [
            str(pair.left),
            str(pair.right),
            f"{pair.probability:.4f}",
            ", ".join(f"{weight.field} {weight.bits:+.1f}" for weight in pair.weights),
        ]
        for pair in pairs
    ]
    print_table(["One", "The other", "Probability", "Weights"], rows)
