"""The kinds of relation there are: five that every workspace has and its own, each named from both sides."""

import re
from typing import Any, Final

import psycopg
from msgspec import Struct

from tessera.foundation.errors import TesseraError

Connection = psycopg.Connection[Any]
MOST_TYPES: Final = 50
LONGEST_LABEL: Final = 60
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class UnknownRelationType(TesseraError):
    """The workspace has no such kind of relation."""

    code = "unknown_relation_type"


class InvalidRelationType(TesseraError):
    """The kind of relation will not do; the message says why."""

    code = "invalid_relation_type"


class RelationType(Struct, frozen=True):
    """`label` names the other person as seen from the one who has the relation, `inverse` the way back.

    With `referred_by` Ana's card says "Referred by Bo" and Bo's "Referred Ana". `own` types are the workspace's.
    """

    name: str
    label: str
    inverse: str
    own: bool = False


BUILT_IN: Final = (
    RelationType("referred_by", "Referred by", "Referred"),
    RelationType("household", "Same household", "Same household"),
    RelationType("follows", "Follows", "Followed by"),
    RelationType("parent_of", "Parent of", "Child of"),
    RelationType("colleague", "Colleague", "Colleague"),
)


def relation_types(connection: Connection, workspace_id: int) -> dict[str, RelationType]:
    """Those every workspace has, then its own by name."""
    rows = connection.execute(
        "SELECT name, label, inverse FROM profiles_relation_type WHERE workspace_id = %s ORDER BY name", (workspace_id,)
    )
    return {
        one.name: one
        for one in (*BUILT_IN, *(RelationType(name, label, inverse, own=True) for name, label, inverse in rows))
    }


def declare_relation_type(
    connection: Connection, *, workspace_id: int, name: str, label: str, inverse: str
) -> RelationType:
    """Add a kind of relation, or name one anew. Raises `InvalidRelationType`."""
    declared = RelationType(name, label.strip(), inverse.strip(), own=True)
    _check(declared)
    known = relation_types(connection, workspace_id)
    if name not in known and len(known) >= MOST_TYPES + len(BUILT_IN):
        raise InvalidRelationType(f"a workspace may have {MOST_TYPES} relation types of its own")
    connection.execute(
        "INSERT INTO profiles_relation_type (workspace_id, name, label, inverse) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (workspace_id, name) DO UPDATE SET label = excluded.label, inverse = excluded.inverse",
        (workspace_id, declared.name, declared.label, declared.inverse),
    )
    return declared


def _check(declared: RelationType) -> None:
    if not _NAME.fullmatch(declared.name):
        raise InvalidRelationType("a type's name is lower-case letters, digits and _, 40 at most, such as sold_by")
    if any(one.name == declared.name for one in BUILT_IN):
        raise InvalidRelationType(f"{declared.name} is one that every workspace has")
    for text in (declared.label, declared.inverse):
        if not 0 < len(text) <= LONGEST_LABEL or "\0" in text:
            raise InvalidRelationType(f"both names are needed, with {LONGEST_LABEL} characters at most")
