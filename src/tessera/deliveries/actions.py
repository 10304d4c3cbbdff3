"""Every change to automatic exports. Each leaves an entry in the audit trail, in its own transaction.

Whoever makes or changes one must be somebody who may export people and see personal data: the doors ask for that.
"""

import re
import unicodedata
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from msgspec import UNSET, Struct

from tessera.access.audit import record_audit_on
from tessera.audience.segments import moves
from tessera.audience.segments.queries import segment_by_id
from tessera.audience.segments.records import NoSuchSegment
from tessera.deliveries import store
from tessera.deliveries.carrying import context_of
from tessera.deliveries.folders import place_of
from tessera.deliveries.records import (
    MOST_EXPORTS,
    Bucket,
    Destination,
    Folder,
    InvalidSegmentExport,
    NewSegmentExport,
    SegmentExport,
    SegmentExportChange,
    TooManySegmentExports,
    Webhook,
)
from tessera.deliveries.run import RUN, look_again, look_again_at
from tessera.deliveries.schedules import ON_CHANGE, checked_schedule, next_after
from tessera.deliveries.webhooks import new_secret
from tessera.foundation.errors import TesseraError
from tessera.foundation.ids import uuid7
from tessera.foundation.outbound import read_address
from tessera.foundation.redaction import Redactor
from tessera.foundation.sealed import seal
from tessera.foundation.settings import settings
from tessera.workspaces.store import time_zone_of

Connection = psycopg.Connection[Any]
_OURS: Final = frozenset({"to", "endpoint", "region", "bucket", "key_id"})
KEPT_DAYS: Final = 365
"""How long it is told of a delivery that arrived."""


class MadeExport(Struct, frozen=True):
    """`secret` is what a webhook is signed with, where it was made by us. It is told once."""

    export: SegmentExport
    secret: str | None


def create(
    connection: Connection, *, workspace_id: int, segment_id: UUID, new: NewSegmentExport, actor: str, now: datetime
) -> MadeExport:
    """A new automatic export; from this moment no move is missed. In the caller's transaction.

    Raises `NoSuchSegment`, `WrongSegment`, `InvalidSegmentExport`, `TooManySegmentExports`.
    """
    segment_by_id(connection, workspace_id, segment_id)
    if len(store.of_workspace(connection, workspace_id)) >= MOST_EXPORTS:
        raise TooManySegmentExports(f"a workspace has at most {MOST_EXPORTS} automatic exports")
    export_id, name = uuid7(), _name(new.name)
    schedule = checked_schedule(new.schedule)
    destination = _checked(new.destination)
    secret = _first_secret(destination, new.secret)
    task = RUN if schedule == ON_CHANGE else ""
    moves.listen(
        connection,
        workspace_id=workspace_id,
        segment_id=segment_id,
        listener=export_id,
        task=task,
        everybody=new.everybody,
    )
    fields = {
        "workspace_id": workspace_id,
        "id": export_id,
        "segment_id": segment_id,
        "name": name,
        "slug": _slug(name, export_id),
        "format": new.format,
        "attributes": list(dict.fromkeys(new.attributes)),
        "identifiers": list(dict.fromkeys(new.identifiers)),
        "destination": msgspec.json.encode(destination).decode(),
        "secret": seal(secret.encode(), context=context_of(export_id)) if secret else None,
        "schedule": schedule,
        "everybody": new.everybody,
        "state": "active",
        "due_at": next_after(schedule, now, time_zone_of(connection, workspace_id)),
        "asked": new.everybody,
        "created_at": now,
        "created_by": actor[:300],
        "changed_at": now,
    }
    store.add(connection, fields)
    made = store.read(connection, workspace_id, export_id)
    _wake(connection, made, now)
    _note(connection, made, actor, "create_segment_export", **_told(made))
    made_by_us = secret if isinstance(destination, Webhook) and not new.secret else None
    return MadeExport(made, made_by_us)


