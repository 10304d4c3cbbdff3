"""`tessera export`: people or their history straight into a file, without a job."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from tessera.foundation.errors import SetupError
from tessera.project.cli import needs
from tessera.project.cli.progress import bar

app = typer.Typer(help="Write people or their history into a file.", no_args_is_help=True)

Out = Annotated[Path | None, typer.Option("--out", help="The file to write; the standard output where it is left out.")]
Format = Annotated[str, typer.Option("--format", help="csv, ndjson or parquet.")]
Gzip = Annotated[bool, typer.Option("--gzip", help="Compress it (csv and ndjson).")]
Mark = Annotated[bool, typer.Option("--bom", help="Begin a csv file with a byte order mark, as old Excel wants it.")]
Slug = Annotated[str, typer.Option("--workspace", help="The workspace's short name.")]
Who = Annotated[
    list[str] | None, typer.Option("--person", help="Only this one, by profile id or kind:value; may be repeated.")
]
When = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="In UTC.")]


@app.command("people")
def people(
    out: Out = None,
    format: Format = "csv",
    gzip: Gzip = False,
    bom: Mark = False,
    workspace: Slug = "main",
    person: Who = None,
    attribute: Annotated[list[str] | None, typer.Option(help="Only this one; may be repeated.")] = None,
    created_from: When = None,
    created_to: When = None,
    seen_from: When = None,
    seen_to: When = None,
) -> None:
    """One row per person: who they are, what is known, what they bought."""
    _export(
        out,
        workspace,
        what="people",
        format=format,
        gzip=gzip,
        byte_order_mark=bom,
        people=person,
        attributes=attribute,
        created_from=created_from,
        created_to=created_to,
        seen_from=seen_from,
        seen_to=seen_to,
    )


@app.command("history")
def history(
    out: Out = None,
    format: Format = "csv",
    gzip: Gzip = False,
    bom: Mark = False,
    workspace: Slug = "main",
    person: Who = None,
    event: Annotated[list[str] | None, typer.Option(help="Only events of this name; may be repeated.")] = None,
    source: Annotated[list[int] | None, typer.Option(help="Only of the source with this number.")] = None,
    occurred_from: When = None,
    occurred_to: When = None,
) -> None:
    """One row per event, with its properties as JSON."""
    _export(
        out,
        workspace,
        what="history",
        format=format,
        gzip=gzip,
        byte_order_mark=bom,
        people=person,
        events=event,
        sources=source,
        occurred_from=occurred_from,
        occurred_to=occurred_to,
    )


def _export(out: Path | None, slug: str, **asked: Any) -> None:
    with needs.django():
        from tessera.exports import actions, produce
        from tessera.exports.wanted import read_wanted

        wanted = read_wanted({name: _plain(value) for name, value in asked.items() if value is not None})
        workspace_id, rows, whole = needs.workspace_called(slug).id, 0, False
        try:
            with sink(out) as file, produce.picture() as reading, bar("Exporting") as progress:
                now = produce.moment_of(reading)

                def told(looked_at: int, total: int, written: int) -> None:
                    nonlocal rows
                    rows = written
                    progress(looked_at, max(total, looked_at))

                rows = produce.write_all(reading, workspace_id, wanted, file, now=now, progress=told)
            whole = True
        finally:  # whoever stops reading after ten rows has read them
            actions.note_taken_out(workspace_id=workspace_id, wanted=wanted, rows=rows, whole=whole, actor=needs.ACTOR)
    typer.echo("1 row" if rows == 1 else f"{rows} rows", err=True)


def _plain(value: Any) -> Any:
    return value.replace(tzinfo=UTC).isoformat() if isinstance(value, datetime) else value


@contextmanager
def sink(out: Path | None) -> Iterator[BinaryIO]:
    """The standard output, or a file that has its name only when it is whole."""
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    draft = out.with_name(out.name + ".part")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(out)
    except OSError as error:
        raise SetupError(f"cannot write {out}: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
