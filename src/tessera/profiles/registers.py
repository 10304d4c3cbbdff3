"""Attributes as last-writer-wins registers that also remember the operations after the last write.

An attribute is its latest `set` plus every operation (increment, add, remove, merge) that happened after it, kept in
the order they *happened* and replayed on reading. So the same events give the same value in whatever order they
arrive, however often, in whatever batches; and two registers merge by taking the later set and uniting the rest.

Ordering is by `(at, tie)`: microseconds of the event, then 63 bits of its id.
"""

from typing import Any, Final, Literal

from msgspec import Struct

from tessera.foundation.clock import Micros

MAX_OPERATIONS: Final = 100
"""Beyond this many the oldest of a kind are joined into one (increments add up, lists and objects unite), dated by the
newest of them. Only a late *set* that falls among joined operations then finds more after it than there was."""

MAX_JOINED: Final = 1_000
"""Elements that one joined list operation keeps, the newest."""

MAX_LIST: Final = 25
"""A list attribute shows its newest 25 values (reference semantics §1.3)."""

NEVER: Final = -(2**62)
MAX_WHOLE: Final = 2**63
MOST: Final = 1.7976931348623157e308

Operator = Literal["inc", "add", "remove", "merge"]


class Operation(Struct, array_like=True, frozen=True, gc=False):
    at: Micros
    tie: int
    op: Operator
    argument: Any


class Register(Struct, array_like=True, gc=False):
    """`value` is what the last set wrote (None: never set, or removed); `operations` came after it, in order."""

    at: Micros = NEVER
    tie: int = 0
    value: Any = None
    operations: list[Operation] = []


def write(register: Register, at: Micros, tie: int, value: Any) -> None:
    """Set (or, with None, remove) unless something later was set. Repeating it changes nothing."""
    if (at, tie) <= (register.at, register.tie):
        return
    register.at, register.tie, register.value = at, tie, value
    if register.operations:
        register.operations = [op for op in register.operations if (op.at, op.tie) > (at, tie)]


def operate(register: Register, operation: Operation) -> None:
    """Add an operation in its place, unless a later set has made it void or it is already there."""
    stamp = (operation.at, operation.tie)
    if stamp <= (register.at, register.tie):
        return
    operations = register.operations
    place = len(operations)
    while place and (operations[place - 1].at, operations[place - 1].tie) >= stamp:
        place -= 1
    if place < len(operations) and (operations[place].at, operations[place].tie) == stamp:
        return
    kept = [*operations[:place], operation, *operations[place:]]
    if operation.op in _ON_ELEMENTS and len(kept) > 1:
        kept = _newest_word_on_each_element(kept)
    if len(kept) > MAX_OPERATIONS:
        _join_oldest(kept)
    register.operations = kept


_ON_ELEMENTS: Final = frozenset({"add", "remove"})


def _newest_word_on_each_element(operations: list[Operation]) -> list[Operation]:
    """Leave each element to the newest operation that names it: the others no longer matter."""
    spoken: list[Any] = []
    kept: list[Operation] = []
    for operation in reversed(operations):
        if operation.op not in _ON_ELEMENTS:
            kept.append(operation)
            continue
        rest = [element for element in operation.argument if element not in spoken]
        spoken += rest
        if len(rest) == len(operation.argument):
            kept.append(operation)
        elif rest:
            kept.append(Operation(operation.at, operation.tie, operation.op, rest))
    kept.reverse()
    return kept


def _join_oldest(operations: list[Operation]) -> None:
    """Make one operation of the two oldest of the kind of the oldest that is there twice."""
    for first, older in enumerate(operations):
        second = next((n for n in range(first + 1, len(operations)) if operations[n].op == older.op), None)
        if second is not None:
            newer = operations[second]
            argument = _joined(older.op, older.argument, newer.argument)
            operations[second] = Operation(newer.at, newer.tie, newer.op, argument)
            del operations[first]
            return


def _joined(op: Operator, older: Any, newer: Any) -> Any:
    match op:
        case "inc":
            return _bounded(older + newer)
        case "merge":
            return _overlaid(older, newer)
        case _:
            return [*older, *newer][-MAX_JOINED:]


def _overlaid(older: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    """One change that does what both do; unlike `_deep` it keeps the removals (None)."""
    result = dict(older)
    for key, part in newer.items():
        known = result.get(key)
        result[key] = _overlaid(known, part) if type(known) is dict and type(part) is dict else part
    return result


def _bounded(number: float) -> float:
    """The number as JSON can hold it: whole within 64 bits, otherwise a finite float."""
    if type(number) is int:
        return number if abs(number) < MAX_WHOLE else float(number)
    return min(max(number, -MOST), MOST)


def merged(one: Register, other: Register) -> Register:
    """Both registers' history as one: commutative, associative, idempotent."""
    if (other.at, other.tie) > (one.at, one.tie):
        one, other = other, one
    result = Register(one.at, one.tie, one.value, one.operations)
    for operation in other.operations:
        operate(result, operation)
    return result


def value_of(register: Register) -> Any:
    """The value now, or None where there is none."""
    value = register.value
    for operation in register.operations:
        value = _apply(value, operation)
    if type(value) is list and register.operations and len(value) > MAX_LIST:
        return value[-MAX_LIST:]
    return value


def _apply(value: Any, operation: Operation) -> Any:
    match operation.op:
        case "inc":
            base = value if type(value) in (int, float) else 0
            return _bounded(base + operation.argument)
        case "add":
            kept = [item for item in _as_list(value) if item not in operation.argument]
            return kept + operation.argument
        case "remove":
            return [item for item in _as_list(value) if item not in operation.argument]
        case "merge":
            return _deep(value, operation.argument)


def _as_list(value: Any) -> list[Any]:
    if type(value) is list:
        return value
    return [] if value is None else [value]


def _deep(value: Any, change: dict[str, Any]) -> dict[str, Any]:
    result = dict(value) if type(value) is dict else {}
    for key, part in change.items():
        if part is None:
            result.pop(key, None)
        elif type(part) is dict:
            result[key] = _deep(result.get(key), part)
        else:
            result[key] = part
    return result