def change(
    connection: Connection,
    *,
    workspace_id: int,
    export_id: UUID,
    wanted: SegmentExportChange,
    actor: str,
    now: datetime,
) -> SegmentExport:
    """Change what is given; a paused one loses nothing meanwhile. Raises as `create` does, `NoSuchSegmentExport`."""
    export = store.read(connection, workspace_id, export_id, lock=True)
    given = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not UNSET}
    fields: dict[str, Any] = {name: given[name] for name in ("format",) if name in given}
    fields |= {name: list(dict.fromkeys(given[name])) for name in ("attributes", "identifiers") if name in given}
    if "name" in given:
        fields["name"] = _name(given["name"])
    fields |= _changed_destination(connection, export, wanted)
    if "schedule" in given:
        fields["schedule"] = checked_schedule(given["schedule"])
        fields["due_at"] = next_after(fields["schedule"], now, time_zone_of(connection, workspace_id))
        moves.tell(connection, export_id, RUN if fields["schedule"] == ON_CHANGE else "")
    if "paused" in given and export.state != "ended":
        fields["state"] = "paused" if given["paused"] else "active"
    if not fields:
        return export
    store.change(connection, export, {**fields, "changed_at": now})
    changed = store.read(connection, workspace_id, export_id)
    if "destination" in given or "secret" in given or export.state == "paused":
        store.try_now(connection, changed)
    _wake(connection, changed, now)
    _note(connection, changed, actor, "change_segment_export", changed=sorted(given), **_told(changed))
    return changed


def _changed_destination(connection: Connection, export: SegmentExport, wanted: SegmentExportChange) -> dict[str, Any]:
    """A secret stays only where the kind of destination does: a bucket's key is no signature of a webhook."""
    fields: dict[str, Any] = {}
    destination = export.destination
    if not isinstance(wanted.destination, msgspec.UnsetType):
        destination = _checked(wanted.destination)
        fields["destination"] = msgspec.json.encode(destination).decode()
    if not isinstance(wanted.secret, msgspec.UnsetType):
        fields["secret"] = seal(wanted.secret.encode(), context=context_of(export.id))
    elif type(destination) is not type(export.destination):
        if not isinstance(destination, Folder):
            raise InvalidSegmentExport("another kind of destination needs its own secret")
        fields["secret"] = None
    return fields


def renew_secret(connection: Connection, *, workspace_id: int, export_id: UUID, actor: str) -> MadeExport:
    """Sign with a new secret from now on; it is told once. Raises `InvalidSegmentExport` where nothing is signed."""
    export = store.read(connection, workspace_id, export_id, lock=True)
    if not isinstance(export.destination, Webhook):
        raise InvalidSegmentExport("only webhooks are signed")
    secret = new_secret()
    store.change(connection, export, {"secret": seal(secret.encode(), context=context_of(export_id))})
    _note(connection, export, actor, "renew_segment_export_secret")
    return MadeExport(store.read(connection, workspace_id, export_id), secret)


def run_now(connection: Connection, *, workspace_id: int, export_id: UUID, actor: str) -> SegmentExport:
    """Deliver what there is, and try at once what did not arrive. Raises `NoSuchSegmentExport`."""
    export = store.read(connection, workspace_id, export_id, lock=True)
    if export.state != "active":
        raise InvalidSegmentExport("it is paused or has ended")
    store.change(connection, export, {"asked": True})
    store.try_now(connection, export)
    look_again(connection, export_id, after=0.0)
    _note(connection, export, actor, "run_segment_export")
    return store.read(connection, workspace_id, export_id)


def delete(connection: Connection, *, workspace_id: int, export_id: UUID, actor: str) -> None:
    """Remove it, what it keeps and what it has not delivered. Raises `NoSuchSegmentExport`."""
    export = store.read(connection, workspace_id, export_id, lock=True)
    moves.stop_listening(connection, export_id)
    store.remove(connection, export)
    _note(connection, export, actor, "delete_segment_export")


def note_download(connection: Connection, *, workspace_id: int, export_id: UUID, number: int, actor: str) -> None:
    """Somebody takes the content of a delivery away."""
    export = store.read(connection, workspace_id, export_id)
    _note(connection, export, actor, "download_segment_export", number=number)


def sweep(connection: Connection, *, now: datetime) -> None:
    """Look after what no job looks after any more, and drop what was kept long enough."""
    for export in store.not_ended(connection):
        _wake(connection, export, now)
    days = timedelta(days=settings().export_days)
    store.drop_old(connection, before=now - days, forget_before=now - timedelta(days=KEPT_DAYS))


