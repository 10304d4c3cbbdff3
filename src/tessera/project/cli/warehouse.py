"""`tessera warehouse`: how far the warehouse is, and making it anew."""

import time

import typer

from tessera.foundation.errors import TesseraError
from tessera.project.cli import needs
from tessera.project.cli.progress import bar

app = typer.Typer(help="The warehouse that segments and reports are asked of.", no_args_is_help=True)
_PATIENCE = 10.0
"""Seconds until an analyst must have begun."""


@app.command("rebuild")
def rebuild() -> None:
    """Make the warehouse anew from PostgreSQL while the one there is goes on answering. The analyst does it."""
    from tessera.audience import rebuild_requests
    from tessera.foundation.database import connect

    with needs.database(), connect(autocommit=True, application="tessera warehouse") as connection:
        asked = rebuild_requests.ask(connection)
        until = time.monotonic() + _PATIENCE
        with bar("Making the warehouse anew") as progress:
            while True:
                now = rebuild_requests.state_of(connection, asked.id)
                if now is None or now.finished_at is not None:
                    break
                if now.started_at is None and time.monotonic() > until:
                    raise TesseraError("no analyst has begun: is `tessera analyst` running? It begins when it starts")
                progress(now.done, now.total)
                time.sleep(0.2)
    total = now.total if now is not None else 0
    typer.echo(f"The warehouse is made anew: {total:,} rows of history and people.")
