"""All kinds of conditions. A new kind is a class in a file of its own and a line here.

The JSON form: `{"version": 1, "condition": {"is": "did", "event": "Order Completed", …}}`; `json_schema` is its schema.
"""

from typing import TYPE_CHECKING, Any, Final, Union

import msgspec
from msgspec import Struct

from tessera.audience.conditions import groups
from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.doings import Did, Extreme, Sessions, Total
from tessera.audience.conditions.groups import All, AnyOf, Not
from tessera.audience.conditions.known import Attribute, Fact, HasDevice, Identifier
from tessera.audience.conditions.membership import InSegment
from tessera.audience.conditions.places import Near
from tessera.audience.conditions.reach import Reachable
from tessera.audience.conditions.related import Related
from tessera.foundation.errors import TesseraError

KINDS: Final[tuple[type[Condition], ...]] = (
    All, AnyOf, Not, Attribute, Fact, Identifier, HasDevice, Did, Extreme, Total, Sessions, InSegment,
    Near, Reachable, Related,
)  # fmt: skip
VERSION: Final = 1
DEEPEST: Final = 20
MOST_PARTS: Final = 200

setattr(groups, "AnyCondition", Union[KINDS])  # noqa: B010, UP007 -- types are checked against Condition itself


if TYPE_CHECKING:
    AnyCondition = Condition
else:
    AnyCondition = groups.AnyCondition


class InvalidCondition(TesseraError):
    """The condition is none; the message says where."""

    code = "invalid_condition"


class Document(Struct, frozen=True, forbid_unknown_fields=True):
    """A condition as it is stored and sent."""

    version: int
    condition: "AnyCondition"


_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_decoder: Final = msgspec.json.Decoder(Document)


def to_json(condition: Condition) -> bytes:
    """The JSON form; equal conditions are equal bytes."""
    return _encode(Document(VERSION, condition))


def from_json(raw: bytes | str) -> Condition:
    """Raises `InvalidCondition`, whose message ends with the place (`$.condition.of[1]`)."""
    try:
        document = _decoder.decode(raw)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidCondition(str(error) or "it is nested too deeply") from None
    if document.version != VERSION:
        raise InvalidCondition(f"this is version {document.version}; version {VERSION} is read here")
    condition = document.condition
    check_size(condition)
    return condition


def check_size(condition: Condition) -> None:
    """Raises `InvalidCondition` where it is too deep or has too many parts."""
    parts, level = 0, [condition]
    for _ in range(DEEPEST):
        parts += len(level)
        level = [child for each in level for child in children(each)]
        if parts > MOST_PARTS:
            raise InvalidCondition(f"a condition has at most {MOST_PARTS} parts")
    if level:
        raise InvalidCondition(f"conditions nest at most {DEEPEST} deep")


def children(condition: Condition) -> tuple[Condition, ...]:
    """The conditions that this one is made of."""
    if isinstance(condition, All | AnyOf):
        return condition.of
    return (condition.of,) if isinstance(condition, Not) else ()


def json_schema() -> dict[str, Any]:
    """The published schema of the JSON form (JSON Schema 2020-12)."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Document)}
