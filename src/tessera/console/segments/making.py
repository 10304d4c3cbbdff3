"""From drafts to the condition they mean; what is not finished is said at its row."""

from collections.abc import Callable, Iterable
from typing import Any, Final
from uuid import UUID

import msgspec
from django.utils.translation import gettext as _

from tessera.audience.conditions.comparisons import (
    Ask,
    AtLeast,
    AtMost,
    Between,
    Comparison,
    Contains,
    EndsWith,
    Equals,
    Has,
    HasAny,
    IsSet,
    Less,
    Matches,
    More,
    OneOf,
    StartsWith,
)
from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.doings import Did, Extreme, Sessions, Times, Total
from tessera.audience.conditions.groups import All, AnyOf, Not
from tessera.audience.conditions.known import Attribute, Fact, HasDevice, Identifier
from tessera.audience.conditions.membership import InSegment
from tessera.audience.conditions.reach import Reachable
from tessera.audience.conditions.registry import from_json, to_json
from tessera.audience.conditions.times import After, Anniversary, Before, During, InLast, InLastHours, InNext
from tessera.audience.conditions.versions import Version
from tessera.audience.leaves import Path
from tessera.audience.text.lexer import InvalidText
from tessera.audience.text.reader import SegmentNamed, from_text
from tessera.console.segments.drafts import AskDraft, NodeDraft, TestDraft
from tessera.console.segments.mistakes import why_in_words
from tessera.foundation.errors import TesseraError

_TEXTS: Final[dict[str, Any]] = {"contains": Contains, "starts_with": StartsWith, "ends_with": EndsWith}
_NUMBERS: Final[dict[str, Any]] = {"less": Less, "at_most": AtMost, "more": More, "at_least": AtLeast}
_DAYS: Final[dict[str, Any]] = {"in_last": InLast, "in_next": InNext, "anniversary": Anniversary}
_MOMENTS: Final[dict[str, Any]] = {"before": Before, "after": After}


class Unfinished(Exception):
    """A row is not finished, or does not work; the message says it in people's words."""


def condition_of(draft: NodeDraft, segment_named: SegmentNamed = UUID) -> Condition | None:
    """None where something is not finished: each row that is to blame has it in `wrong`."""
    made = _Maker(segment_named)
    condition = made.node(draft)
    if condition is None or made.failed:
        return None
    try:
        return from_json(to_json(condition))
    except (TesseraError, msgspec.MsgspecError) as error:
        draft.wrong = _why(error)
        return None


def _why(error: Exception) -> str:
    """What msgspec and the conditions say of a value, without the path of a document nobody sees."""
    return _("This does not work: %(why)s") % {"why": str(error).split(" - at `")[0]}


class _Maker:
    def __init__(self, segment_named: SegmentNamed) -> None:
        self._segment_named = segment_named
        self.failed = False

    def node(self, draft: NodeDraft) -> Condition | None:
        draft.wrong = ""
        if draft.is_group:
            parts = [self.node(part) for part in draft.parts]
            made = tuple(part for part in parts if part is not None)
            if len(made) < len(parts):
                return None
            found: Condition = made[0] if len(made) == 1 else (All if draft.kind == "and" else AnyOf)(of=made)
        else:
            try:
                found = from_json(to_json(self._row(draft)))
            except Unfinished as error:
                self._fail(draft, str(error))
                return None
            except (ValueError, TesseraError, msgspec.MsgspecError) as error:
                self._fail(draft, _why(error))
                return None
        return Not(of=found) if draft.negated else found

    def _fail(self, draft: NodeDraft | AskDraft, why: str) -> None:
        self.failed = True
        draft.wrong = why

    def _row(self, draft: NodeDraft) -> Condition:
        if draft.kind == "text":
            return self._text(draft.text)
        if draft.kind not in ("device", "sessions") and not draft.name.strip():
            raise Unfinished(_("Choose a name."))
        match draft.kind:
            case "attribute":
                return Attribute(path=path_of(draft.name), test=test_of(draft.test))
            case "fact":
                return Fact(name=draft.name, test=test_of(draft.test))
            case "identifier":
                return Identifier(kind=draft.name, test=test_of(draft.test))
            case "segment":
                return InSegment(segment_id=UUID(draft.name))
            case "reachable":
                return Reachable(channel=draft.name)  # type: ignore[arg-type]  # decoding refuses what is none
        return self._doing(draft)

    def _text(self, text: str) -> Condition:
        try:
            return from_text(text, self._segment_named)
        except InvalidText as error:
            raise Unfinished(
                _("Column %(column)d: %(why)s") % {"column": error.column, "why": why_in_words(error.why)}
            ) from None

    def _doing(self, draft: NodeDraft) -> Condition:
        where = self._asks(draft.where)
        match draft.kind:
            case "device":
                return HasDevice(where=where)
            case "sessions":
                return Sessions(times=times_of(draft), when=when_of(draft.when))
            case "event":
                return Did(event=draft.name, where=where, times=times_of(draft), when=when_of(draft.when))
            case "first" | "last":
                test: Any = test_of(draft.test)
                return Extreme(event=draft.name, where=where, which=draft.kind, test=test)
            case "sum" | "average":
                if not draft.of.strip():
                    raise Unfinished(_("Choose the number that is added up."))
                return Total(
                    event=draft.name,
                    where=where,
                    measure=draft.kind,
                    of=path_of(draft.of),
                    test=_number_test(draft.test),
                    when=when_of(draft.when),
                )
        raise Unfinished(_("Choose a name."))

    def _asks(self, drafts: Iterable[AskDraft]) -> tuple[Ask, ...]:
        found, failed = [], False
        for draft in drafts:
            draft.wrong = ""
            try:
                if not draft.name.strip():
                    raise Unfinished(_("Choose a name."))
                found.append(Ask(path=path_of(draft.name), test=test_of(draft.test), negated=draft.negated))
            except Unfinished as error:
                self._fail(draft, str(error))
                failed = True
            except (ValueError, TesseraError) as error:
                self._fail(draft, _why(error))
                failed = True
        if failed:
            raise Unfinished(_("See what is marked below."))
        return tuple(found)


