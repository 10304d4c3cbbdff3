"""`tessera doctor`."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tessera.project.doctor import Check

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False) -> None:
    """Check everything a support engineer would ask first. Exit code 1: something has failed."""
    from tessera.project.doctor import examine

    checks = list(examine())
    if json:
        import msgspec

        typer.echo(msgspec.json.encode(checks).decode())
    else:
        _print(checks)
    if any(check.state == "fail" for check in checks):
        raise typer.Exit(1)


def _print(checks: "list[Check]") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("Check", "", "Found", "What to do"):
        table.add_column(title, overflow="fold")
    for check in checks:
        state = Text(check.state, style=_COLOURS[check.state])
        table.add_row(Text(check.name), state, Text(check.said), Text(check.hint))
    Console(highlight=False).print(table)
