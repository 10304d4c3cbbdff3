"""`tessera import`: a file of people from the command line.

Exit codes: 0 all of it is in, 3 some rows were refused, 1 it failed, 2 the command was not understood.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import msgspec
import psycopg
import typer

from tessera.foundation.errors import NotFound, SetupError, TesseraError
from tessera.foundation.logs import set_up_logs
from tessera.project.cli import needs
from tessera.project.cli.progress import bar
from tessera.project.cli.tables import print_table

if TYPE_CHECKING:
    from tessera.imports.plan import Plan
    from tessera.imports.records import ImportView

Connection = psycopg.Connection[Any]
SOME_ROWS_REFUSED = 3
_BLOCK = 1024 * 1024
_LOOK_EVERY = 0.2


def import_file(
    file: Annotated[Path | None, typer.Argument(help="CSV, JSON lines or Segment messages; gzipped or not.")] = None,
    map_: Annotated[
        list[str] | None, typer.Option("--map", help="TARGET=COLUMN, for example email=Correo; may be repeated.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="A JSON file with the plan, or a part of it.")] = None,
    match: Annotated[
        str | None, typer.Option(help="email, phone, email_or_phone, user_id, profile_id, external:…")
    ] = None,
    policy: Annotated[str | None, typer.Option(help="create_and_update, create_only or update_only.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Instead of the one that is detected.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Instead of the one that is detected.")] = None,
    triggers: Annotated[bool, typer.Option(help="Let what reacts to events react to these.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and do nothing.")] = False,
    errors: Annotated[Path | None, typer.Option(help="Write what was wrong with which row to this CSV file.")] = None,
    watch: Annotated[bool, typer.Option("--watch/--no-wait", help="Do it here and show how far it is.")] = True,
    source: Annotated[str | None, typer.Option(help="The source its events are said to come from.")] = None,
    undo: Annotated[UUID | None, typer.Option(help="Take an import back.")] = None,
    resume: Annotated[UUID | None, typer.Option(help="Go on with an import that stopped.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="The imports there were.")] = False,
    workspace: Annotated[str, typer.Option(help="The slug of the workspace.")] = "main",
) -> None:
    """Import people from a file, or list, resume and undo imports."""
    if sum(map(bool, (file, undo, resume, list_))) != 1:
        raise typer.BadParameter("give a FILE, or one of --list, --resume and --undo")
    with needs.django():
        from tessera.foundation.database import connect

        set_up_logs("import")
        logging.getLogger().setLevel(logging.WARNING)  # the command speaks for itself
        base = needs.workspace_called(workspace)
        with connect(autocommit=True) as live:
            desk = Desk(live, base.id, watch=watch, errors=errors)
            if list_:
                desk.show()
            elif undo:
                desk.undo(undo)
            elif resume:
                desk.resume(resume)
            else:
                assert file is not None
                wishes = {"match": match, "policy": policy, "encoding": encoding, "delimiter": delimiter}
                extra = _extra(base.id, source, triggers=triggers)
                made = desk.take(file, map_ or [], mapping, wishes, extra)
                desk.go(made, dry_run=dry_run)


class Desk:
    """What the command does, on one workspace."""

    def __init__(self, live: Connection, workspace_id: int, *, watch: bool, errors: Path | None) -> None:
        self._live = live
        self._workspace_id = workspace_id
        self._watch = watch
        self._errors = errors

    def show(self) -> None:
        from tessera.imports import queries

        rows = [
            [str(each.id), each.name, each.state, f"{each.created_at:%Y-%m-%d %H:%M}", f"{each.counts.rows:,}",
             f"{each.counts.created:,}", f"{each.counts.updated:,}", f"{each.counts.errors:,}"]
            for each in queries.imports(self._live, self._workspace_id).imports
        ]  # fmt: skip
        print_table(["ID", "File", "State", "When", "Rows", "Created", "Updated", "Errors"], rows)

    def take(
        self,
        file: Path,
        maps: list[str],
        mapping: Path | None,
        wishes: dict[str, str | None],
        extra: dict[str, Any],
    ) -> "ImportView":
        """Take in the file and decide its plan."""
        from tessera.imports import actions, queries
        from tessera.imports.plan import Plan

        made = actions.store_file(
            self._live, workspace_id=self._workspace_id, file_name=file.name, blocks=_blocks(file),
            actor=needs.ACTOR, now=datetime.now(UTC),
        )  # fmt: skip
        plan = made.plan or Plan()
        chosen = _format(plan, wishes)
        if chosen != plan.format:
            plan = queries.inspect_file(self._live, self._workspace_id, made.id, chosen=chosen).suggested
        plan = _decided(plan, maps, mapping, wishes, extra)
        try:
            return actions.choose_plan(
                self._live, workspace_id=self._workspace_id, import_id=made.id, plan=plan, actor=needs.ACTOR
            )
        except TesseraError:
            actions.delete_import(self._live, workspace_id=self._workspace_id, import_id=made.id, actor=needs.ACTOR)
            raise

    def go(self, made: "ImportView", *, dry_run: bool) -> None:
        """Try it or carry it out."""
        from tessera.imports import actions, engine

        who = {"workspace_id": self._workspace_id, "import_id": made.id, "actor": needs.ACTOR}
        if dry_run:
            actions.check(self._live, **who, here=True)  # type: ignore[arg-type]
            self._do("trying", made.id, lambda: engine.check_import(made.id))
            done = self._look(made.id)
            self._write_errors(done)
            actions.delete_import(self._live, **who)  # type: ignore[arg-type]
            self._say(done, tried=True)
            return
        actions.start(self._live, **who, now=datetime.now(UTC), here=self._watch)  # type: ignore[arg-type]
        if not self._watch:
            typer.echo(str(made.id))
            return
        self._run(made.id, lambda: engine.run_import(made.id))

    def resume(self, import_id: UUID) -> None:
        from tessera.imports import actions, engine

        actions.resume(
            self._live, workspace_id=self._workspace_id, import_id=import_id, actor=needs.ACTOR, here=self._watch
        )
        if self._watch:
            self._run(import_id, lambda: engine.run_import(import_id))

    def undo(self, import_id: UUID) -> None:
        from tessera.imports import actions, undoing

        actions.undo(
            self._live, workspace_id=self._workspace_id, import_id=import_id, actor=needs.ACTOR, here=self._watch
        )
        if not self._watch:
            return
        self._do("undoing", import_id, lambda: undoing.undo_import(import_id))
        report = self._look(import_id).undo
        if report is not None:
            typer.echo(
                f"undone: {report.events:,} events, {report.people:,} people and {report.identifiers:,} identifiers"
                f" removed, {report.refolded:,} people restored, {len(report.incomplete):,} left as they are"
            )

    def _run(self, import_id: UUID, work: Callable[[], None]) -> None:
        self._do("importing", import_id, work)
        done = self._look(import_id)
        self._write_errors(done)
        self._say(done, tried=False)

    def _do(self, what: str, import_id: UUID, work: Callable[[], None]) -> None:
        """Do it in a thread, so that this one can show how far it is and be interrupted."""
        failures: list[BaseException] = []

        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                failures.append(error)

        worker = threading.Thread(target=guarded, daemon=True)
        with bar(what) as progress:
            worker.start()
            try:
                while worker.is_alive():
                    worker.join(_LOOK_EVERY)
                    progress(round(self._look(import_id).progress * 1000), 1000)
            except KeyboardInterrupt:
                self._interrupted(import_id, worker)
        if failures:
            raise failures[0]

    def _interrupted(self, import_id: UUID, worker: threading.Thread) -> None:
        from tessera.imports import actions

        actions.pause(self._live, workspace_id=self._workspace_id, import_id=import_id, actor=needs.ACTOR)
        until = time.monotonic() + 30
        while worker.is_alive() and time.monotonic() < until:
            worker.join(_LOOK_EVERY)
        raise SetupError(f"stopped; go on with: tessera import --resume {import_id}")

    def _look(self, import_id: UUID) -> "ImportView":
        from tessera.imports import queries

        return queries.import_by_id(self._live, self._workspace_id, import_id)

    def _write_errors(self, done: "ImportView") -> None:
        from tessera.imports import queries

        if self._errors is not None:
            with self._errors.open("wb") as out:
                out.writelines(queries.error_file(self._live, self._workspace_id, done.id))

    def _say(self, done: "ImportView", *, tried: bool) -> None:
        counts = (done.checked if tried else done.counts) or done.counts
        would = "would be " if tried else ""
        typer.echo(
            f"{counts.rows:,} rows: {counts.created:,} {would}created, {counts.updated:,} updated,"
            f" {counts.unchanged:,} unchanged, {counts.skipped:,} skipped, {counts.errors:,} refused,"
            f" {counts.warnings:,} warnings"
        )
        if not tried:
            typer.echo(f"undo with: tessera import --undo {done.id}")
        if counts.errors:
            raise typer.Exit(SOME_ROWS_REFUSED)


def _blocks(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as opened:
            while block := opened.read(_BLOCK):
                yield block
    except OSError as error:
        raise SetupError(f"cannot read {file}: {error.strerror}") from None


def _extra(workspace_id: int, source: str | None, *, triggers: bool) -> dict[str, Any]:
    """What the other options say of the plan. Raises `NotFound`."""
    from tessera.workspaces.queries import source_by_name

    extra: dict[str, Any] = {"skip_triggers": False} if triggers else {}
    if source is not None:
        found = source_by_name(workspace_id, source)
        if found is None:
            raise NotFound(f"no source {source}; tessera keys list names them")
        extra["source_id"] = found.id
    return extra


def _format(plan: "Plan", wishes: dict[str, str | None]) -> Any:
    delimiter = {"tab": "\t", "\\t": "\t"}.get(wishes["delimiter"] or "", wishes["delimiter"])
    changes = {name: value for name, value in (("encoding", wishes["encoding"]), ("delimiter", delimiter)) if value}
    return msgspec.structs.replace(plan.format, **changes)


def _decided(
    plan: "Plan", maps: list[str], mapping: Path | None, wishes: dict[str, str | None], extra: dict[str, Any]
) -> "Plan":
    """The suggested plan with everything that was asked for. Raises `SetupError`, `InvalidPlan`."""
    from tessera.imports.plan import Plan

    document = msgspec.to_builtins(plan)
    if mapping is not None:
        try:
            document |= msgspec.json.decode(mapping.read_bytes(), type=dict[str, Any])
        except (OSError, msgspec.MsgspecError) as error:
            raise SetupError(f"cannot read {mapping}: {error}") from None
    if maps:
        document["columns"] = _mapped(plan, maps)
    document |= {name: wishes[name] for name in ("match", "policy") if wishes[name]}
    document |= extra
    try:
        return msgspec.convert(document, Plan)
    except msgspec.ValidationError as error:
        raise SetupError(f"this is no plan of an import: {error}") from None


def _mapped(plan: "Plan", maps: list[str]) -> list[dict[str, Any]]:
    """`TARGET=COLUMN`; columns that nobody names are left out."""
    named: dict[str, str] = {}
    there = {column.name for column in plan.columns}
    for each in maps:
        target, found, column = each.partition("=")
        if not found or column not in there:
            raise SetupError(
                f"--map takes TARGET=COLUMN with a column of the file ({', '.join(sorted(there))}), not {each}"
            )
        known = target in ("email", "phone", "user_id", "profile_id", "ignore") or ":" in target
        named[column] = target if known else f"attribute:{target}"
    columns = (msgspec.structs.replace(column, target=named.get(column.name, "ignore")) for column in plan.columns)
    return [msgspec.to_builtins(column) for column in columns]