def _number_test(draft: TestDraft) -> Any:
    draft.type = "number"
    return test_of(draft)


def path_of(name: str) -> Path:
    """The path as people write it; what is none is one name as it stands."""
    try:
        read = from_text(f"{name.strip()} is set")
    except TesseraError:
        return (name.strip(),)
    return read.path if isinstance(read, Attribute) else (name.strip(),)


def times_of(draft: NodeDraft) -> Times:
    return Times(draft.relation, _whole(draft.number))  # type: ignore[arg-type]  # decoding refuses what is none


def when_of(draft: TestDraft) -> Any:
    """The window, or None for all time."""
    return test_of(draft) if draft.op else None


def test_of(draft: TestDraft) -> Any:
    """The comparison. Raises `Unfinished`, and ValueError for what does not work."""
    found = _plain(draft) or _of_time(draft)
    if found is None:
        raise Unfinished(_("Choose a comparison."))
    return found


test_of.__test__ = False  # type: ignore[attr-defined]  # no test of pytest's


def _plain(draft: TestDraft) -> Comparison | None:
    op = draft.op
    if op in ("equals", "has"):
        return (Equals if op == "equals" else Has)(value=_scalar(draft.value, draft.type))
    if op in ("one_of", "has_any"):
        values = [line.strip() for line in draft.value.splitlines() if line.strip()]
        if not values:
            raise Unfinished(_("Write at least one value, one a line."))
        scalars = tuple(_scalar(value, draft.type) for value in values)
        return (OneOf if op == "one_of" else HasAny)(values=scalars)
    if op in _TEXTS:
        return _TEXTS[op](value=_written(draft.value))  # type: ignore[no-any-return]
    if op == "matches":
        return Matches(pattern=_written(draft.value))
    if op in _NUMBERS:
        return _NUMBERS[op](value=_number(draft.value))  # type: ignore[no-any-return]
    if op == "between":
        return Between(low=_number(draft.value), high=_number(draft.other))
    return IsSet() if op == "is_set" else None


def _of_time(draft: TestDraft) -> Comparison | None:
    op = draft.op
    if op in _MOMENTS:
        return _MOMENTS[op](moment=_moment(draft.value))  # type: ignore[no-any-return]
    if op == "during":
        return During(first=_moment(draft.value), last=_moment(draft.other))
    if op in _DAYS:
        return _DAYS[op](days=_whole(draft.value))  # type: ignore[no-any-return]
    if op == "in_last_hours":
        return InLastHours(hours=_whole(draft.value))
    if op.startswith("version_"):
        relation: Any = op.removeprefix("version_")
        return Version(relation=relation, value=_written(draft.value.strip()))
    return None


def _scalar(text: str, type_: str) -> bool | float | str:
    readers: dict[str, Callable[[str], bool | float | str]] = {"number": _number, "boolean": _boolean}
    return readers.get(type_, str)(text)


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise Unfinished(_("Choose yes or no."))
    return text == "true"


def _written(text: str) -> str:
    if not text:
        raise Unfinished(_("Write a value."))
    return text


def _number(text: str) -> float:
    try:
        number = float(text.strip().replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError:
        raise Unfinished(_("A number is expected.")) from None
    if number != number or abs(number) == float("inf"):
        raise Unfinished(_("A number is expected."))
    return number


def _whole(text: str) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise Unfinished(_("A whole number is expected."))
    return int(digits)


def _moment(text: str) -> str:
    if not text.strip():
        raise Unfinished(_("Choose a day."))
    return text.strip()
