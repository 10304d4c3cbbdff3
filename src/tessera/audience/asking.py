"""Asking the analyst from a process that serves people: nobody who waits for an answer keeps another from being served.

Who asks has a connection of its own, not one of the pool's eight, and few wait at a time: where the analyst is slow or
away, the rest of the process goes on.
"""

from threading import BoundedSemaphore
from typing import Any, Final

from tessera.audience.questions import PATIENCE, WITHOUT_A_SIGN, NoAnalyst, Question, ask_all
from tessera.foundation.database import connect

AT_ONCE: Final = 4
"""Threads of one process that wait for the analyst."""
_waiting: Final = BoundedSemaphore(AT_ONCE)


def answers_to(workspace_id: int, *questions: Question[Any], patience: float = PATIENCE) -> list[Any]:
    """The answers, made side by side. Raises `NoAnalyst`, also where too many wait already, and `NotAnswered`."""
    if not _waiting.acquire(timeout=WITHOUT_A_SIGN):
        raise NoAnalyst("too many wait for the analyst; send the same request again in a moment")
    try:
        with connect(autocommit=True, application="tessera asks") as connection:
            return ask_all(connection, workspace_id, questions, patience=patience)
    finally:
        _waiting.release()
