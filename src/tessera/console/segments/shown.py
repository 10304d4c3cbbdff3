"""The builder's form as its templates draw it: rows with their choices, fields of comparisons, bars of the funnel."""

from collections.abc import Iterator, Sequence

from django.utils.functional import Promise
from msgspec import Struct

from tessera.audience.conditions.registry import from_json
from tessera.audience.questions import Step
from tessera.console.segments.choices import (
    KINDS,
    RELATIONS,
    SHAPES,
    WINDOWS,
    Choices,
    Names,
    attribute_label,
    channels,
    facts,
    identifier_kinds,
    ops_for,
)
from tessera.console.segments.drafts import ON_EVENTS, AskDraft, NodeDraft, TestDraft
from tessera.console.segments.texts import in_words


class ShownTest(Struct, frozen=True):
    """A comparison: `path` names its fields, `shape` says which it has."""

    path: str
    draft: TestDraft
    ops: Choices
    shape: str
    typed: bool = False
    """Whether the value's type is to be chosen, because nothing says it."""

    @property
    def key(self) -> str:
        """For ids, in which points would be read as classes."""
        return self.path.replace(".", "_")

    @property
    def is_day(self) -> bool:
        """A day can be picked; a moment to the second is typed."""
        return all(len(text) in (0, 10) for text in (self.draft.value, self.draft.other))


class ShownAsk(Struct, frozen=True):
    path: str
    draft: AskDraft
    number: int
    test: ShownTest
    focus: bool

    @property
    def key(self) -> str:
        return self.path.replace(".", "_")


class ShownRow(Struct, frozen=True):
    """A row or a group. `choices` are the names to choose from; where there are none the name is typed, helped by the
    list of the id `names`."""

    path: str
    draft: NodeDraft
    label: str | Promise
    icon: str
    focus: bool
    parts: Sequence["ShownRow"] = ()
    choices: Choices = ()
    names: str = ""
    test: ShownTest | None = None
    when: ShownTest | None = None
    asks: Sequence[ShownAsk] = ()
    inside: Sequence[str] = ()
    counted: bool = False
    depth: int = 1

    @property
    def key(self) -> str:
        return self.path.replace(".", "_")

    @property
    def is_group(self) -> bool:
        return self.draft.is_group

    @property
    def kinds(self) -> list[tuple[str, str | Promise, str]]:
        """What can be added to a group."""
        return [(kind, label, icon) for kind, (label, icon) in KINDS.items()]

    @property
    def relations(self) -> Choices:
        return list(RELATIONS.items())

    @property
    def quick(self) -> list[tuple[str, str | Promise, str]]:
        """The kinds that are added most."""
        return [one for one in self.kinds if one[0] in ("attribute", "event", "segment")]

    @property
    def others(self) -> list[tuple[str, str | Promise, str]]:
        return [one for one in self.kinds if one not in self.quick]

    @property
    def has_asks(self) -> bool:
        """Whether tests can stand within it."""
        return self.draft.kind in (*ON_EVENTS, "device")

    @property
    def removable(self) -> bool:
        return self.depth > 1


def row_of(draft: NodeDraft, names: Names, path: str, *, focus: str = "", depth: int = 1) -> ShownRow:
    """`focus` is the path of the row, or of a test in it, that is to be looked at."""
    if draft.is_group:
        parts = [row_of(part, names, f"{path}.{n}", focus=focus, depth=depth + 1) for n, part in enumerate(draft.parts)]
        return ShownRow(path, draft, "", "", focus == path, parts=parts, depth=depth)
    label, icon = KINDS[draft.kind]
    with_test = draft.kind in ("attribute", "fact", "identifier", "first", "last", "sum", "average")
    with_window = draft.kind in ("event", "sessions", "sum", "average")
    return ShownRow(
        path,
        draft,
        label,
        icon,
        focus == path,
        choices=_choices(draft, names),
        names={"attribute": "names-attributes"}.get(draft.kind, "names-events" if draft.kind in ON_EVENTS else ""),
        test=_test(path, draft.test, names.type_of(draft.kind, draft.name), draft.kind) if with_test else None,
        when=_window(f"{path}.when", draft.when) if with_window else None,
        asks=[_ask(draft, ask, number, names, f"{path}.w{number}", focus) for number, ask in enumerate(draft.where)],
        inside=names.inside(draft.kind, draft.name) if draft.kind in (*ON_EVENTS, "device") else (),
        counted=draft.kind in ("event", "sessions"),
        depth=depth,
    )


def _choices(draft: NodeDraft, names: Names) -> Choices:
    match draft.kind:
        case "fact":
            return facts()
        case "identifier":
            found: list[tuple[str, str | Promise]] = list(identifier_kinds())
        case "reachable":
            return channels()
        case "segment":
            found = [(str(each.id), each.name) for each in names.offered]
        case _:
            return ()
    return found if not draft.name or draft.name in dict(found) else [*found, (draft.name, draft.name)]


def _test(path: str, draft: TestDraft, type_: str, kind: str) -> ShownTest:
    shape = SHAPES.get(draft.op, "text")
    typed = shape in ("value", "values") and type_ in ("", "list")
    return ShownTest(path, draft, ops_for(type_, draft.op, kind), shape, typed)


def _window(path: str, draft: TestDraft) -> ShownTest:
    return ShownTest(path, draft, list(WINDOWS.items()), SHAPES.get(draft.op, "") if draft.op else "")


def _ask(row: NodeDraft, ask: AskDraft, number: int, names: Names, path: str, focus: str) -> ShownAsk:
    test = _test(path, ask.test, names.type_inside(row.kind, row.name, ask.name), "")
    return ShownAsk(path, ask, number, test, focus == path)


def every(row: ShownRow) -> Iterator[ShownRow | ShownAsk]:
    """All rows and tests, for what is said at each."""
    yield row
    yield from row.asks
    for part in row.parts:
        yield from every(part)


def attributes_offered(names: Names) -> list[tuple[str, str]]:
    return [(name, attribute_label(name)) for name in names.attributes]


class ShownStep(Struct, frozen=True):
    """A part of the condition: how many are left after it, how many it took away, how many it means by itself."""

    said: str
    left: int
    alone: int
    gone: int
    width: float
    width_before: float


def steps_of(funnel: Sequence[Step], total: int, names: Names) -> list[ShownStep]:
    """Bars by hundredths of everybody."""
    steps, before = [], total
    for step in funnel:
        share, was = (100 * number / total if total else 0.0 for number in (step.left, before))
        said = in_words(from_json(bytes(step.part)), names)
        steps.append(ShownStep(said, step.left, step.alone, before - step.left, share, was))
        before = step.left
    return steps
