"""Questions about the database and what is in it. Each gets a connection of its own and Django's models."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import psycopg

from tessera.audience.queries import analyst_state
from tessera.events import partitions
from tessera.events.figures import queue_figures
from tessera.events.followers import lag
from tessera.foundation.database import connect
from tessera.foundation.settings import settings
from tessera.project.doctor.check import Check, judged
from tessera.project.migrate import MAIN_WORKSPACE, OLDEST_POSTGRES, pending_migrations

Connection = psycopg.Connection[Any]
_SAFE = ("fsync", "synchronous_commit", "full_page_writes")


def postgres() -> Iterator[Check]:
    with _connection() as connection:
        number = connection.info.server_version
        yield judged(
            "PostgreSQL",
            f"{number // 10_000}.{number % 10_000}",
            fail=number < OLDEST_POSTGRES,
            hint="16 or newer is needed",
        )
        rows = connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [[*_SAFE, "max_connections"]]
        )
        chosen = dict(rows.fetchall())
        unsafe = [name for name in _SAFE if chosen[name] == "off"]
        hint = f"turn {', '.join(unsafe)} on: acknowledged events could be lost in a crash"
        yield judged("Durability", "off: " + ", ".join(unsafe) if unsafe else "on", fail=bool(unsafe), hint=hint)
        yield from _connections(connection, int(chosen["max_connections"]))


def _connections(connection: Connection, most: int) -> Iterator[Check]:
    row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'").fetchone()
    used = row[0] if row else 0
    hint = "raise max_connections, or put a pooler in front"
    yield judged(
        "Connections", f"{used} of {most}", fail=used > most * 0.95, warn=used > most * 0.8 or most < 50, hint=hint
    )


def clock() -> Iterator[Check]:
    with _connection() as connection:
        before = time.time()
        row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        after = time.time()
    assert row is not None
    skew = max(before - row[0], row[0] - after, 0.0)  # anything between before and after may be the truth
    hint = "let NTP set the clocks of both machines"
    yield judged("Clocks", f"{skew:.1f} s apart", fail=skew > 60, warn=skew > 1, hint=hint)


def migrations() -> Iterator[Check]:
    pending = pending_migrations()
    said = f"{len(pending)} to go: {', '.join(pending[:3])}" if pending else "all applied"
    yield judged("Migrations", said, fail=bool(pending), hint="run tessera migrate")


def history() -> Iterator[Check]:
    today = datetime.now(UTC).date()
    with _connection() as connection:
        names = set(partitions.names(connection))
    missing = [month for month in map(_partition, (today, partitions.first_of_month(today, 1))) if month not in names]
    said = f"{len(names)} months, missing {', '.join(missing)}" if missing else f"{len(names)} months, made ahead"
    yield judged("History", said, fail=bool(missing), hint="start a worker, or run tessera migrate")
    yield from _retention()


def _retention() -> Iterator[Check]:
    months = settings().history_months
    if months is None:
        return
    with _connection() as connection:
        waiting = partitions.older_than(connection, months=months, now=datetime.now(UTC))
    said = f"{len(waiting)} months wait to be dropped" if waiting else f"{months} months are kept, older ones archived"
    hint = "they are kept until the warehouse has them: start `tessera analyst`; see logs/analyst.log"
    yield judged("Retention", said, warn=bool(waiting), hint=hint)


def _partition(month: date) -> str:
    return f"events_history_{month:%Y_%m}"


def queue() -> Iterator[Check]:
    with _connection() as connection:
        found, behind = queue_figures(connection), lag(connection)
    age = found.oldest_waiting_seconds
    said = f"{found.waiting} waiting, the oldest for {age:.0f} s" if found.waiting else "empty"
    yield judged("Inbox", said, fail=age > 600, warn=age > 60, hint="start a worker, or another; see logs/worker.log")
    hint = "`tessera quarantine list` says why; `tessera quarantine retry` when it is mended"
    yield judged("Quarantine", f"{found.quarantined} messages set aside", warn=found.quarantined > 0, hint=hint)
    hint = "the live debugger shows each with its reason"
    yield judged(
        "Rejections", f"{found.rejected_last_hour} in the last hour", warn=found.rejected_last_hour > 0, hint=hint
    )
    last = f"{found.last_received:%Y-%m-%d %H:%M:%S} UTC" if found.last_received else "none in two months"
    yield judged("Last event", last, warn=found.last_received is None, hint="send one with a write key")
    for follower, records in sorted(behind.items()):
        yield judged(f"Follower {follower}", f"{records} behind", warn=records > 100_000, hint="see logs/worker.log")


def warehouse() -> Iterator[Check]:
    with _connection() as connection:
        state = analyst_state(connection)
    if not state.running:
        hint = "segments and reports need it: start tessera analyst; see logs/analyst.log"
        yield Check("Warehouse", "warn", "no analyst is at work", hint)
        return
    lag = (state.lag_ms or 0) / 1000
    behind = f"{state.behind} events behind, the oldest by {lag:.1f} s" if state.behind else "up to date"
    said = f"{state.engine}, {behind}"
    yield judged("Warehouse", said, warn=lag > 60, hint="it catches up; if it does not, see logs/analyst.log")


def vacuum() -> Iterator[Check]:
    with _connection() as connection:
        dead = connection.execute(
            "SELECT relname, n_dead_tup FROM pg_stat_user_tables"
            " WHERE n_dead_tup > 100000 AND n_dead_tup > 0.5 * n_live_tup ORDER BY n_dead_tup DESC LIMIT 3"
        ).fetchall()
        row = connection.execute(
            "SELECT coalesce(max(extract(epoch FROM now() - xact_start)), 0)::float8 FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
    oldest = row[0] if row else 0.0
    said = ", ".join(f"{count} in {table}" for table, count in dead) or "few"
    yield judged("Dead rows", said, warn=bool(dead), hint="look for long transactions; VACUUM those tables")
    yield judged(
        "Oldest transaction", f"{oldest:.0f} s", warn=oldest > 600, hint="it keeps dead rows alive: find and end it"
    )


def configuration() -> Iterator[Check]:
    from tessera.access.queries import staff_members
    from tessera.workspaces.queries import sources, workspace_by_slug, write_keys

    workspace = workspace_by_slug(MAIN_WORKSPACE)
    if workspace is None:
        yield Check("Workspace", "fail", f"there is no workspace {MAIN_WORKSPACE}", "run tessera migrate")
        return
    entries = [source for source in sources(workspace.id) if source.disabled_at is None]
    keys = [key for key in write_keys(workspace.id) if key.revoked_at is None]
    hint = "tessera keys create write NAME makes both"
    yield judged(
        "Sources", f"{len(entries)} with {len(keys)} write keys in force", warn=not keys or not entries, hint=hint
    )
    staff = [member for member in staff_members() if member.revoked_at is None]
    hint = "tessera staff add EMAIL --role owner"
    yield judged("Staff", f"{len(staff)} may log in", fail=not staff, hint=hint)


def _connection() -> Connection:
    return connect(autocommit=True, application="tessera doctor")
