"""What web processes ask the analyst, by way of a table in PostgreSQL (they speak to nothing else).

`ask` puts a question down and waits for its answer; the analyst hears of it at once. A condition travels in its JSON
form. Answers are plain JSON, decoded into the type that the question names.
"""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, Generic, TypeVar
from uuid import UUID

import msgspec
import psycopg
from msgspec import Raw, Struct

from tessera.events.history import Recorded, Wanted
from tessera.foundation.errors import TesseraError
from tessera.foundation.ids import uuid7

Connection = psycopg.Connection[Any]
Answer = TypeVar("Answer")
ASKED: Final = "audience_questions"
"""The channel on which the analyst hears of questions."""
PATIENCE: Final = 20.0
"""Seconds that a person waits; a question that is older is not worth answering."""
WITHOUT_A_SIGN: Final = 2.0
"""Seconds that a person waits where no analyst gave a sign of life; one that just starts answers in time."""
_NAPS: Final = (0.002, 0.004, 0.008, 0.016, 0.03)


class NoAnalyst(TesseraError):
    """Nobody answered in time: the analyst is not running, or has too much to do."""

    code = "analyst_away"


class NotAnswered(TesseraError):
    """The analyst could not answer; the message says why. `code` is that of what went wrong."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Question(Struct, Generic[Answer], frozen=True, kw_only=True, tag_field="ask"):
    """`answer` is the type of what comes back."""

    answer: ClassVar[Any]


class Size(Struct, frozen=True):
    """How many it holds for, of how many people there are."""

    people: int
    total: int


class Step(Struct, frozen=True):
    """How many are left after this part of the condition and all before it; `alone` are those it holds for by itself.

    `part` is the part's condition in its JSON form.
    """

    part: Raw
    left: int
    alone: int


class Reach(Struct, frozen=True):
    """How many can be reached, by channel."""

    channels: dict[str, int]


class Members(Struct, frozen=True):
    """Ids of people, ascending; `next` is the cursor of the following page, or None."""

    people: list[UUID]
    next: UUID | None


class CountPeople(Question[Size], frozen=True, kw_only=True, tag="count"):
    condition: Raw
    answer: ClassVar[Any] = Size


class FollowFunnel(Question[list[Step]], frozen=True, kw_only=True, tag="funnel"):
    """What each part of the condition takes away."""

    condition: Raw
    answer: ClassVar[Any] = list[Step]


class CountReach(Question[Reach], frozen=True, kw_only=True, tag="reach"):
    condition: Raw
    answer: ClassVar[Any] = Reach


class ListPeople(Question[Members], frozen=True, kw_only=True, tag="members"):
    condition: Raw
    after: UUID | None = None
    limit: int = 100
    answer: ClassVar[Any] = Members


class TakeSample(Question[Members], frozen=True, kw_only=True, tag="sample"):
    """Some people for whom it holds, the same ones for the same condition."""

    condition: Raw
    limit: int = 10
    answer: ClassVar[Any] = Members


class RefreshNow(Question[Size], frozen=True, kw_only=True, tag="refresh"):
    """Evaluate the segment now and write down what comes of it: its size, and its members where they are stored."""

    segment_id: UUID
    answer: ClassVar[Any] = Size


class FillWith(Question[Size], frozen=True, kw_only=True, tag="fill"):
    """Make the people for whom it holds the (static) segment."""

    segment_id: UUID
    condition: Raw
    answer: ClassVar[Any] = Size


class TakeSnapshot(Question[Size], frozen=True, kw_only=True, tag="snapshot"):
    """Make a new static segment of the people who are in this one now, all or nothing.

    Asked again with the same `new_id` after it was made, it is left as it is.
    """

    segment_id: UUID
    new_id: UUID
    name: str
    actor: str
    answer: ClassVar[Any] = Size


class OldEvents(Question[list[Recorded]], frozen=True, kw_only=True, tag="old_events"):
    """What is archived of these profiles, newest first, as `history.of_profiles` reads it."""

    profiles: list[UUID]
    before: tuple[datetime, int, int] | None
    limit: int
    wanted: Wanted
    answer: ClassVar[Any] = list[Recorded]


class MakeReport(Question[Raw], frozen=True, kw_only=True, tag="report"):
    """A report of `insight`, in its JSON form."""

    report: Raw
    answer: ClassVar[Any] = Raw


AnyQuestion = (
    CountPeople
    | FollowFunnel
    | CountReach
    | ListPeople
    | TakeSample
    | RefreshNow
    | FillWith
    | TakeSnapshot
    | OldEvents
    | MakeReport
)


def ask(connection: Connection, workspace_id: int, question: Question[Answer], *, patience: float = PATIENCE) -> Answer:
    """Ask, and wait up to `patience` seconds. `connection` autocommits and is in no transaction.

    Raises `NoAnalyst`, and `NotAnswered` with the analyst's reason.
    """
    answer: Answer = ask_all(connection, workspace_id, [question], patience=patience)[0]
    return answer


def ask_all(
    connection: Connection, workspace_id: int, questions: Sequence[Question[Any]], *, patience: float = PATIENCE
) -> list[Any]:
    """Ask several at once, to be answered side by side; as `ask`."""
    ids = [uuid7() for _ in questions]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO audience_question (id, workspace_id, question) VALUES (%s, %s, %s)",
            [(key, workspace_id, msgspec.json.encode(each).decode()) for key, each in zip(ids, questions, strict=True)],
        )
        cursor.execute(f"NOTIFY {ASKED}")
    try:
        rows = _wait(connection, ids, patience if _is_somebody_there(connection) else min(patience, WITHOUT_A_SIGN))
    finally:
        connection.execute("DELETE FROM audience_question WHERE id = ANY(%s)", (ids,))
    return [_answer_of(question, *rows[key]) for key, question in zip(ids, questions, strict=True)]


def _is_somebody_there(connection: Connection) -> bool:
    """Whether an analyst gave a sign of life lately: nobody keeps a web process waiting for one that is not there."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM audience_analyst WHERE seen_at > now() - interval '20 seconds')"
    ).fetchone()
    return bool(row and row[0])


def _wait(connection: Connection, ids: list[UUID], patience: float) -> dict[UUID, tuple[str | None, str, str]]:
    until, naps = time.monotonic() + patience, iter(_NAPS)
    while True:
        rows = connection.execute(
            "SELECT id, answer::text, code, problem FROM audience_question"
            " WHERE id = ANY(%s) AND answered_at IS NOT NULL",
            (ids,),
        ).fetchall()
        if len(rows) == len(ids):
            return {row[0]: row[1:] for row in rows}
        if time.monotonic() >= until:
            raise NoAnalyst("the analyst did not answer in time: is it running?")
        time.sleep(next(naps, _NAPS[-1]))


def _answer_of(question: Question[Any], answer: str | None, code: str | None, problem: str | None) -> Any:
    if code is not None or answer is None:
        raise NotAnswered(code or "internal_error", problem or "the question broke something on our side")
    return msgspec.json.decode(answer, type=question.answer)
