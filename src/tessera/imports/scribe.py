"""A process of its own that writes an import's batches, so that planning and writing do not share an interpreter.

It reads parcels from its standard input and answers on its standard output; it ends when nobody is there any more. What
it was writing then is committed whole or not at all, as if the import itself had been killed there.
"""

import fcntl
import os
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection as Pipe
from types import TracebackType
from typing import Final, Self

import psycopg

from tessera.foundation.database import connect, plan_once
from tessera.imports.writing import Parcel, write

WORTH_IT: Final = 1_000_000
"""Bytes of a stored (packed) file: starting takes a third of a second, as long as writing a few thousand rows."""
_READY: Final = "ready"
_LAST_WORDS: Final = 10.0
_PIPE: Final = 1 << 20
"""Bytes on the way (Linux): a batch is some megabytes, and every turn costs."""


class ScribeLost(psycopg.OperationalError):
    """The writing process ended: nobody knows whether its last batch is there, but the checkpoint does."""


class Scribe:
    """The side that hands the work over; one parcel at a time. Ends with the `with` block."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tessera.imports.scribe"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to = Pipe(os.dup(self._process.stdin.fileno()), readable=False)
        self._from = Pipe(os.dup(self._process.stdout.fileno()), writable=False)
        self._process.stdin.close()
        self._process.stdout.close()
        with suppress(AttributeError, OSError):
            fcntl.fcntl(self._to.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)
        self._ready = self._failed = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._to.close()
        try:
            self._process.wait(_LAST_WORDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._from.close()

    def is_ready(self) -> bool:
        """Whether it has started; never, where it could not."""
        if not self._ready and not self._failed and self._from.poll():
            try:
                self._ready = self._answer() == _READY
            except ScribeLost:
                self._failed = True
        return self._ready

    def write(self, parcel: Parcel) -> str:
        """As `writing.write`, over there. Raises what it raised, and `ScribeLost`."""
        try:
            self._to.send(parcel)
        except OSError as error:
            raise ScribeLost("the process that writes the import ended") from error
        return self._answer()

    def _answer(self) -> str:
        try:
            answer = self._from.recv()
        except (EOFError, OSError) as error:
            raise ScribeLost("the process that writes the import ended") from error
        if isinstance(answer, BaseException):
            raise answer
        return str(answer)


def main() -> None:
    """Write what comes, until nothing more does."""
    parcels, answers = Pipe(os.dup(0), writable=False), Pipe(os.dup(1), readable=False)
    os.dup2(2, 1)  # nothing that prints may speak between the answers
    with suppress(BrokenPipeError), connect(autocommit=True, application="tessera import") as connection:
        plan_once(connection)
        answers.send(_READY)
        while True:
            try:
                parcel = parcels.recv()
            except EOFError:
                return
            answers.send(_written(connection, parcel))


def _written(connection: psycopg.Connection[tuple[object, ...]], parcel: Parcel) -> str | Exception:
    try:
        return write(connection, parcel)
    except Exception as error:
        return error


if __name__ == "__main__":
    main()
