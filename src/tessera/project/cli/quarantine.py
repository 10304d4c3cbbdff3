"""`tessera quarantine`: messages that intake could not act on, kept whole until someone has looked."""

import typer

from tessera.project.cli import needs
from tessera.project.cli.tables import print_table

app = typer.Typer(help="Messages that were set aside because they could not be acted on.", no_args_is_help=True)


@app.command("list")
def list_quarantined() -> None:
    """What was set aside, and why; the newest hundred."""
    with needs.database():
        from tessera.events.rejections import set_aside
        from tessera.foundation.database import connect

        with connect(autocommit=True) as connection:
            rows = [
                [str(row.source_id), f"{row.received_at:%Y-%m-%d %H:%M:%S}", row.error] for row in set_aside(connection)
            ]
    print_table(["Source", "Received", "Why"], rows)


@app.command("retry")
def retry() -> None:
    """Put all of it into the inbox again, after the cause is mended. Prints how many there were."""
    with needs.database():
        from tessera.events.rejections import put_back
        from tessera.foundation.database import connect

        with connect(autocommit=True) as connection:
            typer.echo(put_back(connection))
