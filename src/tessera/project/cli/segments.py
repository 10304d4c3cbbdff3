"""`tessera segment`: who is meant, how many, why, and the list of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from tessera.foundation.errors import NotFound, SetupError
from tessera.project.cli import needs
from tessera.project.cli.export import sink
from tessera.project.cli.tables import print_table

if TYPE_CHECKING:
    import psycopg

    from tessera.audience.segments.records import Segment

app = typer.Typer(help="Segments: who is meant, how many, and why.", no_args_is_help=True)

Workspace = Annotated[str, typer.Option("--workspace", help="The workspace's short name.")]
Name = Annotated[str, typer.Argument(help="The segment's name, or its id.")]
MaybeName = Annotated[str | None, typer.Argument(help="The segment's name, or its id.")]
Text = Annotated[
    str | None,
    typer.Option("--text", help="""A condition instead of a segment: 'country = "ES" and sessions() > 3'."""),
]


class Place(NamedTuple):
    """Where a command works: a connection that autocommits, and the workspace."""

    connection: "psycopg.Connection[Any]"
    workspace_id: int


@contextmanager
def _place(slug: str) -> Iterator[Place]:
    from tessera.audience.questions import NoAnalyst

    with needs.django():
        from tessera.foundation.database import connect

        workspace_id = needs.workspace_called(slug).id
        with connect(autocommit=True, application="tessera segment") as connection:
            try:
                yield Place(connection, workspace_id)
            except NoAnalyst:
                raise SetupError("no analyst answers: start one with `tessera up` or `tessera analyst`") from None


@app.command("list")
def list_segments(
    archived: Annotated[bool, typer.Option("--archived", help="Those that are put away.")] = False,
    workspace: Workspace = "main",
) -> None:
    """Every segment, by folder and name, with its size when it was last counted."""
    with _place(workspace) as place:
        from tessera.audience.segments import queries

        found = queries.all_segments(place.connection, place.workspace_id, archived=archived)
    rows = [
        [
            *(each.name, each.folder, ", ".join(each.tags), _freshness(each)),
            *("" if each.size is None else f"{each.size:,}", _minute(each.counted_at), each.problem, str(each.id)),
        ]
        for each in found
    ]
    print_table(["Name", "Folder", "Tags", "Members", "Size", "Counted (UTC)", "Problem", "Id"], rows)


def _freshness(segment: "Segment") -> str:
    return {"asked": "when asked", "kept": "kept fresh", "fixed": "by hand"}[segment.freshness]


def _minute(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment else ""


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Its name.")],
    text: Annotated[str | None, typer.Argument(help="Its condition; a static segment is made without one.")] = None,
    folder: Annotated[str, typer.Option(help="The folder it is in.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="A word to find it by; may be repeated.")] = None,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    keep_fresh: Annotated[bool, typer.Option("--keep-fresh", help="Keep its members, as people change.")] = False,
    every_minutes: Annotated[
        int | None, typer.Option(min=5, max=10_080, help="How often it is evaluated whole as well.")
    ] = None,
    workspace: Workspace = "main",
) -> None:
    """Make a segment. Prints its id."""
    fields = {"description": description, "folder": folder, "tags": tag or [], "every_minutes": every_minutes}
    with _place(workspace) as place:
        from tessera.audience.segments import actions

        condition = None if text is None else _read(place, text)
        new = _checked(name=name, keep_fresh=keep_fresh, condition=condition, **fields)
        with place.connection.transaction():
            made = actions.create(
                place.connection,
                workspace_id=place.workspace_id,
                new=new,
                actor=needs.ACTOR,
                now=datetime.now(UTC),
            )
    typer.echo(str(made.id))


def _checked(**fields: Any) -> Any:
    """The new segment. Raises `WrongSegment` where a field is too long."""
    import msgspec

    from tessera.audience.segments.records import NewSegment, WrongSegment

    condition = fields.pop("condition")
    try:
        return msgspec.structs.replace(msgspec.convert(fields, NewSegment), condition=condition)
    except msgspec.ValidationError as error:
        raise WrongSegment(str(error)) from None


def _read(place: Place, text: str) -> bytes:
    from tessera.audience.conditions.registry import to_json
    from tessera.audience.segments.wording import names_in

    return to_json(names_in(place.connection, place.workspace_id).read(text))


def _segment(place: Place, name: str) -> "Segment":
    from tessera.audience.segments import queries

    return queries.find_by_name(place.connection, place.workspace_id, name)


def _condition(place: Place, name: str | None, text: str | None) -> bytes:
    """The JSON form of what is asked about: a segment's, or that of a text; a static segment's is membership of it."""
    from tessera.audience.conditions.membership import InSegment
    from tessera.audience.conditions.registry import to_json

    if (name is None) == (text is None):
        raise typer.BadParameter("give the name of a segment, or --text with a condition")
    if text is not None:
        return _read(place, text)
    assert name is not None
    segment = _segment(place, name)
    return segment.condition or to_json(InSegment(segment_id=segment.id))


@app.command("count")
def count(name: MaybeName = None, text: Text = None, workspace: Workspace = "main") -> None:
    """How many are in now. Prints the number."""
    with _place(workspace) as place:
        from msgspec import Raw

        from tessera.audience.questions import CountPeople, ask
        from tessera.audience.segments import membership

        condition = _condition(place, name, text)
        segment = _segment(place, name) if name is not None else None
        if segment is not None and segment.stored and segment.current:
            people = membership.count(place.connection, segment.id)
        else:
            question = CountPeople(condition=Raw(condition))
            people = ask(place.connection, place.workspace_id, question).people
    typer.echo(people)


@app.command("members")
def members(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    workspace: Workspace = "main",
) -> None:
    """Who is in, by the ids of people; `export` writes all of them with what they are named by."""
    with _place(workspace) as place:
        from tessera.audience.segments.listing import pages

        found = (each for page in pages(place.connection, _segment(place, name)) for each in page)
        rows = [[str(each.person_id), _minute(each.entered_at)] for each in islice(found, limit)]
    print_table(["Person", "Since (UTC)"], rows)


@app.command("explain")
def explain_person(
    words: Annotated[
        list[str], typer.Argument(metavar="[NAME] PERSON", help="A segment, and a person: an id, or kind:value.")
    ],
    text: Text = None,
    workspace: Workspace = "main",
) -> None:
    """Why a person is in a segment or not, part by part: `explain Spain email:ana@example.com`."""
    if len(words) != (1 if text is not None else 2):
        raise typer.BadParameter("give a segment and a person, or --text with a condition and a person")
    with _place(workspace) as place:
        from tessera.audience.conditions.registry import from_json
        from tessera.audience.explain import explain
        from tessera.audience.segments.wording import names_in
        from tessera.foundation.clock import now_micros
        from tessera.profiles.references import profile_named

        condition = from_json(_condition(place, None if text is not None else words[0], text))
        profile = profile_named(place.connection, place.workspace_id, words[-1])
        if profile is None:
            raise NotFound("nobody in this workspace is called that")
        verdict = explain(place.connection, place.workspace_id, condition, profile, now=now_micros())
        names = names_in(place.connection, place.workspace_id)
    _print_tree(verdict, names)


def _print_tree(verdict: Any, names: Any) -> None:
    from rich.console import Console
    from rich.tree import Tree

    tree = Tree(_line(verdict, names))
    _grow(tree, verdict, names)
    Console(highlight=False).print(tree)


def _grow(tree: Any, verdict: Any, names: Any) -> None:
    for part in verdict.parts:
        _grow(tree.add(_line(part, names)), part, names)


def _line(verdict: Any, names: Any) -> Any:
    from rich.text import Text as Words

    mark, style = ("✓", "green") if verdict.holds else ("✗", "red")
    return Words.assemble((mark, style), " ", names.written(bytes(verdict.condition)))


@app.command("export")
def export(
    name: Name,
    out: Annotated[Path | None, typer.Option("--out", help="The file; the standard output where left out.")] = None,
    format: Annotated[str, typer.Option("--format", help="csv or ndjson.")] = "csv",
    pii: Annotated[
        bool, typer.Option("--pii", help="With e-mails, phones and whatever else is personal data.")
    ] = False,
    workspace: Workspace = "main",
) -> None:
    """Everybody who is in, with what they are named by; without personal data unless it is asked for."""
    from tessera.project.cli.member_files import FORMATS

    if format not in FORMATS:
        raise NotFound(f"no format {format}; there is {', '.join(FORMATS)}")
    with _place(workspace) as place:
        from tessera.audience.segments.listing import listed

        segment, rows, whole = _segment(place, name), 0, False
        try:
            with sink(out) as file:
                written = FORMATS[format](file, personal=pii)
                for page in listed(place.connection, segment, personal=pii):
                    rows += len(page)
                    written.put(page)
            whole = True
        finally:  # whoever stops reading after ten rows has read them
            detail: dict[str, Any] = {"name": segment.name, "format": format, "rows": rows, "personal_data": pii}
            if not whole:
                detail["broken_off"] = True
            _note_taken_out(place, segment, detail)
    typer.echo("1 person" if rows == 1 else f"{rows} people", err=True)


def _note_taken_out(place: Any, segment: Any, detail: dict[str, Any]) -> None:
    from tessera.access.audit import record_audit_on

    record_audit_on(
        place.connection,
        workspace_id=place.workspace_id,
        actor=needs.ACTOR,
        action="export_to_file",
        target=f"segment:{segment.id}",
        detail=detail,
    )


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of conditions."""
    import msgspec

    from tessera.audience.conditions.registry import json_schema

    typer.echo(msgspec.json.format(msgspec.json.encode(json_schema()), indent=2).decode())
