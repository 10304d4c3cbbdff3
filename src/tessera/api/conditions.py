"""Conditions as callers send them, in either form, and as they are answered, in both."""

from typing import Annotated, Any, Final

import msgspec
from django.http import HttpRequest
from msgspec import Raw
from pydantic import Field

from tessera.access.queries import ApiKeyGrant
from tessera.access.scopes import SEE_PII
from tessera.api import examples_segments as examples
from tessera.api.door import grant_of
from tessera.api.parameters import Body
from tessera.api.problems import Refused
from tessera.api.writes import Connection
from tessera.audience.conditions.registry import from_json, to_json
from tessera.audience.discretion import betrayed_by
from tessera.audience.segments.wording import names_in
from tessera.audience.text.lexer import LONGEST
from tessera.events.catalogue import personal_fields
from tessera.foundation.pool import pool

READ: Final = "audience:read"
WRITE: Final = "audience:write"
ASKS: Final = ("analyst_away",)
"""What an endpoint may answer that asks the analyst."""
READS: Final = ("invalid_condition", "nested_too_deep")
"""What an endpoint may answer that reads a condition."""

JsonForm = Annotated[
    dict[str, Any],
    Field(
        description="The JSON form of a condition; `GET /segments/condition-schema` is its schema.",
        examples=[examples.CONDITION],
    ),
]
TextForm = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST, description="The text form of a condition.", examples=[examples.TEXT]),
]


class ConditionBody(Body):
    """A condition in one of its two forms."""

    condition: JsonForm | None = None
    text: TextForm | None = None


def read_condition(connection: Connection, grant: ApiKeyGrant, wanted: ConditionBody) -> bytes | None:
    """The JSON form of what was sent, None where neither form was. Raises `InvalidText`, `InvalidCondition`, and
    `Refused` where its answer would tell a key without `pii:read` personal data bit by bit.
    """
    if wanted.condition is not None and wanted.text is not None:
        raise Refused("invalid_request", "give condition or text, not both")
    if wanted.text is not None:
        condition = names_in(connection, grant.workspace_id).read(wanted.text)
    elif wanted.condition is not None:
        condition = from_json(msgspec.json.encode(wanted.condition))
    else:
        return None
    if not grant.sees_pii:
        refuse_telling(betrayed_by(condition, personal_fields(connection, grant.workspace_id)))
    return to_json(condition)


def refuse_telling(name: str | None) -> None:
    """Raises `Refused` for personal data of this name that is asked for otherwise than by whole values; None is fine.

    Of keys without `pii:read`.
    """
    if name is not None:
        raise Refused("missing_scope", f"without {SEE_PII} personal data ({name}) is asked for by whole values only")


def required_condition(request: HttpRequest, wanted: ConditionBody) -> Raw:
    """As `read_condition`, where there has to be one."""
    with pool().connection() as connection:
        found = read_condition(connection, grant_of(request), wanted)
    if found is None:
        raise Refused("invalid_request", "give condition or text")
    return Raw(found)
