"""The analyst as a process has it: following, keeping fresh, answering and rebuilding side by side."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec import Raw

from factories.analysis import Analysis
from factories.people import ingest, message, root
from tessera.audience import questions, rebuild_requests, service
from tessera.audience.conditions.registry import to_json
from tessera.audience.segments import actions, queries
from tessera.audience.segments.records import NewSegment
from tessera.audience.text.reader import from_text
from tessera.audience.timeline import whole_timeline
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.audience.warehouse.engines.postgres import PostgresEngine
from tessera.events import archived, partitions
from tessera.foundation.database import dsn, is_lost

Connection = psycopg.Connection[Any]
SPAIN = 'country = "ES"'


@contextmanager
def running(path: Path, *, archive: bool = False) -> Iterator[threading.Thread]:
    stop = threading.Event()
    thread = threading.Thread(target=service.run, args=(stop, lambda: DuckEngine(path)), kwargs={"archive": archive})
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def until(holds: Callable[[], bool], *, seconds: float = 30) -> None:
    for _ in range(int(seconds / 0.05)):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come about in time")


def count(live: Connection, workspace_id: int, text: str) -> int:
    question = questions.CountPeople(condition=Raw(to_json(from_text(text))))
    return questions.ask(live, workspace_id, question, patience=30).people


def test_it_follows_keeps_fresh_and_answers(live: Connection, workspace_id: int, tmp_path: Path) -> None:
    new = NewSegment(name="Spain", condition=to_json(from_text(SPAIN)), keep_fresh=True)
    segment = actions.create(live, workspace_id=workspace_id, new=new, actor="ana", now=datetime.now(UTC))
    with running(tmp_path / "w.duckdb"):
        ingest(live, workspace_id, [message("identify", userId="ana", traits={"country": "ES"})])
        ana = root(live, "user_id", "ana")
        assert ana is not None
        until(lambda: queries.are_in(live, segment.id, [ana]) == {ana})
        assert count(live, workspace_id, SPAIN) == 1
        ingest(live, workspace_id, [message("identify", userId="ana", traits={"country": "FR"})])
        until(lambda: not queries.are_in(live, segment.id, [ana]))
        state = live.execute("SELECT engine, leads, behind FROM audience_analyst").fetchall()
        assert state == [("DuckEngine", True, 0)]


def test_a_rebuild_goes_on_beside_everything_else(live: Connection, workspace_id: int, tmp_path: Path) -> None:
    people = [message("identify", userId=f"u{n}", traits={"country": "ES"}) for n in range(300)]
    ingest(live, workspace_id, people)
    with running(tmp_path / "w.duckdb"):
        until(lambda: count(live, workspace_id, SPAIN) == 300)
        asked = rebuild_requests.ask(live)
        assert rebuild_requests.ask(live).id == asked.id, "a second one was begun beside the first"
        ingest(live, workspace_id, [message("identify", userId="new", traits={"country": "ES"})])

        def is_over() -> bool:
            assert count(live, workspace_id, SPAIN) in (300, 301)
            state = rebuild_requests.state_of(live, asked.id)
            return state is not None and state.finished_at is not None

        until(is_over)
        until(lambda: count(live, workspace_id, SPAIN) == 301)
        done = rebuild_requests.state_of(live, asked.id)
        assert done is not None
        assert done.done == done.total > 300
        ingest(live, workspace_id, [message("identify", userId="later", traits={"country": "ES"})])
        until(lambda: count(live, workspace_id, SPAIN) == 302)


def test_with_an_archive_history_may_be_dropped(live: Connection, workspace_id: int, tmp_path: Path) -> None:
    people = [message(event="Seen", userId=f"u{n}") for n in range(50)]
    ingest(live, workspace_id, people)
    drop = {"months": 1, "now": datetime.now(UTC) + timedelta(days=800)}
    with running(tmp_path / "w.duckdb"):
        until(lambda: count(live, workspace_id, 'did("Seen")') == 50)
        assert archived.dropped_up_to(live) == {}
        partitions.drop_older_than(live, **drop)
        assert live.execute("SELECT count(*) FROM events_history").fetchone() == (50,), "nobody keeps an archive"
    with running(tmp_path / "w.duckdb", archive=True):
        until(lambda: archived.exists(live))
        until(lambda: partitions.drop_older_than(live, **drop) != [] and not partitions.names(live))
        partitions.ensure(live, now=datetime.now(UTC))
        person = root(live, "user_id", "u7")
        assert person is not None
        page = whole_timeline(live, workspace_id, person)
        assert page is not None
        assert ([one.name for one in page.events], page.incomplete) == (["Seen"], False)


def test_a_second_one_waits_for_its_turn(live: Connection, workspace_id: int, tmp_path: Path) -> None:
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"country": "ES"})])
    with ExitStack() as second, ExitStack() as first:
        first.enter_context(running(tmp_path / "first.duckdb"))
        until(lambda: count(live, workspace_id, SPAIN) == 1)
        second.enter_context(running(tmp_path / "second.duckdb"))
        time.sleep(1.5)
        assert not (tmp_path / "second.duckdb").exists(), "two were at work"
        first.close()
        until(lambda: count(live, workspace_id, SPAIN) == 1)
        assert (tmp_path / "second.duckdb").exists()


def test_nobody_answers_where_none_runs(live: Connection, workspace_id: int) -> None:
    question = questions.CountPeople(condition=Raw(to_json(from_text(SPAIN))))
    with pytest.raises(questions.NoAnalyst):
        questions.ask(live, workspace_id, question, patience=0.2)
    assert live.execute("SELECT count(*) FROM audience_question").fetchone() == (0,)


def test_after_much_work_it_asks_to_begin_anew_and_not_before(
    live: Connection, workspace_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "REST_AFTER", 0.1)
    monkeypatch.setattr(service, "MUCH", 3)
    said: list[bool] = []
    stop = threading.Event()
    thread = threading.Thread(target=lambda: said.append(service.run(stop, lambda: DuckEngine(tmp_path / "w.duckdb"))))
    thread.start()
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"country": "ES"})])
    until(lambda: count(live, workspace_id, SPAIN) == 1)
    time.sleep(0.5)
    assert thread.is_alive(), "one event was too much for it"
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"age": n}) for n in range(4)])
    thread.join(20)
    assert said == [True]
    stop.set()


def test_a_question_that_postgres_refuses_is_told_and_the_next_is_answered(live: Connection, workspace_id: int) -> None:
    """A warehouse on PostgreSQL has the same errors as the house's own connection; only a lost one is an end."""
    engine = PostgresEngine(dsn())
    analysis = Analysis(live, engine)
    analysis.settle()
    question = questions.CountPeople(condition=Raw(to_json(from_text(SPAIN))))
    engine._connection.execute(f"ALTER TABLE w{workspace_id}_people RENAME TO elsewhere")

    with pytest.raises(questions.NotAnswered, match="on our side"):
        analysis.ask(workspace_id, question)

    engine._connection.execute(f"ALTER TABLE elsewhere RENAME TO w{workspace_id}_people")
    assert analysis.ask(workspace_id, question).people == 0
    engine.close()


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (psycopg.OperationalError("the connection is closed"), True),
        (psycopg.errors.AdminShutdown("terminating connection"), True),
        (psycopg.errors.QueryCanceled("canceling statement due to statement timeout"), False),
        (psycopg.errors.StatementTooComplex("stack depth limit exceeded"), False),
        (psycopg.errors.InvalidRegularExpression("invalid character range"), False),
        (ValueError("it is"), False),
    ],
)
def test_what_a_lost_connection_is(error: Exception, lost: bool) -> None:
    assert is_lost(error) is lost
