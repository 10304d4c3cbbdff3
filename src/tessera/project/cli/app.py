"""The commands, and how each of them fails: one line on stderr and a non-zero exit, never a traceback."""

import os
import sys

import psycopg
import typer

from tessera.foundation.errors import TesseraError
from tessera.project.cli import (
    catalogue,
    database,
    diagnosis,
    duplicates,
    export,
    imports,
    keys,
    measure,
    privacy,
    processes,
    quarantine,
    segments,
    staff,
    warehouse,
)

app = typer.Typer(
    name="tessera",
    help="One person, one profile, every channel.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    processes.up,
    processes.collect,
    processes.console,
    processes.worker,
    processes.jobs,
    processes.analyst,
):
    app.command(command.__name__)(command)
app.command("first-run", hidden=True)(processes.first_run)
app.command("job", hidden=True)(processes.job)
for command in (database.migrate, database.demo, database.settle, diagnosis.doctor):
    app.command(command.__name__)(command)
app.add_typer(keys.app, name="keys")
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(staff.app, name="staff")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(duplicates.app, name="duplicates")
app.add_typer(export.app, name="export")
app.add_typer(warehouse.app, name="warehouse")
app.add_typer(segments.app, name="segment")
app.add_typer(measure.bench, name="bench")
app.command("erase")(privacy.erase)
app.command("openapi")(measure.openapi)
app.command("import")(imports.import_file)


def main() -> None:
    """The entry point. `TESSERA_DEBUG=1` shows the traceback of what is otherwise one line."""
    try:
        app(prog_name="tessera")
    except TesseraError as error:
        _fail(str(error), error)
    except psycopg.OperationalError as error:
        _fail(f"the database is away: {error}", error)
    except psycopg.Error as error:
        _fail(f"the database refused: {error}", error)
    except UnicodeEncodeError as error:
        _fail("what was given is not UTF-8", error)
    except Exception as error:
        if not isinstance(error.__cause__, psycopg.Error):
            raise
        _fail(f"the database is away or refused: {error}", error)  # Django wraps the driver's errors


def _fail(reason: str, error: Exception) -> None:
    if os.environ.get("TESSERA_DEBUG"):
        raise error
    sys.stderr.write(f"tessera: {' '.join(reason.split())}\n")
    sys.exit(1)
