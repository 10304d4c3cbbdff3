"""The tasks there are, by name. A room decorates a function; the project imports the modules that have some."""

import os
from collections.abc import Callable
from typing import Any, Final

from tessera.foundation.errors import TesseraError

Function = Callable[..., None]
TASKS: Final[dict[str, Function]] = {}
TRY_LATER: Final = os.EX_TEMPFAIL
"""What the process of a job exits with when what stopped it may pass: the database was away, a rival was quicker."""


class UnknownTask(TesseraError):
    code = "unknown_task"


def task(name: str) -> Callable[[Function], Function]:
    """Make a function a task: `@task("imports.run")`.

    It is called with the arguments it was deferred with (JSON), in a process of its own, and again from the beginning
    when that process dies or met what may pass (`foundation.database.may_pass`): so it must find out itself how far it
    came, and do nothing twice.
    """

    def register(function: Function) -> Function:
        assert TASKS.setdefault(name, function) is function, f"two tasks are called {name}"
        return function

    return register


def run_task(name: str, arguments: dict[str, Any]) -> None:
    """Do one task here and now. Raises `UnknownTask`, or what the task raises."""
    if name not in TASKS:
        raise UnknownTask(f"this version has no task {name}")
    TASKS[name](**arguments)
