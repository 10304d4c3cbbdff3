"""`tessera bench` and `tessera openapi`: what prints JSON for others to read."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from tessera.project.cli import needs

bench = typer.Typer(help="Measure this machine: our figure beside a baseline of the same run.", no_args_is_help=True)


@bench.command("edge")
def edge(
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of one measurement.")] = 5.0,
    connections: Annotated[int, typer.Option(min=1, help="Clients at once.")] = 64,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each server, taken in turns.")] = 5,
    batch: Annotated[int, typer.Option(min=1, help="Events per request in the second part.")] = 100,
) -> None:
    """Acknowledged events per second, beside a bare server that does nothing but COPY."""
    from tessera.project.bench import edge as measurement

    _print(measurement.run(seconds=seconds, connections=connections, rounds=rounds, batch=batch))


@bench.command("intake")
def intake(
    events: Annotated[int, typer.Option(min=1, help="Events of one measurement.")] = 40_000,
    people: Annotated[int, typer.Option(min=1, help="Profiles there are already.")] = 10_000,
    large: Annotated[int, typer.Option(min=1, help="Profiles there are in the larger database.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each, taken in turns.")] = 5,
    burst: Annotated[int, typer.Option(min=1, help="Calls a visitor makes in a row, on average.")] = 3,
) -> None:
    """Events one worker folds into profiles per second, beside COPY of the same rows, and what size costs."""
    from tessera.project.bench import intake as measurement

    def say(text: str) -> None:
        typer.echo(text, err=True)

    _print(measurement.run(events=events, people=people, large=large, rounds=rounds, burst=burst, say=say))


@bench.command("import")
def import_(
    rows: Annotated[int, typer.Option(min=1, help="Rows of one measurement.")] = 100_000,
    people: Annotated[int, typer.Option(min=0, help="Profiles there are already.")] = 100_000,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each, taken in turns.")] = 3,
) -> None:
    """Rows of a CSV file that become people per second, beside COPY of what comes of them."""
    from tessera.project.bench import imports as measurement

    def say(text: str) -> None:
        typer.echo(text, err=True)

    _print(measurement.run(rows=rows, people=people, rounds=rounds, say=say))


@bench.command("card")
def card(
    people: Annotated[int, typer.Option(min=1, help="Profiles there are.")] = 1_000_000,
    events: Annotated[int, typer.Option(min=1, help="Events of the person whose card is opened.")] = 10_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often it is opened.")] = 200,
) -> None:
    """Server time of the customer card, beside bare reads by key of the rows it shows."""
    from tessera.project.bench import card as measurement

    def say(text: str) -> None:
        typer.echo(text, err=True)

    _print(measurement.run(people=people, events=events, rounds=rounds, say=say))


@bench.command("world")
def world(
    file: Annotated[Path, typer.Option(help="The file to make.")],
    people: Annotated[int, typer.Option(min=1, help="People.")] = 1_000_000,
    events: Annotated[int, typer.Option(min=1, help="What they did, in a year.")] = 20_000_000,
) -> None:
    """Make a crowd in a warehouse of its own (a DuckDB file), for `tessera bench segment --world`."""
    from tessera.project.bench import crowd

    crowd.make(file, people=people, events=events)
    typer.echo(f"{people:,} people and {events:,} events are in {file}", err=True)


@bench.command("segment")
def segment(
    people: Annotated[int, typer.Option(min=100, help="People of the crowd.")] = 1_000_000,
    events: Annotated[int, typer.Option(min=100, help="What they did.")] = 20_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each, taken in turns.")] = 5,
    file: Annotated[Path | None, typer.Option("--world", help="A crowd made before; else one is made.")] = None,
) -> None:
    """Conditions over everybody, beside the same questions written by hand in DuckDB's SQL."""
    from tessera.project.bench import segments as measurement

    def say(text: str) -> None:
        typer.echo(text, err=True)

    _print(measurement.run(people=people, events=events, rounds=rounds, world=file, say=say))


@bench.command("report")
def report(
    people: Annotated[int, typer.Option(min=100, help="People of the crowd.")] = 1_000_000,
    events: Annotated[int, typer.Option(min=100, help="What they did.")] = 20_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each, taken in turns.")] = 3,
    file: Annotated[Path | None, typer.Option("--world", help="A crowd made before; else one is made.")] = None,
) -> None:
    """The reports over everybody, beside one pass over the same events."""
    from tessera.project.bench import reports as measurement

    def say(text: str) -> None:
        typer.echo(text, err=True)

    _print(measurement.run(people=people, events=events, rounds=rounds, world=file, say=say))


@bench.command("lag")
def lag(
    rate: Annotated[int, typer.Option(min=1, help="Events a second.")] = 5_000,
    seconds: Annotated[int, typer.Option(min=1, help="For how long, after ten seconds of warm-up.")] = 30,
    people: Annotated[int, typer.Option(min=1, help="Whose they are.")] = 10_000,
) -> None:
    """How old what the warehouse does not have yet is, while events come in at a steady rate."""
    from tessera.project.bench import lag as measurement

    def say(text: str) -> None:
        typer.echo(text, err=True)

    _print(measurement.run(rate=rate, seconds=seconds, people=people, say=say))


def openapi() -> None:
    """Print the description of the management API (OpenAPI, JSON)."""
    needs.load_django()
    from tessera.api.schema import openapi as describe

    _print(describe())


def _print(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))
