"""Imports on a database of the test's own."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tessera.foundation.database import connect


@pytest.fixture
def live(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that commits as it goes."""
    with connect(autocommit=True) as opened:
        yield opened
