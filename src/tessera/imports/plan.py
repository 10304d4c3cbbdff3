"""What an import is to do, in the words of people, the API and the command line. Pure values and their rules.

Matching modes: the subset of reference semantics §3.3 that applies to profiles. Only the matching key decides whose a
row is; its other identifiers are given to that person where they are free, and an import never joins people.
"""

import re
from typing import Final, Literal

from msgspec import Struct, field

from tessera.events.vocabulary import STANDARD_NAMES
from tessera.foundation.errors import TesseraError
from tessera.profiles.attributes import MAX_NAME, STANDARD

MAX_COLUMNS: Final = 500
MAX_ROWS: Final = 50_000_000

FormatName = Literal["csv", "ndjson", "segment"]
Policy = Literal["create_and_update", "create_only", "update_only"]
Overwrite = Literal["always", "if_empty"]
WhenEmpty = Literal["leave", "clear"]
ValueType = Literal["auto", "text", "number", "boolean", "date", "list", "object"]

MATCHING_MODES: Final = ("email", "phone", "email_or_phone", "user_id", "profile_id")
"""And `external:<system>`."""

_SYSTEM: Final = re.compile(r"[\w.-]{1,64}")
_KEYS: Final = frozenset({"email", "phone", "user_id", "profile_id"})


class InvalidPlan(TesseraError):
    """The plan cannot be carried out; the message says which part of it and why."""

    code = "invalid_import_plan"


class FileFormat(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the bytes of the file are to be read. `encoding` is a name that Python knows."""

    name: FormatName = "csv"
    encoding: str = "utf-8"
    gzipped: bool = False
    delimiter: str = ","
    header: bool = True


class Column(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where one column (of NDJSON: one field) of the file goes.

    `target` is `attribute:<name>`, or an identifier: `email`, `phone` (both become attributes too), `user_id`,
    `profile_id`, `external:<system>`; or `ignore`. `date_format` is that of `strptime`; empty means ISO 8601.
    """

    name: str
    target: str = "ignore"
    type: ValueType = "auto"
    overwrite: Overwrite = "always"
    when_empty: WhenEmpty = "leave"
    date_format: str = ""
    decimal: Literal[".", ","] = "."
    separator: str = ";"
    """Of a list's elements."""

    @property
    def attribute(self) -> str | None:
        """The attribute it sets, by its standard name, or None."""
        if self.target.startswith("attribute:"):
            given = self.target.removeprefix("attribute:")
            return STANDARD_NAMES.get(given, given)
        return self.target if self.target in ("email", "phone") else None

    @property
    def identifier(self) -> str | None:
        """The kind of identifier it gives, or None."""
        if self.attribute in ("email", "phone"):
            return self.attribute
        return self.target if self.target in _KEYS or self.target.startswith("external:") else None


class Plan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that is decided before an import starts. Segment-format files need only `source_id`.

    `source_id`: the entry point its events are said to come from, or None. `skip_triggers`: what reacts to events is
    told not to start anything because of these.
    """

    format: FileFormat = field(default_factory=FileFormat)
    columns: tuple[Column, ...] = ()
    match: str = "email"
    policy: Policy = "create_and_update"
    skip_triggers: bool = True
    source_id: int | None = None


def check_plan(plan: Plan) -> Plan:
    """The plan, if it can be carried out. Raises `InvalidPlan`."""
    if plan.format.name == "segment":
        return plan
    if not plan.columns:
        raise InvalidPlan("no column is mapped")
    if len(plan.columns) > MAX_COLUMNS:
        raise InvalidPlan(f"a file may have {MAX_COLUMNS} columns, this one has {len(plan.columns)}")
    targets: dict[str, str] = {}
    for column in plan.columns:
        for target in _targets(column):
            if target in targets:
                raise InvalidPlan(f"columns {targets[target]!r} and {column.name!r} both go to {target}")
            targets[target] = column.name
    _check_match(plan)
    return plan


def _targets(column: Column) -> tuple[str, ...]:
    """What nothing else may go to. Raises `InvalidPlan`."""
    target = column.target
    if target == "ignore":
        return ()
    if column.date_format and "%" not in column.date_format:
        raise InvalidPlan(f"{column.date_format!r} is no date format; an example is %d.%m.%Y")
    if target.startswith("attribute:"):
        name = target.removeprefix("attribute:")
        if not name or len(name) > MAX_NAME or "\0" in name:
            raise InvalidPlan(f"the name of an attribute has 1 to {MAX_NAME} characters (column {column.name!r})")
        return (f"attribute {column.attribute}",)
    if target.startswith("external:"):
        if not _SYSTEM.fullmatch(target.removeprefix("external:")):
            raise InvalidPlan(f"external:<system> takes letters, digits, dots and dashes, not {target!r}")
        return (target,)
    if target not in _KEYS:
        raise InvalidPlan(f"column {column.name!r} goes to {target!r}, which is no place to go")
    return (f"attribute {target}",) if target in ("email", "phone") else (target,)


def _check_match(plan: Plan) -> None:
    held = {column.identifier for column in plan.columns}
    if plan.match not in MATCHING_MODES and not plan.match.startswith("external:"):
        raise InvalidPlan(f"match by one of {', '.join(MATCHING_MODES)} or external:<system>, not {plan.match!r}")
    if not held & set(keys_of(plan.match)):
        raise InvalidPlan(f"to match by {plan.match} a column must go there")
    if plan.match == "profile_id" and plan.policy != "update_only":
        raise InvalidPlan("a profile's id names someone who is there: matching by it needs the policy update_only")
    if plan.match != "profile_id" and "profile_id" in held:
        raise InvalidPlan("profile_id can be matched by and cannot be given to anyone")


def keys_of(match: str) -> tuple[str, ...]:
    """The kinds of identifiers that are looked for, in this order."""
    return ("email", "phone") if match == "email_or_phone" else (match,)


def is_standard(attribute: str) -> bool:
    return attribute in STANDARD
