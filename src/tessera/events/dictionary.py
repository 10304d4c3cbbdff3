"""Reading the catalogue page by page, and what staff decide about a name: declare, block, hide, flag, describe."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final, Literal

import msgspec
import psycopg
from msgspec import UNSET, Struct, UnsetType
from psycopg.types.json import Jsonb

from tessera.access.audit import record_audit_on
from tessera.events.catalogue import COLUMNS, LIMITS, LONGEST_NAME, Entry
from tessera.events.event import Field
from tessera.events.fitting import InvalidDeclaration, checked_allowed, declaration_of
from tessera.events.rules import UNBLOCKABLE, CannotBlock
from tessera.events.vocabulary import STANDARD_NAMES
from tessera.foundation.errors import NotFound, TesseraError

Connection = psycopg.Connection[Any]
Sort = Literal["volume", "name", "newest", "misfits"]
Status = Literal["seen", "declared", "blocked", "hidden"]
KINDS: Final = ("event", "property", "attribute")
STATUSES: Final = ("seen", "declared", "blocked", "hidden")
LONGEST_DESCRIPTION: Final = 1_000


class InvalidName(TesseraError):
    """Not a name that the catalogue could hold."""

    code = "invalid_name"


class TooManyNames(TesseraError):
    """The workspace has as many names of this kind as it may have."""

    code = "too_many_names"


class InvalidCursor(TesseraError):
    """Not a cursor of ours."""

    code = "invalid_cursor"


class ChangedMeanwhile(TesseraError):
    """Somebody else changed the name since; an undo would undo their work."""

    code = "changed_meanwhile"


class Wanted(Struct, frozen=True):
    """Which entries to find; what is None does not narrow. `type` is the declared type where there is one."""

    kind: str | None = None
    parent: str | None = None
    search: str = ""
    status: str | None = None
    type: str | None = None
    personal: bool | None = None
    source_id: int | None = None
    sort: Sort = "volume"


class CataloguePage(Struct, frozen=True):
    """One page of the data dictionary; `next` leads to the following one."""

    entries: list[Entry]
    next: str | None


_SORTS: Final[dict[str, str]] = {
    "volume": "volume",
    "name": "0::bigint",
    "newest": "coalesce((extract(epoch FROM last_seen) * 1000000)::bigint, 0)",
    "misfits": "misfits",
}
_FIND: Final = """
SELECT {columns}, {sort} FROM events_catalogue
 WHERE workspace_id = %(workspace)s
   AND (%(kind)s::text IS NULL OR kind = %(kind)s)
   AND (%(parent)s::text IS NULL OR parent = %(parent)s)
   AND (%(search)s = '' OR strpos(lower(name), lower(%(search)s)) > 0)
   AND (%(status)s::text IS NULL OR status = %(status)s)
   AND (%(type)s::text IS NULL OR coalesce(nullif(declared_type, ''), type) = %(type)s)
   AND (%(personal)s::boolean IS NULL OR personal = %(personal)s)
   AND (%(source)s::integer IS NULL OR sources @> ARRAY[%(source)s::integer])
   AND (%(value)s::bigint IS NULL OR {sort} < %(value)s
        OR ({sort} = %(value)s AND (kind, parent, name) > (%(last_kind)s, %(last_parent)s, %(last_name)s)))
 ORDER BY {sort} DESC, kind, parent, name LIMIT %(limit)s
