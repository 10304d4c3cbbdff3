"""A record of the file as a row: traits in their standard form, identifiers, and what was wrong with it.

One set of rules: a row becomes the identify event that says the same, read by the same functions as a message.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal
from uuid import UUID

from msgspec import Struct

from tessera.events.event import Event, Identifier, tie_of
from tessera.events.messages import MAX_FIELDS, MAX_ID, Message
from tessera.events.vocabulary import NAMES
from tessera.foundation.clock import Micros
from tessera.foundation.ids import uuid_of
from tessera.identity.rules import PROFILE, is_blocked
from tessera.identity.suppression import SUPPRESSED
from tessera.imports.parsing import BadRecord, Record
from tessera.imports.plan import Column, Plan, keys_of
from tessera.imports.reading import CUT
from tessera.imports.records import RowProblem
from tessera.imports.values import Convert, converter_of
from tessera.profiles.attributes import Misfit, read_traits

_MASK: Final = (1 << 64) - 1
_ROW_BITS: Final = 36
NAME: Final = NAMES["identify"]


class Step(Struct, frozen=True):
    """How one column is read."""

    index: int
    name: str
    column: str
    convert: Convert | None
    clears: bool
    fills: bool


class Row(Struct, gc=False):
    """A row that may be placed. `keys` are what its person is looked for by; `traits` are as the file has them."""

    event: Event
    keys: list[Identifier]
    traits: dict[str, Any]
    record: Record
    number: int


class Origin(Struct, frozen=True, kw_only=True):
    """What all rows of an import have in common. `occurred_at` is when their events happen."""

    import_id: UUID
    workspace_id: int
    source_id: int | None
    occurred_at: Micros
    region: str
    blocked: frozenset[Identifier]


def event_id_of(import_id: UUID, row: int) -> UUID:
    """The id of a row's event: the same whenever it is read, and later rows win ties over earlier ones (`tie_of`)."""
    high = (import_id.int >> 100) << _ROW_BITS | row << 1
    return uuid_of(high << 64 | import_id.int & _MASK)


