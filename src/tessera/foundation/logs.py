"""How processes speak of what they do: one line per event, on stderr. No Django.

Plain text by default (`2026-11-21T22:20:30Z warning  worker: database away retry_in=0.2`), coloured in a terminal;
JSON with `TESSERA_LOG=json`. Lines of the standard library's `logging` (Django, granian) come out the same way.
"""

import logging
import os
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_COLOURS = {"warning": "\033[33m", "error": "\033[31m", "critical": "\033[31;1m"}
_PLAIN = "\033[0m"
# Without the values of local variables: they are bodies and identifiers of people.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def set_up_logs(process: str, *, stream: TextIO = sys.stderr) -> None:
    """Send everything this process logs to `stream`, under the name `process` where a logger names none itself."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(process),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(stream)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _renderers(stream: TextIO) -> list[Processor]:
    if os.environ.get("TESSERA_LOG", "").strip().lower() == "json":
        return [_TRACEBACKS, structlog.processors.JSONRenderer(default=str)]
    return [structlog.processors.format_exc_info, _Line(colours=stream.isatty())]


def _named(process: str) -> Processor:
    def name(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event.setdefault("process", process)
        return event

    return name


class _Line:
    """Renders an event as one line; only a traceback takes more."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> str:
        when = str(event.pop("timestamp", "")).split(".")[0].rstrip("Z") + "Z"
        level = str(event.pop("level", "info"))
        process, logger = str(event.pop("process", "")), event.pop("logger", None)
        traceback = event.pop("exception", None)
        said = " ".join(str(event.pop("event", "")).split("\n"))
        facts = "".join(f" {key}={_shown(value)}" for key, value in event.items())
        name = process if logger in (None, process) else f"{process}/{logger}"
        line = f"{when} {level:<8} {name}: {said}{facts}"
        if self._colours and level in _COLOURS:
            line = f"{_COLOURS[level]}{line}{_PLAIN}"
        return f"{line}\n{traceback}" if traceback else line


def _shown(value: Any) -> str:
    text = str(value)
    return repr(text) if not text or any(character.isspace() for character in text) else text
