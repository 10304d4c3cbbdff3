"""Conditions as callers send them, in either form, and as they are answered, in both."""

from typing import Annotated, Any, Final

import msgspec
from django.http import HttpRequest
from msgspec import Raw
from pydantic import Field

from tessera.api import examples_segments as examples
from tessera.api.door import grant_of
from tessera.api.parameters import Body
from tessera.api.problems import Refused
from tessera.api.writes import Connection
from tessera.audience.conditions.registry import from_json, to_json
from tessera.audience.segments.wording import names_in
from tessera.audience.text.lexer import LONGEST
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


def read_condition(connection: Connection, workspace_id: int, wanted: ConditionBody) -> bytes | None:
    """The JSON form of what was sent, None where neither form was. Raises `InvalidText` and `InvalidCondition`."""
    if wanted.condition is not None and wanted.text is not None:
        raise Refused("invalid_request", "give condition or text, not both")
    if wanted.text is not None:
        return to_json(names_in(connection, workspace_id).read(wanted.text))
    return None if wanted.condition is None else to_json(from_json(msgspec.json.encode(wanted.condition)))


def required_condition(request: HttpRequest, wanted: ConditionBody) -> Raw:
    """As `read_condition`, where there has to be one."""
    with pool().connection() as connection:
        found = read_condition(connection, grant_of(request).workspace_id, wanted)
    if found is None:
        raise Refused("invalid_request", "give condition or text")
    return Raw(found)