class RowReader:
    """Reads the records of one file by its plan. `problems` collects what was wrong, with the raw record."""

    def __init__(self, plan: Plan, origin: Origin, header: Sequence[str]) -> None:
        self._plan = plan
        self._origin = origin
        self._width = len(header)
        self._places = {name: index for index, name in enumerate(header)}
        self._keys = keys_of(plan.match)
        used = [column for column in plan.columns if column.name in self._places]
        self._traits = [self._step(column, column.attribute) for column in used if column.attribute]
        self._others = [
            self._step(column, column.identifier) for column in used if column.identifier and not column.attribute
        ]
        self._columns = {step.name: step.column for step in (*self._traits, *self._others)}
        self.fills = frozenset(step.name for step in self._traits if step.fills)
        self.problems: list[tuple[RowProblem, str]] = []

    def _step(self, column: Column, name: str | None) -> Step:
        convert = converter_of(column)
        assert name is not None
        return Step(
            self._places[column.name],
            name,
            column.name,
            convert,
            column.when_empty == "clear",
            column.overwrite == "if_empty",
        )

    def read(self, record: Record, number: int, *, doubtful: bool) -> Row | None:
        """The row, or None where the record is not one (its problem says why)."""
        if type(record) is list:
            if len(record) != self._width:
                self._wrong(number, record, "ragged_row", f"{len(record)} cells instead of {self._width}")
                return None
            if doubtful and self._is_bad(number, record):
                return None
            traits = self._traits_of_cells(record, number)
            others = self._identifiers_of(record.__getitem__)
        elif type(record) is dict:
            traits = self._traits_of_object(record, number)
            others = self._identifiers_of(self._getter(record))
        else:
            assert isinstance(record, BadRecord)
            self._wrong(number, record, record.code, record.detail)
            return None
        return self._row(record, number, traits, others)

    def _row(self, record: Record, number: int, given: dict[str, Any], found: list[Identifier]) -> Row | None:
        origin = self._origin
        traits, misfits = read_traits(given, region=origin.region)
        for kind in ("email", "phone"):
            value = traits.get(kind)
            if type(value) is str:
                found.append((kind, value))
        for name in misfits:
            self._misfit(number, record, name, given)
        identifiers = [each for each in found if not is_blocked(each[1]) and each not in origin.blocked]
        if len(identifiers) != len(found):
            self._note_blocked(number, record, found, identifiers, traits, given)
        keys = [each for kind in self._keys for each in identifiers if each[0] == kind]
        if not keys:
            self._no_key(number, record, misfits, found)
            return None
        if len(given) > MAX_FIELDS:
            self._wrong(number, record, "too_many_fields", f"a row may set {MAX_FIELDS} attributes")
            return None
        return Row(self._event(number, given, traits, identifiers, misfits), keys, given, record, number)

    def _event(
        self,
        number: int,
        given: dict[str, Any],
        traits: dict[str, Any],
        identifiers: list[Identifier],
        misfits: list[str],
    ) -> Event:
        origin = self._origin
        event_id = event_id_of(origin.import_id, number)
        return Event(
            event_id=event_id,
            tie=tie_of(event_id),
            lane=0,
            workspace_id=origin.workspace_id,
            source_id=origin.source_id,
            kind="identify",
            name=NAME,
            occurred_at=origin.occurred_at,
            received_at=origin.occurred_at,
            message=Message(type="identify", traits=given),
            context=BY_SERVER,
            ip=None,
            user_agent=None,
            identifiers=identifiers,
            traits=traits,
            misfits=misfits,
            envelope_json=b"{}",
            body_json=b"",
        )

    def _traits_of_cells(self, cells: list[str], number: int) -> dict[str, Any]:
        traits: dict[str, Any] = {}
        for step in self._traits:
            cell = cells[step.index].strip()
            if not cell:
                if step.clears:
                    traits[step.name] = None
            elif step.convert is None:
                traits[step.name] = cell
            else:
                try:
                    traits[step.name] = step.convert(cell)
                except Misfit as error:
                    self._warn(number, cells, step.column, cell, "does_not_fit", str(error))
        return traits

    def _traits_of_object(self, fields: dict[str, Any], number: int) -> dict[str, Any]:
        traits: dict[str, Any] = {}
        for step in self._traits:
            if step.column not in fields:
                continue
            value = fields[step.column]
            if value is None or value == "":
                if step.clears:
                    traits[step.name] = None
                continue
            try:
                traits[step.name] = step.convert(value) if step.convert else value
            except Misfit as error:
                self._warn(number, fields, step.column, str(value), "does_not_fit", str(error))
        return traits

    def _getter(self, fields: dict[str, Any]) -> Any:
        names = {step.index: step.column for step in self._others}
        return lambda index: fields.get(names[index])

    def _identifiers_of(self, cell_at: Any) -> list[Identifier]:
        found: list[Identifier] = []
        for step in self._others:
            value = cell_at(step.index)
            text = str(value).strip()[:MAX_ID] if type(value) in (str, int) else ""
            if text and (step.name != PROFILE or (text := _uuid(text))):
                found.append((step.name, text))
        return found

    def _is_bad(self, number: int, cells: list[str]) -> bool:
        """Whether the cells hold what no text may hold; what is only unreadable is a warning."""
        for cell in cells:
            if CUT in cell:
                self._wrong(number, cells, "line_too_long", "a line may have a million characters")
                return True
            if "\0" in cell:
                self._wrong(number, cells, "nul_character", "text may not contain U+0000")
                return True
            if "\ufffd" in cell:
                self._warn(number, cells, "", cell, "undecodable", "some characters are not of the file's encoding")
        return False

    def _no_key(self, number: int, record: Record, misfits: list[str], found: list[Identifier]) -> None:
        kinds = ", ".join(self._keys)
        if any(kind in misfits for kind in self._keys):
            code, why = "invalid_key", f"the row's {kinds} cannot be read as one"
        elif any(kind in self._keys for kind, _ in found):
            code, why = "blocked_identifier", f"the row's {kinds} is a value that names nobody"
        else:
            code, why = "missing_key", f"the row has no {kinds}"
        self.problems = [entry for entry in self.problems if entry[0].row != number or entry[0].severity == "error"]
        self._wrong(number, record, code, why)

    def _misfit(self, number: int, record: Record, name: str, given: dict[str, Any]) -> None:
        column = self._columns.get(name, name)
        detail = f"{given.get(name)!r} is no {name}" if name in self._columns else "the value does not fit"
        self._warn(number, record, column, str(given.get(name, "")), "does_not_fit", detail[:300])

    def _note_blocked(
        self, number: int, record: Record, found: list[Identifier], left: list[Identifier],
        traits: dict[str, Any], given: dict[str, Any],
    ) -> None:  # fmt: skip
        for kind, value in set(found) - set(left):
            detail = "the value names nobody and was left out"
            self._warn(number, record, self._columns.get(kind, kind), value, "blocked_identifier", detail)

    def leave_out(self, row: Row, why: str, identifier: Identifier) -> None:
        """The identifier belongs to somebody else or may not be theirs; what it would have set is left out with it."""
        kind, value = identifier
        row.event.traits.pop(kind, None)
        row.traits.pop(kind, None)
        row.event.identifiers = [each for each in row.event.identifiers if each != identifier]
        detail = "it belongs to another person" if why == "identifier_taken" else f"a rule forbids it: {why}"
        self._warn(row.number, row.record, self._columns.get(kind, kind), value, why.replace(":", "_"), detail)

    def keep_out(self, rows: list[Row], suppressed: set[Identifier]) -> list[Row]:
        """The rows without those that name somebody who asked to be kept out; nothing of these is repeated."""
        let_in = []
        for row in rows:
            if suppressed.isdisjoint(row.event.identifiers):
                let_in.append(row)
                continue
            self.problems = [entry for entry in self.problems if entry[0].row != row.number]
            self._note(row.number, None, "error", "", "", SUPPRESSED, "somebody in this row asked to be kept out")
        return let_in

    def not_admitted(self, row: Row, name: str) -> None:
        """The catalogue does not take this value: history keeps it, the profile does not."""
        detail = "the catalogue does not take this value"
        self._warn(row.number, row.record, self._columns.get(name, name), "", "not_admitted", detail)

    def wrong(self, row: Row, code: str, detail: str) -> None:
        """The row cannot be taken after all."""
        self._wrong(row.number, row.record, code, detail)

    def _wrong(self, number: int, record: Record, code: str, detail: str) -> None:
        self._note(number, record, "error", "", "", code, detail)

    def _warn(self, number: int, record: Record, field: str, value: str, code: str, detail: str) -> None:
        self._note(number, record, "warning", field, value, code, detail)

    def _note(
        self, number: int, record: Record, severity: Literal["error", "warning"], field: str, value: str, code: str,
        detail: str,
    ) -> None:  # fmt: skip
        problem = RowProblem(row=number, severity=severity, field=field, value=value[:300], code=code, detail=detail)
        self.problems.append((problem, raw_of(record)))


BY_SERVER: Final[dict[str, Any]] = {"channel": "server"}


def raw_of(record: Record) -> str:
    """The record as a person would look at it, at most 2,000 characters."""
    if type(record) is list:
        return " | ".join(cell[:200] for cell in record[:50])[:2000]
    if isinstance(record, BadRecord):
        return record.raw
    if record is None:
        return ""
    return str(record)[:2000]


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""
