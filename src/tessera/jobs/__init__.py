"""Work that somebody waits for: put in a queue with the change that asks for it, done by another process."""

from tessera.jobs.queue import LONG, SHORT, AlreadyWaiting, defer
from tessera.jobs.registry import task

__all__ = ["LONG", "SHORT", "AlreadyWaiting", "defer", "task"]
