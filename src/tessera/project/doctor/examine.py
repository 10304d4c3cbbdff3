"""All questions in order. One that cannot be answered is an answer too."""

from collections.abc import Callable, Iterator
from typing import Final

import psycopg
from django.db import Error

from tessera.foundation.errors import TesseraError
from tessera.foundation.settings import settings
from tessera.project.cli import needs
from tessera.project.doctor import database, machine
from tessera.project.doctor.check import Check

Question = Callable[[], Iterator[Check]]
MACHINE: Final[tuple[Question, ...]] = (
    machine.python,
    machine.packages,
    machine.disk,
    machine.home,
    machine.ports,
    machine.processes,
    machine.geo_database,
)
DATABASE: Final[tuple[Question, ...]] = (
    database.postgres,
    database.clock,
    database.migrations,
    database.history,
    database.queue,
    database.warehouse,
    database.vacuum,
    database.configuration,
)


def examine() -> Iterator[Check]:
    """Answers one by one; the embedded server is started for the occasion when it is not up.

    Raises `SetupError` when a setting is wrong: then no question means anything.
    """
    settings()
    for question in MACHINE:
        yield from _asked(question)
    try:
        with needs.django_unmigrated():
            for question in DATABASE:
                yield from _asked(question)
    except (TesseraError, psycopg.Error, Error) as error:
        yield Check("Database", "fail", _line(error), "start it, or see TESSERA_DATABASE_URL and logs/postgres.log")


def _asked(question: Question) -> Iterator[Check]:
    """What goes wrong with one question must not hide the answers to the others."""
    try:
        yield from question()
    except (psycopg.Error, Error, OSError, TesseraError) as error:
        name = question.__name__.replace("_", " ").capitalize()
        yield Check(name, "fail", _line(error), "this question could not be answered")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
