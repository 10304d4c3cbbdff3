"""A condition has two readings, and both give the same people: on drawn people, for every kind."""

import math
from random import Random

import msgspec
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from factories.conditions import (
    EVERY_PAST,
    NOW,
    VALUES,
    conditions,
    every_comparison,
    every_count,
    moments_near,
    partly,
    someone,
    warehouse_of,
    worlds,
)
from tessera.audience.conditions.comparisons import AtLeast, Contains, EndsWith, Equals, Matches, StartsWith
from tessera.audience.conditions.condition import CLOCK, Condition
from tessera.audience.conditions.doings import Total
from tessera.audience.conditions.known import Attribute
from tessera.audience.conditions.places import EARTH_KM, Near
from tessera.audience.conditions.registry import from_json, to_json
from tessera.audience.leaves import leaves_of
from tessera.audience.person import Doings, Happening, Person
from tessera.audience.text.reader import from_text
from tessera.audience.text.writer import to_text
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.engines.duck import DuckEngine, sql_of
from tessera.audience.world import PERSON, World


def test_every_comparison_sees_every_value_alike(engine) -> None:
    """Each comparison with each operand, of each value there is: where one letter or one microsecond decides."""
    people = [someone(number, country=value) for number, value in enumerate(VALUES)]
    world = warehouse_of(people, engine)
    asked = [Attribute(path=("country",), test=test) for test in every_comparison()]

    columns = {f"c{number}": each.predicate(world.people, world, NOW) for number, each in enumerate(asked)}
    rows = engine.fetch(world.people.select(PERSON, **columns))

    found = {row[0]: row[1:] for row in rows}
    wrong = [
        (to_text(each), VALUES[number])
        for number, person in enumerate(people)
        for place, each in enumerate(asked)
        if bool(found[person.person_id][place]) is not each.holds_for(person, NOW)
    ]
    assert wrong == []
    decided = {each.holds_for(person, NOW) for each in asked for person in people}
    assert (len(asked) > 200, decided) == (True, {True, False})


TEXTS = (
    *"a-z&[^*+,#~]'\\%_sSſkKßẞİiıIäÄΣςσǆǅ😀éx", "SS", "e\u0301", "ba", "aaa", "STRASSE",
    "a\n", "\n", "a\r", "\t", "\v", "\x85", "\u2028", "{x:String}", "a ", "%s", "$1", "--", "\\'", "it's", " ", "",
)  # fmt: skip
LOOKED_FOR = (
    "(?i)s", "(?i)k", "(?i)ä", "(?i)[ä-ü]", "(?i)ß", "(?i)σ", "(?i)i", "(?i)ı", "(?i)ǆ", "(?i)[^s]", "(?i)[^a-z]$",
    r"(?i)\w", "(?i)strasse", "[0-9-z]", r"[\d-z]", "[a&&b]", "[a~~b]", "[]a]", "[^]a]", "[+--]", "[--a]", r"[a\-z]",
    r"[\]-a]", r"^[\s]$", r"^\s$", r"\S", r"\W", "(|a)", "()", "a|", "(a|b|){3}", "x{0}", "^$^", "(a*)*", "a$", "^a$",
    "(a$|z)", "[$]", r"\$", "^.$", "^..$", "[😀-😂]", "e.", "'", r"\\", "%", "^é$", "((a{10}){10}){10}",
    r"\v", r"[^\v]",
)  # fmt: skip


def test_every_text_and_pattern_is_read_alike(engine: Engine) -> None:
    """Letters that engines fold, quote or count otherwise; signs that mean something to one of them."""
    people = [someone(number, country=text) for number, text in enumerate(TEXTS)]
    world = warehouse_of(people, engine)
    tests = [Matches(pattern=pattern) for pattern in LOOKED_FOR]
    tests += [kind(value=text) for text in TEXTS if text for kind in (Equals, Contains, StartsWith, EndsWith)]
    asked = [Attribute(path=("country",), test=test) for test in tests]

    columns = {f"c{number}": each.predicate(world.people, world, NOW) for number, each in enumerate(asked)}
    rows = {row[0]: row[1:] for row in engine.fetch(world.people.select(PERSON, **columns))}

    wrong = [
        (to_text(each), TEXTS[number])
        for number, person in enumerate(people)
        for place, each in enumerate(asked)
        if bool(rows[person.person_id][place]) is not each.holds_for(person, NOW)
    ]
    assert wrong == []


