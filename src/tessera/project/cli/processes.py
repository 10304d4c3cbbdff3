"""`tessera up`, and the processes it starts, each of which also starts alone."""

from typing import TYPE_CHECKING, Annotated

import typer

from tessera.foundation.settings import settings

if TYPE_CHECKING:
    from tessera.project.first_run import Settled

People = Annotated[int, typer.Option(min=0, help="How many people the demo world has; 0 makes none.")]
Days = Annotated[int, typer.Option(min=1, help="Over how many days they acted.")]
Seed = Annotated[int, typer.Option(help="The same seed makes the same world.")]


def up(demo_people: People = 2000, demo_days: Days = 90, demo_seed: Seed = 1) -> None:
    """Start everything and keep it running; Ctrl-C stops it. The first time also makes a demo world and a login."""
    from rich.console import Console

    from tessera.project.supervisor import Demo
    from tessera.project.supervisor import up as supervise

    console = Console(highlight=False)

    def say(name: str, text: str) -> None:
        console.print(f"[bold]{name}[/bold] │ ", end="")
        console.print(text, markup=False, soft_wrap=True)

    def welcome(settled: "Settled") -> None:
        _welcome(console, settled)

    supervise(demo=Demo(demo_people, demo_days, demo_seed), say=say, welcome=welcome)
    console.print("Everything has stopped. Your data is kept in", str(settings().home), soft_wrap=True)


def _welcome(console: "object", settled: "Settled") -> None:
    from rich.console import Console
    from rich.panel import Panel

    assert isinstance(console, Console)
    chosen = settings()
    password = settled.password or f"written in {settled.login_file}, if it was not changed"
    lines = [
        f"Console   {chosen.public_console_url}",
        f"Collect   {chosen.public_collect_url}",
        "",
        f"Log in    {settled.email}",
        f"Password  {password}",
        f"Write key {settled.write_key or 'none: tessera keys create write NAME'}",
    ]
    console.print(Panel("\n".join(lines), title="Tessera is ready", expand=False))
    if settled.write_key:
        console.print("Send a first event:", style="bold")
        console.print(_first_event(chosen.public_collect_url, settled.write_key), markup=False, soft_wrap=True)
    console.print("Ctrl-C stops everything.", style="dim")


def _first_event(collect: str, write_key: str) -> str:
    body = '{"userId":"u1","event":"Order Completed","properties":{"revenue":12.5}}'
    return f"curl -u {write_key}: -H 'Content-Type: application/json' -d '{body}' {collect}/v1/track"


def first_run(
    people: People = 2000,
    days: Days = 90,
    seed: Seed = 1,
) -> None:
    """What `up` does after migrating; prints its facts as JSON."""
    import msgspec

    from tessera.project.cli import needs
    from tessera.project.cli.progress import bar
    from tessera.project.first_run import settle_in

    with needs.django(), bar("Making a demo world") as progress:
        settled = settle_in(people=people, days=days, seed=seed, progress=progress)
    typer.echo(msgspec.json.encode(settled).decode())


def collect() -> None:
    """Run the ingestion edge in the foreground."""
    from tessera.project.serve import serve_collect

    serve_collect()


def console() -> None:
    """Run the console and the management API in the foreground."""
    from tessera.project.serve import serve_console

    serve_console()


def jobs() -> None:
    """Do jobs (imports, exports, …) in the foreground; start as many as you like, on as many machines."""
    from tessera.project.serve import run_jobs

    run_jobs()


def analyst() -> None:
    """Run the analyst, who keeps the warehouse and answers segments, in the foreground; a second one waits its turn."""
    from tessera.project.serve import run_analyst

    run_analyst()


def job(
    name: Annotated[str, typer.Argument(help="The name of the task.")],
    arguments: Annotated[str, typer.Argument(help="Its arguments as a JSON object.")] = "{}",
) -> None:
    """Do one task here and now: what `tessera jobs` starts for each job. Exits with 75 where a later try may do."""
    import importlib

    import msgspec
    import structlog

    from tessera.foundation.database import may_pass
    from tessera.foundation.errors import TesseraError
    from tessera.foundation.logs import set_up_logs
    from tessera.jobs.registry import TRY_LATER, run_task
    from tessera.project.cli import needs

    try:
        given = msgspec.json.decode(arguments, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise TesseraError(f"the arguments are no JSON object: {error}") from None
    set_up_logs("job")
    try:
        with needs.django():
            importlib.import_module("tessera.project.tasks")
            run_task(name, given)
    except Exception as error:
        if not may_pass(error):
            raise
        structlog.get_logger("jobs").warning("hindered", task=name, error=f"{type(error).__name__}: {error}")
        raise typer.Exit(TRY_LATER) from None


def worker() -> None:
    """Run one worker in the foreground; start as many as you like, on as many machines."""
    from tessera.project.serve import run_worker

    run_worker()
