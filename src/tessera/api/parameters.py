"""The parameters that endpoints share, and the bodies they take."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Schema
from ninja.params.functions import Path, Query
from pydantic import ConfigDict, Field

from tessera.api.problems import Refused
from tessera.api.references import MOST_LETTERS
from tessera.events.messages import MAX_FIELDS

MOST_WHOLE = 2**31 - 1
"""The largest id that a row of settings can have: PostgreSQL's integer."""
UUID_PATTERN = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"

EXAMPLE_ID = "0199c0de-7a3b-7c4d-8e5f-0a1b2c3d4e5f"
EXAMPLE_OTHER = "0199c0de-7b00-7d11-9a22-3b4c5d6e7f80"
EXAMPLE_MERGE = "0199c0df-0001-7aaa-8bbb-ccccddddeeee"

NAMES_A_PERSON = (
    "The id of any profile of the person, or any identifier written `kind:value`: `email:ana@example.com`, "
    "`phone:+34600111222`, `user_id:4711`, `external:crm:4711`, `md5:…` or `xxh:…` of a profile id."
)

PersonReference = Annotated[str, Path(max_length=MOST_LETTERS, description=NAMES_A_PERSON, example=EXAMPLE_ID)]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Cursor = Annotated[str | None, Query(max_length=100, description="`next` of the page before.")]


def only(request: HttpRequest, *known: str) -> None:
    """A filter that is misspelt must not silently filter nothing. Raises `Refused`."""
    unknown = sorted(set(request.GET) - set(known))
    if unknown:
        raise Refused("unknown_parameter", f"no such parameter: {unknown[0][:100]}; there are {', '.join(known)}")


class Body(Schema):
    """A body whose fields are all known: a misspelt one must not silently do nothing."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class MergeRequest(Body):
    """Two people who are one."""

    keep: str = Field(min_length=1, max_length=MOST_LETTERS, description=NAMES_A_PERSON, examples=[EXAMPLE_ID])
    absorb: str = Field(min_length=1, max_length=MOST_LETTERS, description=NAMES_A_PERSON, examples=[EXAMPLE_OTHER])
    reason: str = Field(
        min_length=1,
        max_length=500,
        description="Why, in words. It stays with the merge.",
        examples=["same loyalty card, confirmed by telephone"],
    )


class SplitRequest(Body):
    """The merge to undo."""

    merge_id: str = Field(
        pattern=UUID_PATTERN,
        description="`merge_id` of one of the person's `merges`.",
        examples=[EXAMPLE_MERGE],
    )


class AttributeChanges(Body):
    """What to change. Attributes that are not named stay as they are."""

    attributes: dict[str, Any] = Field(
        min_length=1,
        max_length=MAX_FIELDS,
        description='By name: a value sets, null removes, `{"inc": 1}` adds to a number, `{"add": ["x"]}` and '
        '`{"remove": ["x"]}` change a list. An e-mail or phone becomes an identifier too.',
        examples=[{"first_name": "Ana", "visits": {"inc": 1}, "tags": {"add": ["vip"]}, "old": None}],
    )
