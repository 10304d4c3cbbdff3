"""Work that somebody waits for: put in a queue with the change that asks for it, done by another process."""

from tessera.jobs.queue import AlreadyWaiting, defer
from tessera.jobs.registry import task

__all__ = ["AlreadyWaiting", "defer", "task"]
