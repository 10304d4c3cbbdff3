"""The whole world from a seed: everybody's life, in the order in which it reached us."""

from typing import Final, NamedTuple

from tessera.foundation.clock import Micros
from tessera.project.demo.calls import Call
from tessera.project.demo.lives import calls_of
from tessera.project.demo.people import APP_SHOPPER, Person, Population
from tessera.project.demo.twins import Twin, calls_of_twin, twin_of

_ON_THE_WAY: Final = (20_000, 900_000)
"""How long a call takes to reach us, in microseconds."""


class Sight(NamedTuple):
    """Somebody worth looking at."""

    user_id: str
    why: str


class World(NamedTuple):
    calls: list[Call]
    people: list[Person]
    twins: list[Twin]
    sights: list[Sight]


def invent(*, people: int, seed: int, since: Micros, until: Micros) -> World:
    """What everybody did between two moments, in the order it reached us."""
    population = Population(seed)
    everybody: list[Person] = []
    calls: list[Call] = []
    twins: list[Twin] = []
    lengths: dict[str, int] = {}
    for number in range(people):
        person, rnd = population.next(number)
        life = calls_of(person, rnd, since=since, until=until)
        calls += (call._replace(at=call.at + min(rnd.randint(*_ON_THE_WAY), until - call.at)) for call in life)
        if (twin := twin_of(person, seed)) and lived_as_a_customer(person, life):
            again = calls_of_twin(person, twin, seed, since=since, until=until)
            calls += again
            twins += [twin] if again else []
        lengths[person.user_id] = len(life)
        everybody.append(person)
    calls.sort(key=lambda call: call.at)
    return World(calls, everybody, twins, _sights(everybody, twins, lengths))


def lived_as_a_customer(person: Person, life: list[Call]) -> bool:
    """Whether they told who they are: somebody without a name has no namesake to be found."""
    return any(call.body.get("userId") == person.user_id for call in life)


def _sights(people: list[Person], twins: list[Twin], lengths: dict[str, int]) -> list[Sight]:
    if not people:
        return []
    busiest = max(people, key=lambda person: lengths[person.user_id])
    sights = [Sight(busiest.user_id, "a regular with a long history on several devices")]
    related = [person for person in people if person.lives_with and person.habit == APP_SHOPPER and person != busiest]
    if related:
        one = max(related, key=lambda person: lengths[person.user_id])
        sights.append(Sight(one.user_id, "somebody with the app and a household, who came as a stranger first"))
    if twins:
        sights.append(Sight(twins[0].user_id, "somebody who is probably here twice: see Duplicates"))
    return sights
