"""What was acknowledged is stored, whatever happens to a row, to the database or to this process."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from tessera.foundation.embedded import borrowed_server, embedded_dsn, postmaster
from tessera.foundation.errors import SetupError

from .conftest import Collect, NewSource, eventually, serving


class OwnPostgres:
    """A PostgreSQL of one test's own, which it may kill."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.dsn = embedded_dsn(home)
        self._running = ExitStack()
        self.start()
        self.command("migrate")
        self.write_key = self.command("keys", "create", "write", "test")

    def command(self, *words: str) -> str:
        surroundings = {name: value for name, value in os.environ.items() if not name.startswith("TESSERA_")}
        surroundings["TESSERA_HOME"] = str(self.home)
        done = subprocess.run(
            [sys.executable, "-m", "tessera", *words], env=surroundings, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def start(self) -> None:
        """A postmaster that was killed leaves children, which must notice before another may start."""
        deadline = time.monotonic() + 30
        while True:
            try:
                self._running.enter_context(borrowed_server(self.home))
            except SetupError:
                assert time.monotonic() < deadline, "PostgreSQL did not come back"
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        self._running.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill(self) -> None:
        process = postmaster(self.home)
        assert process is not None
        process.kill()
        self._running.close()


@pytest.fixture
def own_postgres(state_folder: Path) -> Iterator[OwnPostgres]:
    own = OwnPostgres(state_folder / "home")
    yield own
    own.stop()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=40) as executor:
        yield executor


@contextmanager
def locked_inbox(collect: Collect) -> Iterator[None]:
    """Nobody can write to the inbox while inside, and nobody is told."""
    with psycopg.connect(collect.dsn) as connection:
        connection.execute("LOCK TABLE events_inbox IN ACCESS EXCLUSIVE MODE")
        yield


def waiting_rows(collect: Collect) -> int:
    return int(collect.metric("tessera_collect_waiting_rows"))


def track(message_id: str, **fields: object) -> dict[str, object]:
    return {"type": "track", "userId": "u1", "event": "A", "messageId": message_id, **fields}


def ids_in_inbox(collect: Collect) -> list[str]:
    return [json.loads(body)["messageId"] for (body,) in collect.rows("SELECT body FROM events_inbox")]


def test_nothing_is_acknowledged_before_it_is_committed(
    collect: Collect, pool: ThreadPoolExecutor, new_id: Callable[[], str]
) -> None:
    message_id = new_id()
    with locked_inbox(collect):
        answer = pool.submit(collect.post, "/v1/track", track(message_id))
        eventually(lambda: waiting_rows(collect) == 1)
        with pytest.raises(TimeoutError):
            answer.result(timeout=0.3)

    assert answer.result(timeout=10).status_code == 200
    assert len(collect.stored(messageId=message_id)) == 1


def test_bad_rows_do_not_fail_their_neighbours(
    collect: Collect, pool: ThreadPoolExecutor, new_id: Callable[[], str], source: NewSource
) -> None:
    collect.execute("ALTER TABLE events_inbox ADD CHECK (position('poison'::bytea in body) = 0)")
    batch = [track(new_id(), event="poison" if index in (3, 11) else "fine") for index in range(20)]
    with locked_inbox(collect):  # so that all of them wait for one and the same commit
        one = [pool.submit(collect.post, "/v1/track", track(new_id())) for _ in range(5)]
        of_batch = pool.submit(collect.post, "/v1/batch", {"batch": batch}, key=source.key)
        bad = pool.submit(collect.post, "/v1/track", track(new_id(), event="poison"), key=source.key)
        eventually(lambda: waiting_rows(collect) == 26)

    assert [answer.result().status_code for answer in one] == [200] * 5
    answer = of_batch.result().json()
    assert answer["accepted"] == 18
    assert [(item["index"], item["messageId"], item["code"]) for item in answer["rejected"]] == [
        (index, batch[index]["messageId"], "unstorable") for index in (3, 11)
    ]
    assert (bad.result().status_code, bad.result().json()["code"]) == (400, "unstorable")
    stored = collect.rows("SELECT count(*) FROM events_inbox WHERE source_id = %s", source.id)
    assert stored == [(18,)]
    assert [row[1] for row in collect.rejections(source.id, at_least=3)] == ["unstorable"] * 3