"""


def find(
    connection: Connection, workspace_id: int, wanted: Wanted, *, after: str | None = None, limit: int = 50
) -> CataloguePage:
    """A page of entries, by key and not by offset. Raises `InvalidCursor`."""
    value, kind, parent, name = _position(after)
    statement = _FIND.format(columns=COLUMNS, sort=_SORTS[wanted.sort])
    parameters = {
        "workspace": workspace_id,
        **{field: getattr(wanted, field) for field in ("kind", "parent", "search", "status", "type", "personal")},
        "source": wanted.source_id,
        "value": value,
        "last_kind": kind,
        "last_parent": parent,
        "last_name": name,
        "limit": limit + 1,
    }
    rows = connection.execute(statement, parameters).fetchall()
    page = [Entry(*row[:-1]) for row in rows[:limit]]
    return CataloguePage(page, _cursor(rows[limit - 1][-1], page[-1]) if len(rows) > limit else None)


def _cursor(value: int, last: Entry) -> str:
    return urlsafe_b64encode(msgspec.json.encode([value, *last.field])).rstrip(b"=").decode()


def _position(cursor: str | None) -> tuple[int | None, str, str, str]:
    if cursor is None:
        return None, "", "", ""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return msgspec.json.decode(urlsafe_b64decode(padded), type=tuple[int, str, str, str])
    except (ValueError, msgspec.MsgspecError):
        raise InvalidCursor("the cursor is not one we gave") from None


def entry_of(connection: Connection, workspace_id: int, field: Field) -> Entry | None:
    """One entry, or None."""
    row = connection.execute(
        f"SELECT {COLUMNS} FROM events_catalogue"  # noqa: S608 -- constants
        " WHERE workspace_id = %s AND (kind, parent, name) = (%s, %s, %s)",
        (workspace_id, *field),
    ).fetchone()
    return Entry(*row) if row else None


def counts(connection: Connection, workspace_id: int) -> dict[str, int]:
    """How many names of each kind the workspace has; `LIMITS` says how many it may have."""
    rows = connection.execute(
        "SELECT kind, count(*) FROM events_catalogue WHERE workspace_id = %s GROUP BY kind", (workspace_id,)
    )
    return dict.fromkeys(KINDS, 0) | dict(rows.fetchall())


class Settings(Struct, frozen=True):
    """What staff decided about a name, whole: what an undo goes back to."""

    status: str = "seen"
    declared_type: str | None = None
    allowed: list[Any] | None = None
    personal: bool = False
    personal_by_hand: bool = False
    description: str = ""


def settings_of(entry: Entry) -> Settings:
    return Settings(**{name: getattr(entry, name) for name in Settings.__struct_fields__})


class Change(Struct, frozen=True):
    """What to change about a name; what is not named stays.

    Declaring a type makes a seen name `declared`; `status` "seen" takes a declaration back; leaving `blocked` or
    `hidden` for "declared" keeps the type that was declared before.
    """

    status: Status | UnsetType = UNSET
    declared_type: str | UnsetType | None = UNSET
    allowed: list[Any] | UnsetType | None = UNSET
    personal: bool | UnsetType = UNSET
    description: str | UnsetType = UNSET


class Changed(Struct, frozen=True):
    before: Settings
    entry: Entry


def change_entry(
    connection: Connection, *, workspace_id: int, field: Field, change: Change, actor: str, expected: bool = False
) -> Changed:
    """Decide about a name; intake follows within seconds, profiles are not rewritten.

    A name that never came may be declared, blocked or described beforehand, unless it is `expected` to be there.
    Leaves an audit entry where anything changed. Raises `InvalidName`, `InvalidDeclaration`, `CannotBlock`,
    `TooManyNames`, `NotFound`. Call it in a transaction.
    """
    field = checked_field(field)
    before = _locked(connection, workspace_id, field, make=not expected)
    return _write(connection, workspace_id, field, before, _changed(field, before, change), actor, "change_catalogue")


def unblock(connection: Connection, *, workspace_id: int, field: Field, actor: str) -> Changed:
    """Take a block or a hiding back: declared again where it was, otherwise merely seen. Raises as `change_entry`."""
    entry = entry_of(connection, workspace_id, checked_field(field))
    if entry is None:
        raise NotFound(f"no {field[0]} {field[2]!r} in the catalogue")
    status: Status = "declared" if entry.declared_type else "seen"
    change = Change(status=status) if entry.status in ("blocked", "hidden") else Change()
    return change_entry(connection, workspace_id=workspace_id, field=field, change=change, actor=actor)


def restore(
    connection: Connection, *, workspace_id: int, field: Field, now: Settings, to: Settings, actor: str
) -> Changed:
    """Undo a change: go back to `to`, if the settings still are `now`. Raises `ChangedMeanwhile`, `NotFound`."""
    current = _locked(connection, workspace_id, field, make=False)
    if current != now:
        raise ChangedMeanwhile(f"the {field[0]} {field[2]!r} was changed meanwhile")
    return _write(connection, workspace_id, field, current, to, actor, "undo_change_catalogue")


def checked_field(field: Field) -> Field:
    """The field by the name the catalogue knows it by (`firstName` is `first_name`). Raises `InvalidName`."""
    kind, parent, name = field
    if kind not in KINDS:
        raise InvalidName(f"no such kind: {kind[:64]!r}. Kinds are {', '.join(KINDS)}")
    if (kind == "property") != bool(parent):
        raise InvalidName("a property has its event as parent; events and attributes have none")
    if not 0 < len(name) <= LONGEST_NAME or len(parent) > LONGEST_NAME or "\0" in name + parent:
        raise InvalidName(f"a name has 1 to {LONGEST_NAME} characters")
    return (kind, parent, STANDARD_NAMES.get(name, name) if kind == "attribute" else name)


def _changed(field: Field, before: Settings, change: Change) -> Settings:
    """The settings after the change. Raises `InvalidDeclaration`, `CannotBlock`."""
    if isinstance(change.description, str) and len(change.description) > LONGEST_DESCRIPTION:
        raise InvalidDeclaration(f"a description has at most {LONGEST_DESCRIPTION} characters")
    status, declared = before.status, before.declared_type
    if change.declared_type is not UNSET:
        declared = change.declared_type or None
        if status in ("seen", "declared"):
            status = "declared" if declared else "seen"
    if change.status is not UNSET:
        status = change.status
    if status == "seen":
        declared = None
    allowed = before.allowed if change.allowed is UNSET else change.allowed or None
    if declared != before.declared_type and change.allowed is UNSET:
        allowed = None
    _check(field, status, declared, allowed)
    if declared is not None and allowed is not None:
        allowed = checked_allowed(declared, allowed)
    by_hand = change.personal is not UNSET
    return Settings(
        status=status,
        declared_type=declared,
        allowed=allowed,
        personal=before.personal if change.personal is UNSET else change.personal,
        personal_by_hand=before.personal_by_hand or by_hand,
        description=before.description if change.description is UNSET else change.description.strip(),
    )


def _check(field: Field, status: str, declared: str | None, allowed: list[Any] | None) -> None:
    kind, _parent, name = field
    if status not in STATUSES:
        raise InvalidDeclaration(f"no such status: {status[:64]!r}. They are {', '.join(STATUSES)}")
    if status == "blocked" and kind == "event" and name in UNBLOCKABLE:
        raise CannotBlock(f"{name!r} says who people are and cannot be blocked")
    if kind == "event" and declared is not None:
        raise InvalidDeclaration("an event has no type; its properties have")
    if kind != "event" and status == "declared" and declared is None:
        raise InvalidDeclaration("a field is declared with a type")
    if allowed is not None and declared is None:
        raise InvalidDeclaration("allowed values go with a declared type")
    if declared is not None:
        declaration_of(declared, allowed)
        if kind == "attribute" and name in BUILT_IN:
            raise InvalidDeclaration(f"{name} is a standard attribute and has its type already")


_BUILT_IN: Final = """
address avatar country current_location description dob email first_name gender home_city language last_name name phone
time_zone title username website
"""
BUILT_IN: Final = frozenset(_BUILT_IN.split())
"""Standard attributes that are read by rules of their own (profiles.attributes); a test keeps the two the same."""


def _locked(connection: Connection, workspace_id: int, field: Field, *, make: bool) -> Settings:
    if make and entry_of(connection, workspace_id, field) is None:
        if counts(connection, workspace_id)[field[0]] >= LIMITS[field[0]]:
            raise TooManyNames(f"a workspace has at most {LIMITS[field[0]]} names of the kind {field[0]}")
        connection.execute(
            "INSERT INTO events_catalogue (workspace_id, kind, parent, name, type) VALUES (%s, %s, %s, %s, '')"
            " ON CONFLICT DO NOTHING",
            (workspace_id, *field),
        )
    row = connection.execute(
        f"SELECT {COLUMNS} FROM events_catalogue"  # noqa: S608 -- constants
        " WHERE workspace_id = %s AND (kind, parent, name) = (%s, %s, %s) FOR UPDATE",
        (workspace_id, *field),
    ).fetchone()
    if row is None:
        raise NotFound(f"no {field[0]} {field[2]!r} in the catalogue")
    return settings_of(Entry(*row))


def _write(
    connection: Connection,
    workspace_id: int,
    field: Field,
    before: Settings,
    after: Settings,
    actor: str,
    action: str,
) -> Changed:
    connection.execute(
        "UPDATE events_catalogue SET status = %s, declared_type = %s, allowed = %s, personal = %s, personal_set = %s,"
        " description = %s WHERE workspace_id = %s AND (kind, parent, name) = (%s, %s, %s)",
        (
            *(after.status, after.declared_type or "", None if after.allowed is None else Jsonb(after.allowed)),
            *(after.personal, after.personal_by_hand, after.description, workspace_id, *field),
        ),
    )
    entry = entry_of(connection, workspace_id, field)
    assert entry is not None
    if after == Settings() and entry.first_seen is None:
        connection.execute(  # neither seen nor decided about: no entry
            "DELETE FROM events_catalogue WHERE workspace_id = %s AND (kind, parent, name) = (%s, %s, %s)",
            (workspace_id, *field),
        )
    if after != before:
        record_audit_on(
            connection,
            workspace_id=workspace_id,
            actor=actor,
            action=action,
            target=target_of(field),
            detail=_difference(before, after),
        )
    return Changed(before, entry)


def target_of(field: Field) -> str:
    """How the audit trail names a name: `event:Order Completed`, `property:Order Completed/total`."""
    kind, parent, name = field
    return f"{kind}:{parent}/{name}" if parent else f"{kind}:{name}"


def _difference(before: Settings, after: Settings) -> dict[str, Any]:
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(after)
    return {name: {"from": old[name], "to": new[name]} for name in old if old[name] != new[name]}
