"""Conditions and people drawn by Hypothesis, from few names so that they meet, and a warehouse of such people."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import ibis
from hypothesis import strategies as st

from tessera.audience.conditions.comparisons import (
    After,
    Anniversary,
    Ask,
    AtLeast,
    AtMost,
    Before,
    Between,
    Contains,
    During,
    EndsWith,
    Equals,
    Has,
    HasAny,
    InLast,
    InLastHours,
    InNext,
    IsSet,
    Less,
    Matches,
    More,
    OneOf,
    StartsWith,
    Version,
)
from tessera.audience.conditions.condition import Condition, Reads
from tessera.audience.conditions.doings import Did, Extreme, Sessions, Times, Total
from tessera.audience.conditions.groups import All, AnyOf, Not
from tessera.audience.conditions.known import Attribute, Fact, HasDevice, Identifier
from tessera.audience.conditions.membership import InSegment
from tessera.audience.conditions.places import Near
from tessera.audience.conditions.reach import CHANNELS, Reachable
from tessera.audience.conditions.related import Related
from tessera.audience.leaves import leaves_of, moment_of
from tessera.audience.person import Happening, Person
from tessera.audience.vocabulary import FACTS
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.layout import Columns
from tessera.audience.warehouse.rows import Row, arrow_of, event_row, rows_of, schemas
from tessera.audience.world import PERSON, World
from tessera.foundation.clock import DAY, HOUR, to_micros
from tessera.profiles.relations_of import Relation

NOW = to_micros(datetime(2026, 3, 1, 1, 30, tzinfo=UTC))
SEGMENTS = (UUID(int=101), UUID(int=102))
WORDS = ("", "ES", "es", "Ana", "Äna", "a.b", "a%b", "a_b", "A\\B", "Tea", 'say "x"', "100", "new\nline", "tè", "ü" * 3)
NUMBERS = (0.0, -1.0, 1.0, 2.0, 2.5, 100.0, 99.99, 1e6, -0.5)
DATES = (
    "2026-03-01", "2026-02-28", "2024-02-29", "2026-02-01T00:00:00Z", "2026-03-01T01:30:00Z", "2026-03-08",
    "1990-03-02", "2026-02-22T00:00:00+02:00", "0001-01-01", "9999-12-31", "9999-12-31T23:59:59.999999Z",
)  # fmt: skip
PATTERNS = ("^A", "a$", "[a-z]+", "(?i)ana", r"\d{2,3}", "a.b", "x|Tea", r"a\.b", "[^a]b$", "^$")
OTHERS = (None, UUID(int=1), UUID(int=99))
RELATED = ("household", "referred_by", "nowhere")
VERSIONS = ("0", "4", "4.0", "4.9", "4.10", "4.10.2", "4.1.0.7", "10.0.101", "199.20")
RELATIONS = ("less", "at_most", "equal", "at_least", "more")
SAID_VERSIONS = (
    *VERSIONS, "v4.10.2", "V4.9-beta", "4.10.2 (77)", "04.010.002", "4.10.", "4..10", "4.10.0.0", "4.10.0.00.1",
    "4.100", "40", "4.010", "3.99.99", "v", ".4", "4.x", "0.0", "00", "0.0.1", "4.10.2.", "4.10.1", "4.10.3", "4.2",
    "4.11", "11", "4.10.2\n", "٤.10", "9" * 40, "200", "199.19.9", "10.0.100", "10.0.99", "10.0.102", "10.0.1010",
    "4.1.0.6", "4.1",
)  # fmt: skip
PATHS = (
    ("country",),
    ("plan",),
    ("tags",),
    ("address", "city"),
    ("odd name",),
    ("products", "[]", "name"),
    ("nowhere",),
)
EVENTS_NAMED = ("Seen", "Order Completed", "Never")

VALUES: tuple[Any, ...] = (
    *WORDS, *NUMBERS, *DATES, True, False, None, [], ["Tea"], ["tea", "ES"], [1, 2.5, True], ["a", "b"], [""],
    {"city": 1},
    [{"name": "Tea"}], *SAID_VERSIONS, "ESES", " ES", "Teatea", "x", "b", "aab", "1", "true", 1, 10**20,
)  # fmt: skip


def every_comparison() -> list[Any]:
    """Each kind with each operand that may matter."""
    operands = [value for value in VALUES if isinstance(value, str | float | bool)]
    texts = [text for text in WORDS if text]
    found: list[Any] = [IsSet()]
    found += [Equals(value=value) for value in operands]
    found += [Has(value=value) for value in (*texts, 1.0, 2.5, True)]
    found += [HasAny(values=(one, other)) for one, other in (("Tea", 2.5), ("tea", "nothing"), (True, "b"), ("a", "a"))]
    found += [OneOf(values=tuple(operands[start : start + 3])) for start in range(len(operands) - 2)]
    found += [kind(value=text) for text in texts for kind in (Contains, StartsWith, EndsWith)]
    found += [Matches(pattern=pattern) for pattern in PATTERNS]
    found += [kind(value=number) for number in NUMBERS for kind in (Less, AtMost, More, AtLeast)]
    found += [Version(relation=relation, value=text) for relation in RELATIONS for text in VERSIONS]  # type: ignore[arg-type]
    found += [Between(low=low, high=high) for low in NUMBERS for high in NUMBERS if low <= high]
    return found + every_time() + [Anniversary(days=number) for number in (0, 1, 7, 364, 365)]


def every_time() -> list[Any]:
    found: list[Any] = [kind(moment=text) for text in DATES for kind in (Before, After)]
    found += [kind(days=number) for number in (0, 1, 2, 7, 30, 365) for kind in (InLast, InNext)]
    found += [InLastHours(hours=number) for number in (1, 2, 25, 48)]
    pairs = [(first, last) for first in DATES for last in DATES if (moment_of(first) or 0) < (moment_of(last) or 0)]
    return found + [During(first=first, last=last) for first, last in pairs]


_EDGES = sorted(
    {
        edge + step
        for edge in (
            NOW,
            *((NOW // DAY - back) * DAY for back in (0, 1, 2, 7, 30, -1)),
            *(NOW - hours * HOUR for hours in (1, 2, 25, 48)),
            *map(moment_of, DATES[:8]),
        )
        if edge is not None
        for step in (-1, 0, 1)
    }
)
EVERY_PAST: tuple[tuple[int, ...], ...] = (
    (), *((edge,) for edge in _EDGES), *((edge, edge, NOW) for edge in _EDGES), tuple(_EDGES)
)  # fmt: skip
"""When somebody did the same thing: never, once at each edge, three times, at all of them."""


def every_count() -> list[Condition]:
    ways = [Times(relation, number) for relation in ("at_least", "at_most", "exactly") for number in (0, 1, 2, 3)]
    found: list[Condition] = [Did(event="Seen", times=way) for way in ways]
    found += [Did(event="Seen", when=time) for time in every_time() if not isinstance(time, InNext)]
    found += [Did(event="Seen", times=way, when=InLast(days=number)) for way in ways for number in (0, 1, 7)]
    for which in ("first", "last"):
        found += [Extreme(event="Seen", which=which, test=test) for test in every_time()]
    for measure in ("sum", "average"):
        found += [
            Total(event="Seen", measure=measure, of=("total",), test=kind(value=number))
            for kind in (Less, AtMost, More, AtLeast, Equals)
            for number in (0.0, 0.1, 0.123457, 0.3, 2.5, 1e12)
        ]
    return found


def someone(
    number: int, *, country: Any = None, did: Sequence[int] = (), place: tuple[float, float] | None = None
) -> Person:
    """A person of whom this is known, and nothing else; what they did has totals that floats cannot add up."""
    totals = (0.1, 0.2, 0.1234567, 1e12, -2.5, None)
    happened = [
        Happening(at=at, source_id=None, properties=leaves_of({"total": totals[(number + place) % len(totals)]}))
        for place, at in enumerate(did)
    ]
    return Person(
        person_id=UUID(int=number + 1),
        attributes=leaves_of(
            {"country": country, "place": dict(zip(("latitude", "longitude"), place or (), strict=False))}
        ),
        facts={},
        devices=[],
        identifiers={},
        sessions=[],
        did=lambda name: happened if name == "Seen" else [],
    )


words = st.sampled_from(("ES", "Ana", "x", "4.9", "4.10.2-beta"))
numbers = st.sampled_from((0.0, 1.0, 2.5))
moments = st.sampled_from(DATES[:4])
days = st.sampled_from((0, 1, 2, 7, 30, 365))
scalars = st.one_of(words, numbers, st.booleans(), moments)
filled = words.filter(bool)
during = st.tuples(moments, moments).map(
    sorted_by_moment := lambda pair: sorted(pair, key=lambda text: moment_of(text) or 0)
)
times_of_day = st.one_of(
    st.builds(Before, moment=moments),
    st.builds(After, moment=moments),
    during.filter(lambda pair: pair[0] != pair[1]).map(lambda pair: During(first=pair[0], last=pair[1])),
    st.builds(InLast, days=days),
    st.builds(InLastHours, hours=st.sampled_from((1, 24, 200))),
)
times = st.one_of(times_of_day, st.builds(InNext, days=days))
relations = st.one_of(*(st.builds(kind, value=numbers) for kind in (Less, AtMost, More, AtLeast)))
comparisons = st.one_of(
    st.builds(Equals, value=scalars),
    st.builds(OneOf, values=st.lists(scalars, min_size=1, max_size=4).map(tuple)),
    st.builds(Contains, value=filled),
    st.builds(StartsWith, value=filled),
    st.builds(EndsWith, value=filled),
    st.builds(Matches, pattern=st.sampled_from(PATTERNS)),
    st.builds(Has, value=scalars),
    st.builds(HasAny, values=st.lists(scalars, min_size=1, max_size=3).map(tuple)),
    relations,
    st.tuples(numbers, numbers).map(sorted).map(lambda pair: Between(low=pair[0], high=pair[1])),
    times,
    st.builds(Anniversary, days=days),
    st.builds(IsSet),
    st.builds(Version, relation=st.sampled_from(RELATIONS), value=st.sampled_from(VERSIONS)),
)
degrees = st.sampled_from((0.0, 0.001, 0.09, -41.39, 2.17, 90.0, -90.0))
paths = st.sampled_from((("country",), ("country",), ("plan",), ("tags",), ("address", "city"), ("nowhere",)))
asks = st.lists(st.builds(Ask, path=paths, test=comparisons, negated=st.booleans()), max_size=2).map(tuple)
often = st.builds(
    Times, relation=st.sampled_from(("at_least", "at_most", "exactly")), number=st.sampled_from((0, 1, 2, 3))
)
when = st.one_of(st.none(), times_of_day)
device_fields = st.sampled_from((("platform",), ("app_version",), ("push",), ("last_seen_at",)))
happened = st.sampled_from(("Seen", "Seen", "Order Completed", "Never"))
leaf_conditions: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Attribute, path=paths, test=comparisons),
    st.builds(Fact, name=st.sampled_from(tuple(FACTS)), test=comparisons),
    st.builds(Identifier, kind=st.sampled_from(("email", "phone", "x")), test=comparisons),
    st.builds(HasDevice, where=st.lists(st.builds(Ask, path=device_fields, test=comparisons), max_size=2).map(tuple)),
    st.builds(Did, event=happened, where=asks, times=often, when=when),
    st.builds(Extreme, event=happened, where=asks, which=st.sampled_from(("first", "last")), test=times),
    st.builds(
        Total,
        event=happened,
        where=asks,
        when=when,
        measure=st.sampled_from(("sum", "average")),
        of=paths.filter(lambda path: "[]" not in path),
        test=st.one_of(relations, st.builds(Equals, value=numbers)),
    ),
    st.builds(Sessions, times=often, when=when),
    st.builds(InSegment, segment_id=st.sampled_from(SEGMENTS)),
    st.builds(
        Near,
        path=st.sampled_from((("place",), ("place",), ("address",))),
        latitude=degrees,
        longitude=degrees,
        km=st.sampled_from((0.5, 10.0, 300.0, 20_000.0, 20_100.0)),
    ),
    st.builds(Related, type=st.sampled_from(RELATED), side=st.sampled_from(("outgoing", "incoming", "either"))),
    st.builds(Reachable, channel=st.sampled_from(tuple(CHANNELS))),
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    leaf_conditions,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: All(of=tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: AnyOf(of=tuple(parts))),
        st.builds(Not, of=inner),
    ),
    max_leaves=6,
)

documents = st.fixed_dictionaries(
    {},
    optional={
        "country": scalars,
        "plan": scalars,
        "tags": st.lists(scalars, max_size=3),
        "address": st.one_of(st.fixed_dictionaries({}, optional={"city": scalars}), words),
        "odd name": scalars,
        "email": words,
        "place": st.fixed_dictionaries(
            {"latitude": st.one_of(degrees, st.just(1e300))},
            optional={"longitude": st.one_of(degrees, st.just(179.9), words)},
        ),
        "products": st.lists(st.fixed_dictionaries({}, optional={"name": scalars}), max_size=2),
    },
)
moments_near = st.one_of(
    st.sampled_from([NOW, NOW - 1, NOW + 1, NOW // DAY * DAY, NOW // DAY * DAY - 1]),
    st.integers(NOW - 400 * DAY, NOW + 3 * DAY),
)


def _fact(kind: str) -> st.SearchStrategy[Any]:
    return {"number": numbers, "text": words, "boolean": st.booleans(), "time": moments_near}[kind]


def _facts() -> st.SearchStrategy[Any]:
    facts = {name: _fact(kind) for name, kind in FACTS.items()}
    facts["status"] = st.sampled_from(("subscribed", "subscribed", "unconfirmed"))
    return st.fixed_dictionaries({}, optional=facts)


happenings = st.builds(Happening, at=moments_near, source_id=st.none(), properties=documents.map(leaves_of))
devices = st.fixed_dictionaries(
    {("last_seen_at",): moments_near},
    optional={("platform",): words, ("app_version",): words, ("push",): st.just(True)},
).map(
    lambda fields: {
        (path, {"last_seen_at": "time", "push": "boolean"}.get(path[0], "text")): leaf for path, leaf in fields.items()
    }
)
sessions = st.lists(st.tuples(moments_near, st.integers(0, DAY)), max_size=3).map(
    lambda found: [(began, began + length) for began, length in found]
)


@st.composite
def worlds(draw: st.DrawFn) -> list[Person]:
    """A few people; who is in a segment is drawn as well."""
    return [_person(draw, number) for number in range(draw(st.integers(3, 8)))]


def _person(draw: st.DrawFn, number: int) -> Person:
    doings = {name: draw(st.lists(happenings, max_size=3)) for name in EVENTS_NAMED[:2]}
    member_of = draw(st.frozensets(st.sampled_from(SEGMENTS)))
    facts = draw(_facts())
    return Person(
        person_id=UUID(int=number + 1),
        attributes=leaves_of(draw(documents)),
        facts=facts,
        devices=draw(st.lists(devices, max_size=2)),
        identifiers=draw(
            st.dictionaries(st.sampled_from(("email", "phone")), st.frozensets(filled, min_size=1, max_size=2))
        ),
        sessions=draw(sessions),
        relations=draw(
            st.frozensets(st.builds(Relation, st.sampled_from(RELATED[:2]), st.booleans(), st.sampled_from(OTHERS)))
        ),
        did=lambda name: doings.get(name, []),
        segments=lambda segment_id: segment_id in member_of,
    )


def partly(one: Person, other: Person, read: Reads) -> Person:
    """A person with what is `read` of the one, and all the rest of the other."""

    def whose(*word: str) -> Person:
        return one if word in read else other

    names = {path[0] for path, _ in (*one.attributes, *other.attributes)}
    kinds = {*one.identifiers, *other.identifiers}
    return Person(
        person_id=other.person_id,
        attributes={
            key: leaf
            for name in names
            for key, leaf in whose("attribute", name).attributes.items()
            if key[0][0] == name
        },
        facts={name: facts[name] for name in FACTS if name in (facts := whose("fact", name).facts)},
        devices=whose("device", "").devices,
        identifiers={kind: held[kind] for kind in kinds if kind in (held := whose("identifier", kind).identifiers)},
        sessions=whose("session", "").sessions,
        relations=frozenset(one for kind in RELATED for one in whose("relation", kind).relations if one.type == kind),
        did=lambda name: whose("event", name).did(name),
        segments=lambda segment_id: whose("segment", str(segment_id)).segments(segment_id),
    )


def warehouse_of(people: Sequence[Person], engine: Engine) -> World:
    """These people in tables of that engine, as the analyst writes them."""
    attributes, properties = Columns("a"), Columns("p")
    rows = rows_of(people, attributes)
    events = [
        event_row(name, each, properties, person_id=person.person_id)
        for person in people
        for name in EVENTS_NAMED
        for each in person.did(name)
    ]
    members = [
        {PERSON: person.person_id, "segment": str(segment)}
        for person in people
        for segment in SEGMENTS
        if person.segments(segment)
    ]
    known = schemas(attributes, properties)
    in_segments = table_of(engine, "members", ibis.schema({PERSON: "uuid", "segment": "string"}), members)
    return World(
        people=table_of(engine, "people", known["people"], rows.people),
        events=table_of(engine, "events", known["events"], events),
        devices=table_of(engine, "devices", known["devices"], rows.devices),
        sessions=table_of(engine, "sessions", known["sessions"], rows.sessions),
        identifiers=table_of(engine, "identifiers", known["identifiers"], rows.identifiers),
        relations=table_of(engine, "relations", known["relations"], rows.relations),
        attributes=attributes.by_leaf,
        properties=properties.by_leaf,
        segments=lambda segment: in_segments.filter(in_segments["segment"] == str(segment)),
    )


def table_of(engine: Engine, name: str, schema: ibis.Schema, rows: Sequence[Row]) -> Any:
    """A table of this world alone: columns of others may be there, too."""
    engine.ensure(name, schema)
    engine.clear(name)
    engine.append(name, arrow_of(rows, schema))
    return ibis.table(schema, name=name)
