"""One line per event."""

import json
import subprocess
import sys

PROGRAM = """
import logging, structlog
from tessera.foundation.logs import set_up_logs
set_up_logs("worker")
structlog.get_logger("worker").info("row set aside", lane=3, reason="two\\nlines")
logging.getLogger("django.db").warning("slow: %s ms", 12)
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger("chores").exception("failed")
"""


def say(**environment: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_plain_lines_for_people() -> None:
    lines = say()

    assert [line.split(" ", 1)[1] for line in lines[:3]] == [
        "info     worker: row set aside lane=3 reason='two\\nlines'",
        "warning  worker/django.db: slow: 12 ms",
        "error    worker/chores: failed",
    ]
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_json_for_machines() -> None:
    events = [json.loads(line) for line in say(TESSERA_LOG="json")]

    assert [(event["level"], event["logger"], event["event"]) for event in events] == [
        ("info", "worker", "row set aside"),
        ("warning", "django.db", "slow: 12 ms"),
        ("error", "chores", "failed"),
    ]
    assert {event["process"] for event in events} == {"worker"}
    assert (events[0]["lane"], events[0]["reason"]) == (3, "two\nlines")
    assert events[2]["exception"][0]["exc_type"] == "ZeroDivisionError"
