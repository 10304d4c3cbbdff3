"""The analyst's answers to the questions of web processes."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import psycopg
import structlog
from msgspec import Raw

from tessera.audience import questions as asked
from tessera.audience.conditions.groups import All
from tessera.audience.conditions.reach import CHANNELS, Reachable
from tessera.audience.conditions.registry import from_json, to_json
from tessera.audience.evaluation import Evaluator, Worlds
from tessera.audience.insight import registry as insight
from tessera.audience.refreshing import evaluate_and_write
from tessera.audience.segments import actions, membership, store
from tessera.audience.warehouse.archive import archive_in
from tessera.audience.warehouse.engine import Engine
from tessera.events.history import Recorded
from tessera.foundation.clock import to_micros
from tessera.foundation.database import is_lost
from tessera.foundation.errors import TesseraError

log = structlog.get_logger("analyst")
Connection = psycopg.Connection[Any]
MOST_LISTED: Final = 1_000
_TAKE: Final = """
UPDATE audience_question SET taken_at = now()
 WHERE id = (SELECT id FROM audience_question WHERE taken_at IS NULL AND asked_at > now() - interval '30 seconds'
              ORDER BY asked_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, workspace_id, question::text
"""
_SAY: Final = """
UPDATE audience_question SET answer = %s, code = %s, problem = %s, answered_at = now() WHERE id = %s
"""
SWEEP: Final = "DELETE FROM audience_question WHERE asked_at < now() - interval '10 minutes'"
"""Questions whose asker is gone."""
_read: Final = msgspec.json.Decoder(asked.AnyQuestion).decode


class Answerer:
    """Takes questions one after the other; start several, each with a connection and an engine of its own."""

    def __init__(self, connection: Connection, engine: Engine, worlds: Worlds) -> None:
        self._connection = connection
        self._engine = engine
        self._worlds = worlds

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; loss of a connection goes through."""
        self._connection.execute(f"LISTEN {asked.ASKED}")
        while not stop.is_set():
            while not stop.is_set() and self.answer_next():
                pass
            for _ in self._connection.notifies(timeout=1.0, stop_after=1):
                pass

    def answer_next(self) -> bool:
        """Answer the oldest question that nobody has taken; false where there is none."""
        row = self._connection.execute(_TAKE).fetchone()
        if row is None:
            return False
        key, workspace_id, question = row
        try:
            answer = msgspec.json.encode(self._answer(workspace_id, _read(question))).decode()
        except TesseraError as error:
            self._connection.execute(_SAY, (None, error.code, str(error)[:2000], key))
        except Exception as error:
            if is_lost(error):
                raise
            log.exception("a question could not be answered", question=str(key))
            self._connection.execute(_SAY, (None, "internal_error", "the question broke something on our side", key))
        else:
            self._connection.execute(_SAY, (answer, None, None, key))
        return True

    def _answer(self, workspace_id: int, question: Any) -> Any:
        if isinstance(question, asked.OldEvents):
            return self._old_events(workspace_id, question)
        now = datetime.now(UTC)
        evaluator = Evaluator(self._connection, self._engine, self._worlds, workspace_id, to_micros(now))
        return _ANSWERS[type(question)](self, evaluator, workspace_id, question, now)

    def _old_events(self, workspace_id: int, question: asked.OldEvents) -> list[Recorded]:
        archive = archive_in(self._engine, workspace_id)
        if archive is None:
            return []
        before = (to_micros(question.before[0]), *question.before[1:]) if question.before else None
        return archive.page(question.profiles, before=before, limit=question.limit, wanted=question.wanted)

    def _count(self, evaluator: Evaluator, _workspace: int, question: asked.CountPeople, _now: datetime) -> asked.Size:
        found = evaluator.narrow(from_json(bytes(question.condition)))
        return asked.Size(evaluator.count(found), evaluator.count(evaluator.world.people))

    def _funnel(
        self, evaluator: Evaluator, _workspace: int, question: asked.FollowFunnel, _now: datetime
    ) -> list[asked.Step]:
        condition = from_json(bytes(question.condition))
        parts = condition.of if isinstance(condition, All) else (condition,)
        left, steps = evaluator.world.people, []
        for part in parts:
            left = evaluator.narrow(part, left)
            alone = evaluator.count(evaluator.narrow(part))
            steps.append(asked.Step(Raw(to_json(part)), evaluator.count(left), alone))
        return steps

    def _members(
        self, evaluator: Evaluator, _workspace: int, question: asked.ListPeople, _now: datetime
    ) -> asked.Members:
        limit = max(1, min(question.limit, MOST_LISTED))
        found = evaluator.narrow(from_json(bytes(question.condition)))
        people = evaluator.page(found, after=question.after, limit=limit + 1)
        return asked.Members(people[:limit], people[limit - 1] if len(people) > limit else None)

    def _sample(
        self, evaluator: Evaluator, _workspace: int, question: asked.TakeSample, _now: datetime
    ) -> asked.Members:
        found = evaluator.narrow(from_json(bytes(question.condition)))
        return asked.Members(evaluator.sample(found, max(1, min(question.limit, MOST_LISTED))), None)

    def _refresh(
        self, evaluator: Evaluator, workspace_id: int, question: asked.RefreshNow, now: datetime
    ) -> asked.Size:
        evaluate_and_write(self._connection, evaluator, workspace_id, question.segment_id, now=now)
        size = store.read(self._connection, workspace_id, question.segment_id).size or 0
        return asked.Size(size, evaluator.count(evaluator.world.people))

    def _reach(self, evaluator: Evaluator, _workspace: int, question: asked.CountReach, _now: datetime) -> asked.Reach:
        found = evaluator.narrow(from_json(bytes(question.condition)))
        return asked.Reach(
            {channel: evaluator.count(evaluator.narrow(Reachable(channel=channel), found)) for channel in CHANNELS}
        )

    def _report(self, evaluator: Evaluator, _workspace: int, question: asked.MakeReport, now: datetime) -> Raw:
        return Raw(insight.answered(bytes(question.report), evaluator.world, evaluator.engine, to_micros(now)))

    def _fill(self, evaluator: Evaluator, workspace_id: int, question: asked.FillWith, now: datetime) -> asked.Size:
        people = evaluator.ids(evaluator.narrow(from_json(bytes(question.condition))))
        with self._connection.transaction():
            segment = store.read(self._connection, workspace_id, question.segment_id, lock=True)
            actions.fill(self._connection, segment, people, now=now)
            size = membership.count(self._connection, segment.id)
        return asked.Size(size, evaluator.count(evaluator.world.people))

    def _snapshot(
        self, evaluator: Evaluator, workspace_id: int, question: asked.TakeSnapshot, now: datetime
    ) -> asked.Size:
        with self._connection.transaction():
            made = actions.snapshot_of(
                self._connection,
                workspace_id=workspace_id,
                segment_id=question.segment_id,
                new_id=question.new_id,
                name=question.name,
                actor=question.actor,
                people=lambda condition: evaluator.ids(evaluator.narrow(condition)),
                now=now,
            )
        return asked.Size(made.size or 0, evaluator.count(evaluator.world.people))


_ANSWERS: Final[dict[type, Callable[..., Any]]] = {
    asked.CountPeople: Answerer._count,
    asked.FollowFunnel: Answerer._funnel,
    asked.ListPeople: Answerer._members,
    asked.TakeSample: Answerer._sample,
    asked.RefreshNow: Answerer._refresh,
    asked.FillWith: Answerer._fill,
    asked.CountReach: Answerer._reach,
    asked.MakeReport: Answerer._report,
    asked.TakeSnapshot: Answerer._snapshot,
}