def erase_traces(
    connection: Connection, workspace_id: int, profile_ids: Collection[UUID], redactor: Redactor
) -> dict[str, int]:
    """Take an erased person out, in the erasure's transaction; returns how many rows of each table were changed.

    What arrived somewhere else is beyond us: the deliveries of the year say where that was.
    """
    gone = store.forget_for_erasure(connection, workspace_id)
    named = sum(_blot(connection, export, redactor) for export in store.of_workspace(connection, workspace_id))
    return {
        "deliveries_delivery": gone,
        "deliveries_export": named,
        "audience_move": moves.forget_people(connection, profile_ids),
    }


def _blot(connection: Connection, export: SegmentExport, redactor: Redactor) -> bool:
    """Staff write names of people into names of exports, and so into those of folders and files."""
    fields: dict[str, Any] = {}
    if (name := redactor.text(export.name)) != export.name:
        fields = {"name": name, "slug": _slug("", export.id)}
        store.rename_files(connection, export, fields["slug"])
    document = msgspec.to_builtins(export.destination)
    blotted = redactor.document(document, keep=_OURS)
    if blotted != document:  # a person who is called `webhook` stops no export
        fields |= {"destination": msgspec.json.encode(blotted).decode(), "state": "paused"}
    if fields:
        store.change(connection, export, fields)
    return bool(fields)


def _wake(connection: Connection, export: SegmentExport, now: datetime) -> None:
    """Have its job done where there is something to do: a job is a process, and there may be many exports."""
    if export.state != "active":
        return
    if export.asked or (export.due_at is not None and export.due_at <= now) or _has_changes(connection, export):
        look_again(connection, export.id, after=0.0)
        return
    waiting = store.waiting(connection, export.id)
    if waiting is not None and (waiting.next_try_at is None or waiting.next_try_at <= now):
        look_again(connection, export.id, after=0.0)
    if export.due_at is not None:
        look_again_at(connection, export.id, export.due_at, now)


def _has_changes(connection: Connection, export: SegmentExport) -> bool:
    """Whether, on change, somebody moved, or the segment is gone: then it ends."""
    if export.schedule != ON_CHANGE:
        return False
    if moves.pending(connection, export.id, after=export.taken, most=1):
        return True
    try:
        segment_by_id(connection, export.workspace_id, export.segment_id)
    except NoSuchSegment:
        return True
    return False


def _checked(destination: Destination) -> Destination:
    if isinstance(destination, Folder):
        place_of(destination.path)
    elif isinstance(destination, Bucket):
        if destination.endpoint:
            _web(destination.endpoint)
        if ".." in destination.prefix.split("/") or not destination.prefix.isprintable():
            raise InvalidSegmentExport("a prefix is a way without ..")
    else:
        _web(destination.url)
    return destination


def _web(address: str) -> None:
    try:
        read_address(address)
    except TesseraError as error:
        raise InvalidSegmentExport(str(error)) from None


def _first_secret(destination: Destination, given: str) -> str:
    if isinstance(destination, Bucket) and not given:
        raise InvalidSegmentExport("a bucket needs its secret key")
    return given or (new_secret() if isinstance(destination, Webhook) else "")


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name:
        raise InvalidSegmentExport("an automatic export needs a name")
    return name


def _slug(name: str, export_id: UUID) -> str:
    """A folder's name that says whose it is and is nobody else's: `vip-spain-3f9a1c`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return f"{re.sub(r'[^a-z0-9]+', '-', plain).strip('-')[:40] or 'segment'}-{export_id.hex[-6:]}"


def _told(export: SegmentExport) -> dict[str, object]:
    """What the audit trail says of it: where people's data goes to, and which."""
    to = export.destination
    place = to.path if isinstance(to, Folder) else to.url if isinstance(to, Webhook) else f"{to.endpoint} {to.bucket}"
    return {
        "place": place.strip().partition("?")[0],
        "format": export.format,
        "columns": [*export.identifiers, *export.attributes],
        "state": export.state,
    }


def _note(connection: Connection, export: SegmentExport, actor: str, action: str, **detail: object) -> None:
    record_audit_on(
        connection,
        workspace_id=export.workspace_id,
        actor=actor,
        action=action,
        target=f"segment_export:{export.id}",
        detail={"name": export.name, **detail},
    )
