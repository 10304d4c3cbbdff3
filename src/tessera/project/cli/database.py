"""`tessera migrate`, `tessera demo`, `tessera settle`: the database's shape, its filling, and its coming to rest."""

import time
from typing import Annotated

import typer

from tessera.foundation.settings import settings
from tessera.project.cli import needs
from tessera.project.cli.processes import Days, People, Seed

_POLL = 0.05


def migrate() -> None:
    """Bring the database to this version. Safe to repeat, and to run on several machines at once."""
    from tessera.project.migrate import migrate as bring_up_to_date

    with needs.django_unmigrated():
        applied = bring_up_to_date()
    for name in applied:
        typer.echo(f"applied {name}")
    typer.echo("The database is up to date.")


def demo(
    people: People = 2000,
    days: Days = 90,
    seed: Seed = 1,
    add: Annotated[bool, typer.Option("--add", help="Put it beside people who are there already.")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Let people of that world go on living until Ctrl-C, and load nothing.")
    ] = False,
    rate: Annotated[float, typer.Option(min=0.1, max=20, help="Calls per second of --live, about.")] = 3.0,
) -> None:
    """Make a demo world: people who visit, sign up and buy. Prints what was made as JSON, what to look at on stderr."""
    import msgspec

    from tessera.project.cli.progress import bar
    from tessera.project.demo import load

    if live:
        _go_on_living(people=people, seed=seed, rate=rate)
        return
    with needs.django(), bar("Making a demo world") as progress:
        report = load(people=people, days=days, seed=seed, progress=progress, add=add)
    typer.echo(msgspec.json.encode(report).decode())
    for place in report.look_at:
        typer.echo(f"{settings().public_console_url}{place.path}  {place.why}", err=True)


def _go_on_living(*, people: int, seed: int, rate: float) -> None:
    from tessera.project.demo import live

    def said(sent: int) -> None:
        typer.echo(f"\r{sent} calls sent; Ctrl-C stops", nl=False, err=True)

    with needs.django():
        try:
            live(people=people, seed=seed, per_second=rate, said=said)
        except KeyboardInterrupt:
            typer.echo("", err=True)


def settle(
    timeout: Annotated[float, typer.Option(min=0, help="Give up after so many seconds.")] = 60.0,
) -> None:
    """Wait until every acknowledged event has been acted on; prints counts as JSON. Exit code 1: not in time."""
    import msgspec

    from tessera.foundation.database import connect
    from tessera.intake.settle import progress

    deadline = time.monotonic() + timeout
    with needs.database(), connect(autocommit=True, application="tessera settle") as connection:
        while True:
            started = time.monotonic()
            found = progress(connection)
            if found.settled or time.monotonic() >= deadline:
                break
            took = time.monotonic() - started
            time.sleep(max(_POLL, 3 * took))  # counting a large history must not itself hold up the work
    typer.echo(msgspec.json.encode({**msgspec.to_builtins(found), "settled": found.settled}).decode())
    if not found.settled:
        raise typer.Exit(1)