def test_every_way_to_count_sees_every_moment_alike(engine: Engine) -> None:
    people = [someone(number, did=moments) for number, moments in enumerate(EVERY_PAST)]
    world = warehouse_of(people, engine)

    wrong = [
        (to_text(each), person.person_id)
        for each in every_count()[:: EVERY[type(engine).__name__]]
        for person, was_found in zip(people, found_of(engine, each, world, people), strict=True)
        if was_found is not each.holds_for(person, NOW)
    ]

    assert wrong == []


def test_a_sum_beyond_64_bits_is_the_same_everywhere(engine: Engine) -> None:
    """Twelve times the largest number that counts, and sums of which no float is the very number."""
    drawn = Random(3)
    spent = [(1e12,) * 12, (-1e12,) * 12] + [
        tuple(round(drawn.uniform(-1e12, 1e12), 6) for _ in range(drawn.randint(1, 5))) for _ in range(60)
    ]
    people = [msgspec.structs.replace(someone(number), did=orders_of(each)) for number, each in enumerate(spent)]
    world = warehouse_of(people, engine)

    for each in spent[:: EVERY[type(engine).__name__]]:
        total = float(sum(round(number * 1e6) for number in each))
        for measure, value in (("sum", total / 1e6), ("average", total / len(each) / 1e6)):
            asked = Total(event="Seen", measure=measure, of=("total",), test=AtLeast(value=value))  # type: ignore[arg-type]
            held = [asked.holds_for(person, NOW) for person in people]
            assert found_of(engine, asked, world, people) == held
    assert found_of(engine, from_text('sum("Seen", total) = 12000000000000'), world, people)[:2] == [True, False]


def test_a_statement_does_not_name_every_column_for_every_event() -> None:
    """Thirty events of hundreds of fields took nine seconds only to be put into words."""
    seen = Happening(at=NOW, source_id=None, properties=leaves_of({f"field_{place}": 1 for place in range(280)}))
    person = msgspec.structs.replace(someone(0), did=lambda name: [seen] if name == "Seen" else [])
    world = warehouse_of([person], DuckEngine(None))
    asked = from_text(" and ".join(f'did("Seen", field_{place} = 1)' for place in range(30)))

    statement = sql_of(asked.narrow(world.people, world, NOW).select(PERSON))

    assert len(statement) < 10_000


def orders_of(totals: tuple[float, ...]) -> Doings:
    happened = [Happening(at=NOW, source_id=None, properties=leaves_of({"total": total})) for total in totals]
    return lambda name: happened if name == "Seen" else []


def test_the_edge_of_a_circle_is_the_same_everywhere(engine: Engine) -> None:
    """Where the next number there is lies outside: no engine may round otherwise."""
    circle = Near(path=("place",), latitude=41.39, longitude=2.17, km=10.0)
    drawn = Random(7)
    edges = [edge_of(circle, longitude=2.17 + drawn.uniform(-0.1, 0.1)) for _ in range(200)]
    places = [(latitude, longitude) for pair, longitude in edges for latitude in pair]
    people = [someone(number, place=place) for number, place in enumerate(places)]

    held = [circle.holds_for(person, NOW) for person in people]

    assert held == [True, False] * 200
    assert found_of(engine, circle, warehouse_of(people, engine), people) == held


def edge_of(circle: Near, *, longitude: float) -> tuple[tuple[float, float], float]:
    """The last latitude that is inside, going north, and the next number there is."""

    def inside(latitude: float) -> bool:
        return circle.holds_for(someone(0, place=(latitude, longitude)), NOW)

    low, high = circle.latitude, circle.latitude + 1
    while math.nextafter(low, high) < high:
        middle = (low + high) / 2
        low, high = (middle, high) if inside(middle) else (low, middle)
    return (low, high), longitude


