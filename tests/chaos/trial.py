"""One trial: load, kills at random moments, and the audit."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psycopg

from .audit import faults
from .clients import Clients
from .installation import Installation, wait_for

LONGEST_LIFE = 1.5
LONGEST_ABSENCE = 0.6
SETTLE_SECONDS = 120.0

Say = Callable[[str], None]


@dataclass
class Verdict:
    """`faults` is empty when nothing was lost, doubled or left behind."""

    seed: int
    kills: dict[str, int]
    acknowledged: int
    repeated: int
    profiles: int
    merges: int
    seconds: float
    faults: list[str] = field(default_factory=list)


def hold(home: Path, *, kills: int, seed: int, say: Say = print) -> Verdict:
    """Start an installation in `home`, kill parts of it `kills` times under load, and judge what is left.

    Bounded: about two seconds for each kill, and at most two minutes for what comes after the last.
    """
    say(f"chaos: seed {seed}, {kills} kills")
    started, rnd = time.monotonic(), Random(seed)
    installation = Installation(home)
    try:
        clients = Clients(installation.collect_url, installation.start(), seed=seed)
        clients.start()
        try:
            done = _kill_now_and_then(installation, clients, rnd, kills=kills, say=say)
        finally:
            clients.stop()
        settle(installation)
        installation.expect_all_alive()
        with closing(psycopg.connect(installation.dsn, options="-c timezone=UTC")) as connection:
            found = [*installation.deaths, *clients.complaints, *faults(connection, clients.acknowledged)]
            ((profiles, merges),) = connection.execute(
                "SELECT (SELECT count(*) FROM identity_profile), (SELECT count(*) FROM identity_merge)"
            ).fetchall()
    finally:
        installation.end()
    seconds = round(time.monotonic() - started, 1)
    return Verdict(
        seed, dict(done), len(clients.acknowledged), clients.repeated, profiles, merges, seconds, faults=found
    )


def _kill_now_and_then(
    installation: Installation, clients: Clients, rnd: Random, *, kills: int, say: Say
) -> Counter[str]:
    """Each kind of death comes up as often as the others; the order, the moments and the absences are random."""
    deaths = [_Death(installation, what) for what in ("collect", "worker", "postmaster", "backend")]
    order = [deaths[turn % len(deaths)] for turn in range(kills)]
    rnd.shuffle(order)
    done: Counter[str] = Counter()
    for death in order:
        acknowledged = len(clients.acknowledged)
        wait_for("clients to be served", lambda seen=acknowledged: len(clients.acknowledged) > seen)  # type: ignore[misc]
        time.sleep(rnd.uniform(0, LONGEST_LIFE))
        say(f"chaos: kill {death.what} after {len(clients.acknowledged)} acknowledged messages")
        death.come(rnd)
        done[death.what] += 1
    acknowledged = len(clients.acknowledged)
    wait_for("clients to be served after the last kill", lambda: len(clients.acknowledged) > acknowledged)
    return done


class _Death:
    def __init__(self, installation: Installation, what: str) -> None:
        self.what = what
        self._kill = getattr(installation, f"kill_{what}")
        revivals = {"collect": "start_collect", "worker": "start_worker", "postmaster": "start_postgres"}
        self._revive = getattr(installation, revivals[what]) if what in revivals else None

    def come(self, rnd: Random) -> None:
        self._kill(rnd)
        time.sleep(rnd.uniform(0, LONGEST_ABSENCE))
        if self._revive:
            self._revive()


def settle(installation: Installation) -> None:
    """Everything is alive again; wait until all that was acknowledged has been acted on."""

    def at_rest() -> bool:
        with suppress(psycopg.OperationalError), psycopg.connect(installation.dsn) as connection:
            row = connection.execute(
                "SELECT NOT EXISTS (SELECT FROM events_inbox) AND NOT EXISTS (SELECT FROM events_tally)"
            ).fetchone()
            return bool(row and row[0])
        return False

    wait_for("intake to come to rest", at_rest, seconds=SETTLE_SECONDS)