def test_too_much_waiting_is_refused_and_what_waits_is_stored(
    collect: Collect, pool: ThreadPoolExecutor, source: NewSource
) -> None:
    body = json.dumps({"batch": [{"type": "page", "userId": "u"}] * 2_500}).encode()
    with locked_inbox(collect):
        answers = [pool.submit(collect.post, "/v1/batch", body, key=source.key) for _ in range(20)]
        eventually(lambda: waiting_rows(collect) == 50_000)
        refused = collect.post("/v1/track", track("x"), key=source.key)

    assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
    assert int(refused.headers["retry-after"]) >= 1
    assert [answer.result().json()["accepted"] for answer in answers] == [2_500] * 20
    stored = collect.rows("SELECT count(*) FROM events_inbox WHERE source_id = %s", source.id)
    assert stored == [(50_000,)]
    assert collect.post("/v1/track", track("x"), key=source.key).status_code == 200


def test_a_stopping_server_commits_what_it_took(
    module_database: str, collect: Collect, pool: ThreadPoolExecutor, free_port: Callable[[], int], source: NewSource
) -> None:
    with serving(module_database, free_port(), write_key=source.key) as leaving:
        with locked_inbox(leaving):
            answers = [pool.submit(leaving.post, "/v1/track", track(f"last-{n}")) for n in range(5)]
            eventually(lambda: waiting_rows(leaving) == 5)
            leaving.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
        assert [answer.result().status_code for answer in answers] == [200] * 5
        assert leaving.process.wait(timeout=20) == 0

    stored = collect.rows("SELECT count(*) FROM events_inbox WHERE source_id = %s", source.id)
    assert stored == [(5,)]


class Clients:
    """Threads that send one event after the other and remember what was acknowledged."""

    def __init__(self, collect: Collect, pool: ThreadPoolExecutor, new_id: Callable[[], str]) -> None:
        self.acknowledged: list[str] = []
        self.refusals: list[httpx.Response] = []
        self._collect, self._new_id = collect, new_id
        self._enough = threading.Event()
        self._threads: list[Future[None]] = [pool.submit(self._send) for _ in range(8)]

    def _send(self) -> None:
        while not self._enough.is_set():
            message_id = self._new_id()
            answer = self._collect.post("/v1/track", track(message_id))
            if answer.status_code == 200:
                self.acknowledged.append(message_id)
            else:
                self.refusals.append(answer)

    def send_more(self, count: int) -> None:
        target = len(self.acknowledged) + count
        eventually(lambda: len(self.acknowledged) >= target, seconds=30)

    def stop(self) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.result()


def test_postgresql_killed_under_load_loses_nothing_acknowledged(
    own_postgres: OwnPostgres, pool: ThreadPoolExecutor, free_port: Callable[[], int], new_id: Callable[[], str]
) -> None:
    with serving(own_postgres.dsn, free_port(), write_key=own_postgres.write_key) as collect:
        clients = Clients(collect, pool, new_id)
        clients.send_more(200)
        own_postgres.kill()
        time.sleep(0.5)
        own_postgres.start()
        clients.send_more(200)
        own_postgres.restart()
        clients.send_more(200)
        clients.stop()

        stored = ids_in_inbox(collect)
    assert set(clients.acknowledged) <= set(stored)
    assert len(set(clients.acknowledged)) == len(clients.acknowledged) >= 600
    assert {answer.status_code for answer in clients.refusals} <= {503}


def test_a_database_that_stays_away_is_said_to_be_away_until_it_is_back(
    own_postgres: OwnPostgres, free_port: Callable[[], int], new_id: Callable[[], str]
) -> None:
    with serving(own_postgres.dsn, free_port(), write_key=own_postgres.write_key) as collect:
        assert collect.post("/v1/track", track(new_id())).status_code == 200
        own_postgres.stop()

        refused = collect.post("/v1/track", track("refused"))
        unknown = collect.post("/v1/track", track("unknown"), key="a-key-nobody-has-read")
        unready = eventually(lambda: answer if (answer := collect.client.get("/readyz")).status_code != 200 else None)
        assert collect.client.get("/healthz").status_code == 200

        own_postgres.start()
        eventually(lambda: collect.client.get("/readyz").status_code == 200)
        message_id = new_id()
        assert collect.post("/v1/track", track(message_id)).status_code == 200
        assert len(collect.stored(messageId=message_id)) == 1

    for answer in (refused, unknown):
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert int(answer.headers["retry-after"]) >= 1
    assert (unready.status_code, unready.json()["code"]) == (503, "not_ready")


def test_collect_waits_for_a_database_that_is_not_there_yet(
    own_postgres: OwnPostgres, free_port: Callable[[], int], pool: ThreadPoolExecutor
) -> None:
    own_postgres.stop()
    back = pool.submit(lambda: (time.sleep(1.5), own_postgres.start()))

    with serving(own_postgres.dsn, free_port(), write_key=own_postgres.write_key) as collect:
        assert collect.post("/v1/track", track("first")).status_code == 200
    back.result()
