"""Lanes: the fixed number of queues that inbox and history are cut into. Knows no Django."""

from typing import Final
from zlib import crc32

LANES: Final = 64
"""Fixed for the life of an installation, like the partitions of a topic."""


def lane_of(identifier: str) -> int:
    """The lane of everything that carries this identifier; stable across versions and machines."""
    return crc32(identifier.encode()) % LANES
