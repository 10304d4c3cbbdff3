"""What the proofs stand on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .stack import Stack


@pytest.fixture
def stack(database: str, free_ports: Callable[[], int], tmp_path: Path) -> Stack:
    """An installation with a database of this test's own; nothing runs yet."""
    return Stack(database, free_ports(), tmp_path)
