"""Progress bars, on stderr so that what a command prints stays clean."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 1.0
"""Seconds before a bar appears: what is quicker needs none."""


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Gives `progress(done, of)`; call it as often as you like, it draws a few times a second."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    started = time.monotonic()
    drawing = Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=5)
    task = drawing.add_task(what, total=None)
    running = False

    def progress(done: int, of: int) -> None:
        nonlocal running
        drawing.update(task, completed=done, total=of)
        if not running and time.monotonic() - started > PATIENCE:
            running = True
            drawing.start()

    try:
        yield progress
    finally:
        if running:
            drawing.stop()
