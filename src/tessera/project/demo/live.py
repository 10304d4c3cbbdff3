"""`tessera demo --live`: people of the demo world go on living, gently, until somebody says stop."""

import heapq
import time
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Final

from tessera.events import inbox, partitions
from tessera.foundation.clock import Micros, now_micros, to_datetime
from tessera.foundation.database import connect
from tessera.foundation.ids import uuid7
from tessera.project.demo import shop
from tessera.project.demo.calls import Call, Clerk
from tessera.project.demo.entry_points import make_sources, row_of
from tessera.project.demo.people import APP_SHOPPER, REGULAR, Person, Population

MOST_PER_SECOND: Final = 20.0
_CALLS_OF_A_VISIT: Final = 6.0
"""About so many calls does one visit cause: a visit begins whenever that many are due."""
_FULL: Final = 10_000
"""Nobody new comes in while so many messages wait: no worker is running, or it has enough to do."""


def live(
    *,
    people: int,
    seed: int,
    per_second: float,
    seconds: float | None = None,
    said: Callable[[int], None] | None = None,
) -> int:
    """Send what about `per_second` visitors' calls are, as they come due, for `seconds` (None: until interrupted).

    The people are those of the world of this seed. Returns how many calls were sent; `said` hears it as it goes.
    """
    stream = Stream(people=people, seed=seed, per_second=min(per_second, MOST_PER_SECOND))
    workspace_id, sources = make_sources()
    ends, sent = (time.monotonic() + seconds if seconds is not None else None), 0
    with connect(autocommit=True, application="tessera demo --live") as connection:
        partitions.ensure(connection, now=to_datetime(now_micros()))
        while ends is None or time.monotonic() < ends:
            due = stream.due(now_micros(), full=inbox.waiting(connection.cursor()) >= _FULL)
            if due:
                rows = [row_of(call, workspace_id, sources[call.source]) for call in due]
                with connection.cursor() as cursor, cursor.copy(inbox.COPY_INBOX) as copy:
                    copy.write(b"".join((inbox.COPY_HEADER, *rows, inbox.COPY_TRAILER)))
                sent += len(due)
                if said:
                    said(sent)
            time.sleep(0.25)
    return sent


class Stream:
    """Visits that begin at a steady rate, each told call by call at its own times."""

    def __init__(self, *, people: int, seed: int, per_second: float) -> None:
        self._rnd = Random(f"live:{seed}:{uuid7()}")  # noqa: S311 -- a toy world
        population = Population(seed)
        drawn = [population.next(number)[0] for number in range(people)]
        self._people = [person for person in drawn if not person.is_test]
        self._pause = _CALLS_OF_A_VISIT / per_second
        self._next: float = 0.0
        self._waiting: list[tuple[Micros, int, Call]] = []
        self._order = count()
        self._mark = f"demo-live-{uuid7().hex}"

    def due(self, now: Micros, *, full: bool = False) -> list[Call]:
        """The calls whose time has come, those of visits that begin now among them."""
        if now / 1e6 >= self._next and self._people and not full:
            self._next = now / 1e6 + self._rnd.expovariate(1 / self._pause)
            for call in self._visit(self._rnd.choice(self._people), now):
                heapq.heappush(self._waiting, (call.at, next(self._order), call))
        due: list[Call] = []
        while self._waiting and self._waiting[0][0] <= now:
            due.append(heapq.heappop(self._waiting)[2])
        return due

    def _visit(self, person: Person, now: Micros) -> list[Call]:
        clerk = Clerk(person, marked=f"{self._mark}-{next(self._order)}")
        clerk.logged_in.update(browser.anonymous_id for browser in person.browsers[:1] if person.phone)
        brand = self._rnd.choice(person.brands)
        if person.habit == REGULAR:
            shop.buy_at_the_till(clerk, self._rnd, now, brand)
        elif person.habit == APP_SHOPPER and self._rnd.random() < 0.5:
            shop.use_app(clerk, self._rnd, now, brand)
        else:
            shop.visit(clerk, self._rnd, now, brand, person.browsers[0])
        return [call for call in clerk.calls if call.at < now + 30 * 60 * 1_000_000]
