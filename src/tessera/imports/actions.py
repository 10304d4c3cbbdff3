"""Everything that may be done with an import. Each takes a psycopg connection and is one transaction.

    create_import → add_chunk … → finish_upload → choose_plan → [check] → start → [pause | cancel | resume] → [undo]

`store_file` is the first three at once, for a file at hand. What takes long is a job (`tessera.imports.work`), unless
the caller does it `here`, by calling the engine itself.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from tessera.access.audit import record_audit_on
from tessera.foundation.errors import TooManyFiles
from tessera.foundation.ids import uuid7
from tessera.foundation.settings import settings
from tessera.imports import queries, store
from tessera.imports.plan import InvalidPlan, Plan, check_plan
from tessera.imports.reading import FileRefused
from tessera.imports.records import FileGone, ImportView, State, WrongState
from tessera.imports.store import CHUNK
from tessera.jobs import LONG, defer
from tessera.workspaces.belonging import has_source

Connection = psycopg.Connection[Any]
MAX_FILE_NAME: Final = 200
RUN: Final = "imports.run"
CHECK: Final = "imports.check"
UNDO: Final = "imports.undo"


def create_import(
    connection: Connection, *, workspace_id: int, file_name: str, actor: str, now: datetime
) -> ImportView:
    """Begin to take in a file: its chunks follow. Raises `TooManyFiles`."""
    import_id = uuid7()
    name = _plain_name(file_name)
    with connection.transaction():
        _check_room(connection, workspace_id, 1)
        store.add(connection, import_id=import_id, workspace_id=workspace_id, name=name, actor=actor, now=now)
        _audit(connection, workspace_id, actor, "create_import", import_id, name=name)
    return store.read(connection, workspace_id, import_id)


def _plain_name(file_name: str) -> str:
    """The last part of a path, without what cannot be shown: a file's name is a stranger's word."""
    last = file_name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(char for char in last if char.isprintable()).strip()[:MAX_FILE_NAME] or "file"


def add_chunk(connection: Connection, *, workspace_id: int, import_id: UUID, number: int, data: bytes) -> None:
    """Store the file's piece `number` (from 0), at most 1 MB (`store.CHUNK`); the same piece may come again.

    Raises `FileRefused` when the piece or the file is too large, `TooManyFiles`, `WrongState`,
    `NoSuchImport`.
    """
    most = settings().import_max_mb * 1024**2
    if not data or len(data) > CHUNK:
        raise FileRefused(f"a chunk has 1 to {CHUNK} bytes, this one has {len(data)}")
    if not 0 <= number <= most // 1024:
        raise FileRefused(f"chunk {number} is beyond the end of any file")
    with connection.transaction():
        found = _locked(connection, workspace_id, import_id, "uploading")
        if found.size + len(data) > most:
            raise FileRefused(f"a file may have {settings().import_max_mb} MB")
        grown = store.put_chunk(connection, import_id, number, data)
        store.change(connection, import_id, size=found.size + grown)
        _check_room(connection, workspace_id, 0)


def _check_room(connection: Connection, workspace_id: int, more: int) -> None:
    """Raises `TooManyFiles` where so many bytes more are beyond what files of imports may come to."""
    if store.bytes_kept(connection, workspace_id) + more > settings().files_max:
        raise TooManyFiles(f"the files of a workspace's imports may come to {settings().files_max_mb} MB")


def finish_upload(connection: Connection, *, workspace_id: int, import_id: UUID) -> ImportView:
    """The file is whole: look at it and give it the plan that suggests itself.

    Raises `FileRefused` where it cannot be read as anything (the import then stays where it is), `WrongState`.
    """
    with connection.transaction():
        _locked(connection, workspace_id, import_id, "uploading")
        there, expected = store.holes(connection, import_id)
        if there != expected or not there:
            raise FileRefused(f"{expected - there} chunks are missing" if expected else "the file is empty")
        store.change(connection, import_id, chunks=there)
        found = queries.inspect_file(connection, workspace_id, import_id)
        store.set_state(connection, import_id, "ready", plan=store.encode(found.suggested))
    return store.read(connection, workspace_id, import_id)


def store_file(
    connection: Connection, *, workspace_id: int, file_name: str, blocks: Iterable[bytes], actor: str, now: datetime
) -> ImportView:
    """Take in a whole file, in blocks of any size. Raises `FileRefused`, `TooManyFiles` (nothing is kept then)."""
    with connection.transaction():
        made = create_import(connection, workspace_id=workspace_id, file_name=file_name, actor=actor, now=now)
        number, held = 0, bytearray()
        for block in blocks:
            held += block
            while len(held) >= CHUNK:
                piece = bytes(held[:CHUNK])
                add_chunk(connection, workspace_id=workspace_id, import_id=made.id, number=number, data=piece)
                del held[:CHUNK]
                number += 1
        if held:
            add_chunk(connection, workspace_id=workspace_id, import_id=made.id, number=number, data=bytes(held))
        return finish_upload(connection, workspace_id=workspace_id, import_id=made.id)


def choose_plan(connection: Connection, *, workspace_id: int, import_id: UUID, plan: Plan, actor: str) -> ImportView:
    """Decide how the file is read and where its columns go. Raises `InvalidPlan`, `WrongState`."""
    check_plan(plan)
    if plan.source_id is not None and not has_source(connection, workspace_id, plan.source_id):
        raise InvalidPlan(f"there is no source {plan.source_id}")
    with connection.transaction():
        _locked(connection, workspace_id, import_id, "ready")
        queries.inspect_file(connection, workspace_id, import_id, chosen=plan.format)
        store.change(connection, import_id, plan=store.encode(plan), checked=None)
        store.forget_problems(connection, import_id, dry=True)
        _audit(connection, workspace_id, actor, "plan_import", import_id, match=plan.match, policy=plan.policy)
    return store.read(connection, workspace_id, import_id)


def check(connection: Connection, *, workspace_id: int, import_id: UUID, actor: str, here: bool = False) -> ImportView:
    """Try the import without writing anything: a job; its outcome is `checked` and the problems of the dry run."""
    with connection.transaction():
        _ready_to_go(connection, workspace_id, import_id, "ready")
        store.set_state(connection, import_id, "checking", wanted="", bytes_read=0, problem="")
        _hand_over(connection, CHECK, import_id, here=here)
        _audit(connection, workspace_id, actor, "check_import", import_id)
    return store.read(connection, workspace_id, import_id)


def start(
    connection: Connection, *, workspace_id: int, import_id: UUID, actor: str, now: datetime, here: bool = False
) -> ImportView:
    """Carry the plan out: a job. `now` is when its events happen. Raises `InvalidPlan`, `WrongState`, `FileGone`."""
    with connection.transaction():
        _ready_to_go(connection, workspace_id, import_id, "ready")
        store.set_state(
            connection, import_id, "queued", wanted="", started_at=now, bytes_read=0, problem="", finished_at=None
        )
        _hand_over(connection, RUN, import_id, here=here)
        _audit(connection, workspace_id, actor, "start_import", import_id)
    return store.read(connection, workspace_id, import_id)


def pause(connection: Connection, *, workspace_id: int, import_id: UUID, actor: str) -> ImportView:
    """Ask a waiting, running or checking import to stop where it is; `resume` goes on from there."""
    return _ask(connection, workspace_id, import_id, actor, "pause", "paused")


def cancel(connection: Connection, *, workspace_id: int, import_id: UUID, actor: str) -> ImportView:
    """Stop it for good (what was taken in stays until `undo`). A paused or failed one is cancelled at once."""
    return _ask(connection, workspace_id, import_id, actor, "cancel", "cancelled")


def _ask(
    connection: Connection, workspace_id: int, import_id: UUID, actor: str, wanted: str, becomes: State
) -> ImportView:
    with connection.transaction():
        found = _locked(connection, workspace_id, import_id, "queued", "running", "checking", "paused", "failed")
        if found.state in ("paused", "failed", "queued"):
            store.set_state(connection, import_id, becomes, wanted="")
        else:
            store.change(connection, import_id, wanted=wanted)
        _audit(connection, workspace_id, actor, f"{wanted}_import", import_id)
    return store.read(connection, workspace_id, import_id)


def resume(connection: Connection, *, workspace_id: int, import_id: UUID, actor: str, here: bool = False) -> ImportView:
    """Go on after the last row that was taken in: paused, failed, or stalled because its machine is gone.

    Raises `FileGone`, `WrongState`.
    """
    with connection.transaction():
        found = _ready_to_go(connection, workspace_id, import_id, "paused", "failed", "running", "checking")
        if found.state in ("running", "checking") and not found.stalled:
            raise WrongState(f"the import is {found.state}; it needs no help")
        if found.state == "checking":
            store.set_state(connection, import_id, "ready", wanted="")
        else:
            store.set_state(connection, import_id, "queued", wanted="", problem="", finished_at=None)
            _hand_over(connection, RUN, import_id, here=here)
        _audit(connection, workspace_id, actor, "resume_import", import_id)
    return store.read(connection, workspace_id, import_id)


def undo(connection: Connection, *, workspace_id: int, import_id: UUID, actor: str, here: bool = False) -> ImportView:
    """Remove what the import brought: a job; its outcome is `undo`. A running import is cancelled first."""
    with connection.transaction():
        found = _locked(
            connection, workspace_id, import_id,
            "queued", "running", "paused", "cancelled", "failed", "finished", "undoing",
        )  # fmt: skip
        if found.state == "undoing" and not found.stalled:
            return found
        store.set_state(connection, import_id, "undoing", wanted="cancel", problem="")
        _hand_over(connection, UNDO, import_id, here=here)
        _audit(connection, workspace_id, actor, "undo_import", import_id)
    return store.read(connection, workspace_id, import_id)


def delete_import(connection: Connection, *, workspace_id: int, import_id: UUID, actor: str) -> None:
    """Forget an import that never started, with its file. Raises `WrongState` for one that did."""
    with connection.transaction():
        _locked(connection, workspace_id, import_id, "uploading", "ready")
        store.drop_file(connection, import_id)
        store.forget_problems(connection, import_id, dry=True)
        connection.execute("DELETE FROM imports_import WHERE id = %s", (import_id,))
        _audit(connection, workspace_id, actor, "delete_import", import_id)


def _hand_over(connection: Connection, job: str, import_id: UUID, *, here: bool) -> None:
    if not here:
        defer(connection, job, queue=LONG, lock=f"import:{import_id}", import_id=str(import_id))


def _ready_to_go(connection: Connection, workspace_id: int, import_id: UUID, *states: State) -> ImportView:
    found = _locked(connection, workspace_id, import_id, *states)
    if not found.file_kept:
        raise FileGone("the file of this import is no longer kept; upload it again")
    check_plan(found.plan or Plan())
    store.heard_of(connection, import_id)
    return found


def _locked(connection: Connection, workspace_id: int, import_id: UUID, *states: State) -> ImportView:
    """Raises `NoSuchImport`, or `WrongState` unless it is in one of these."""
    found = store.read(connection, workspace_id, import_id, lock=True)
    if found.state not in states:
        raise WrongState(f"the import is {found.state}; this needs it {' or '.join(states)}")
    return found


def _audit(
    connection: Connection, workspace_id: int, actor: str, action: str, import_id: UUID, **detail: object
) -> None:
    target = f"import:{import_id}"
    record_audit_on(connection, workspace_id=workspace_id, actor=actor, action=action, target=target, detail=detail)
