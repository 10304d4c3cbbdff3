"""Work that somebody waits for: put in a queue with the change that asks for it, done by another process."""

from tessera.jobs.queue import LONG, OUTSIDE, SHORT, AlreadyWaiting, defer
from tessera.jobs.registry import task

__all__ = ["LONG", "OUTSIDE", "SHORT", "AlreadyWaiting", "defer", "task"]
