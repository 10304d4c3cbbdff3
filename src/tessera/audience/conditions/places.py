"""Where the person is: within so many kilometres of a point.

Engines' sines differ in their last digits, and so would the people at the edge. Here only sums, differences, products
and quotients are made, in one order, by the same lines for a person and for a table: IEEE 754 says each to the last
bit, so both readings and all engines agree at the edge, too. The series are exact to some 1e-15: well under a
millimetre.
"""

import math
from typing import Annotated, Any, Final

import ibis
import ibis.expr.types as ir
from msgspec import Meta

from tessera.audience.conditions.condition import Condition, Reads
from tessera.audience.leaves import Path
from tessera.audience.person import Person
from tessera.audience.world import World, columns_at
from tessera.foundation.clock import Micros

EARTH_KM: Final = 6371.0088
"""The mean radius."""
_HALF_TURN: Final = math.pi * EARTH_KM
_RADIANS: Final = math.pi / 180.0
_STEPS_TO_A_QUARTER: Final = 11
_STEPS_TO_A_HALF: Final = 15
"""How far a series goes for angles of up to a quarter turn, and of up to half a turn."""
_MARGIN: Final = 1e-6
"""Degrees that the strip of latitudes is wider than the circle, so that rounding leaves nobody out."""


class Near(Condition, frozen=True, kw_only=True, tag="near"):
    """An attribute with `latitude` and `longitude` in degrees is within so many kilometres of this point, as one flies.

    A location without both, or beyond their ranges, is near nothing.
    """

    path: Annotated[Path, Meta(min_length=1, max_length=9)]
    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    km: Annotated[float, Meta(gt=0, le=20_100)]

    def holds_for(self, person: Person, now: Micros) -> bool:
        latitude = person.values((*self.path, "latitude")).get("number")
        longitude = person.values((*self.path, "longitude")).get("number")
        if not isinstance(latitude, float) or not isinstance(longitude, float):
            return False
        inside = -90.0 <= latitude <= 90.0 and -180.0 <= longitude <= 180.0
        return inside and bool(self._apart(latitude, longitude) <= self._most())

    def reads(self) -> Reads:
        return frozenset({("attribute", self.path[0])})

    def predicate(self, people: ir.Table, world: World, now: Micros) -> ir.BooleanValue | None:
        latitude = columns_at(people, world.attributes, (*self.path, "latitude")).get("number")
        longitude = columns_at(people, world.attributes, (*self.path, "longitude")).get("number")
        if latitude is None or longitude is None:
            return ibis.literal(False)
        strip = self.km / EARTH_KM / _RADIANS + _MARGIN
        within = (latitude >= self.latitude - strip) & (latitude <= self.latitude + strip)
        inside = latitude.between(-90.0, 90.0) & longitude.between(-180.0, 180.0)
        # a case, as PostgreSQL would stop at numbers that grow too large
        found: ir.BooleanValue = ibis.cases((within & inside, self._apart(latitude, longitude) <= self._most()))
        return found

    def _apart(self, latitude: Any, longitude: Any) -> Any:
        """The haversine: the square of the sine of half the angle between, of numbers or of columns."""
        north = _sine((latitude - self.latitude) * (_RADIANS / 2.0), _STEPS_TO_A_QUARTER)
        east = _sine((longitude - self.longitude) * (_RADIANS / 2.0), _STEPS_TO_A_HALF)
        narrowing = _cosine(latitude * _RADIANS) * math.cos(self.latitude * _RADIANS)
        return north * north + east * east * narrowing

    def _most(self) -> float:
        """What `_apart` is at the edge; beyond half the earth's girth everything is near."""
        return math.sin(self.km / EARTH_KM / 2.0) ** 2 if self.km < _HALF_TURN else 2.0


def _sine(angle: Any, steps: int) -> Any:
    """x(1 - x²/2·3 (1 - x²/4·5 (…)))."""
    return angle * _series(angle * angle, first=2, steps=steps)


def _cosine(angle: Any) -> Any:
    """1 - x²/1·2 (1 - x²/3·4 (…))."""
    return _series(angle * angle, first=1, steps=_STEPS_TO_A_QUARTER)


def _series(square: Any, *, first: int, steps: int) -> Any:
    found = 1.0 - square / _divisor(first, steps)
    for step in range(steps - 1, 0, -1):
        found = 1.0 - square / _divisor(first, step) * found
    return found


def _divisor(first: int, step: int) -> float:
    number = first + 2 * (step - 1)
    return float(number * (number + 1))
