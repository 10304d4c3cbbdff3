"""How far everything has got: what `tessera settle` waits for and doctors ask."""

from typing import Any

import psycopg
from msgspec import Struct

from tessera.events import catalogue, followers
from tessera.events.history import total as history_total
from tessera.identity.queries import count_people, count_profiles


class Progress(Struct, frozen=True):
    """`inbox` messages wait; `followers` says how many records each has not read; `tallies` are not added up yet."""

    inbox: int
    quarantined: int
    history: int
    profiles: int
    people: int
    followers: dict[str, int]
    tallies: int

    @property
    def settled(self) -> bool:
        return not (self.inbox or self.tallies or any(self.followers.values()))


def progress(connection: psycopg.Connection[Any]) -> Progress:
    def count(statement: str) -> int:
        row = connection.execute(statement).fetchone()
        return int(row[0]) if row else 0

    return Progress(
        inbox=count("SELECT count(*) FROM events_inbox"),
        quarantined=count("SELECT count(*) FROM events_quarantine"),
        history=history_total(connection),
        profiles=count_profiles(connection),
        people=count_people(connection),
        followers=followers.lag(connection),
        tallies=catalogue.tallies_waiting(connection),
    )