@given(
    here=st.tuples(st.floats(-90, 90), st.floats(-180, 180)), there=st.tuples(st.floats(-90, 90), st.floats(-180, 180))
)
def test_distance_is_what_the_haversine_says(here: tuple[float, float], there: tuple[float, float]) -> None:
    (lat, lon), (lat2, lon2) = (map(math.radians, point) for point in (here, there))
    half = math.sin((lat2 - lat) / 2) ** 2 + math.cos(lat) * math.cos(lat2) * math.sin((lon2 - lon) / 2) ** 2
    km = 2 * EARTH_KM * math.asin(math.sqrt(min(half, 1.0)))
    person = someone(0, place=there)

    assume(0.1 < km < 20_000)
    for share, expected in ((1.000001, True), (0.999999, False)):
        circle = Near(path=("place",), latitude=here[0], longitude=here[1], km=km * share)
        assert circle.holds_for(person, NOW) is expected


EVERY = {"DuckEngine": 1, "PostgresEngine": 1, "ClickHouseEngine": 1, "IbisEngine": 2, "SparkEngine": 5}
"""Of a list of questions only so many are put to an engine that takes half a second for each."""


def found_of(engine: Engine, condition: Condition, world: World, people: list[Person]) -> list[bool]:
    ids = [one for (one,) in engine.fetch(condition.narrow(world.people, world, NOW).select(PERSON))]
    assert len(ids) == len(set(ids)), "nobody twice"
    return [person.person_id in ids for person in people]


EXAMPLES = {"DuckEngine": 50, "PostgresEngine": 50, "ClickHouseEngine": 12, "IbisEngine": 12, "SparkEngine": 6}
"""Worlds with eight conditions each: as many as an engine answers in half a minute."""


def test_both_readings_give_the_same_people(engine: Engine) -> None:
    @settings(max_examples=EXAMPLES[type(engine).__name__], suppress_health_check=list(HealthCheck))
    @given(people=worlds(), asked=st.lists(conditions, min_size=8, max_size=8))
    def check(people: list[Person], asked: list[Condition]) -> None:
        world = warehouse_of(people, engine)
        for condition in asked:
            held = [condition.holds_for(person, NOW) for person in people]
            assert found_of(engine, condition, world, people) == held, to_text(condition)

    check()


@settings(max_examples=300)
@given(condition=conditions)
def test_both_forms_are_read_back_as_they_were(condition: Condition) -> None:
    assert from_json(to_json(condition)) == condition
    assert from_text(to_text(condition)) == condition


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(people=worlds(), condition=conditions, later=moments_near)
def test_nothing_changes_the_answer_but_what_a_condition_reads(
    people: list[Person], condition: Condition, later: int
) -> None:
    """Of the one what it reads, of the other all the rest: the answer is that of the one, at any time if no clock."""
    one, other, *_ = people
    read = condition.reads()

    mixed = partly(one, other, read)

    now = NOW if CLOCK in read else later
    assert condition.holds_for(mixed, now) == condition.holds_for(one, NOW)


def test_what_conditions_read() -> None:
    asked = from_text(
        'address.city = "Lugo" and country = "ES" and @last_seen_at in last 7 days and did("Seen") > 2 '
        'or sessions() before 2026-01-01 or device(push = true) or not identifier("email") is set'
    )

    assert asked.reads() == {
        ("attribute", "address"),
        ("attribute", "country"),
        ("device", ""),
        ("fact", "last_seen_at"),
        ("event", "Seen"),
        ("session", ""),
        ("identifier", "email"),
        ("clock", ""),
    }
    assert ("clock", "") not in from_text('last("Seen") before 2026-01-01 and tags has "x"').reads()
    assert ("clock", "") in from_text('average("Seen", total, at in next 3 days) > 1').reads()
