"""50,000 people by the wizard, 37 rows of them bad, the job killed on the way: exact counts, and the way back."""

import csv
import io
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from browser.conftest import DESKTOP, PHONE, Installation, Screen

pytestmark = pytest.mark.browser
JOB = 180_000
"""Milliseconds a job may take to be begun and done on a busy machine."""

ROWS = 50_000
NO_ADDRESS = {1_000 * number for number in range(1, 21)}
NOTHING_TO_MATCH = {1_000 * number + 7 for number in range(21, 31)}
RAGGED = {1_000 * number + 13 for number in range(31, 38)}
BAD = {**dict.fromkeys(NO_ADDRESS, "invalid_key"), **dict.fromkeys(NOTHING_TO_MATCH, "missing_key")}
BAD |= dict.fromkeys(RAGGED, "ragged_row")
"""37 people, each with why their row is left out."""

TOLD = {number + 1: code for number, code in BAD.items()}
"""By row of the file, as a spreadsheet counts them: the headings are row 1."""

KNOWN = 3
"""Row of the file that is about somebody who is here already."""

STATE = (
    "SELECT profile_id::text, state::text FROM profiles_state ORDER BY 1",
    "SELECT s::text FROM profiles_search s ORDER BY 1",
    "SELECT kind, value, profile_id::text FROM identity_identifier ORDER BY 1, 2",
    "SELECT id::text, root_id::text FROM identity_profile ORDER BY 1",
    "SELECT event_id::text, profile_id::text FROM events_history WHERE profile_id::text !~ '^[0-]+$' ORDER BY 1, 2",
)
"""What there is of people, identifiers, profiles and history; how often a state was written may differ."""


def file_of_people() -> str:
    lines = ["correo;nombre;puntos"]
    for number in range(1, ROWS + 1):
        email = {"invalid_key": "nobody", "missing_key": ""}.get(BAD.get(number, ""), f"p{number}@example.com")
        more = ";too;many" if number in RAGGED else ""
        lines.append(f"{email};Person {number};{number % 90}{more}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def known(installation: Installation) -> str:
    """Somebody the import will rename."""
    key = installation.write_key("Shop")
    call = {"userId": "u-3", "traits": {"email": f"p{KNOWN}@example.com", "firstName": "Zelda"}}
    while installation.send(key, "identify", **call) == 401:
        pass
    installation.settle()
    return "Zelda"


def everything(installation: Installation) -> list[list[tuple[Any, ...]]]:
    return [installation.rows(statement) for statement in STATE]


def test_a_large_file_whose_job_is_killed(
    open_screen: Callable[[str, int], Screen], installation: Installation, known: str, tmp_path: Path
) -> None:
    before = everything(installation)
    screen = open_screen("es", PHONE)
    screen.log_in()
    file = tmp_path / "clientes.csv"
    file.write_text(file_of_people())

    choose_and_try(screen, file)
    assert why_left_out(screen) == TOLD
    screen.page.get_by_role("button", name=screen.say("Import now")).click()
    kill_the_job_amid_its_rows(installation)
    page, say = screen.page, screen.say
    expect(page.get_by_role("button", name=say("Undo"), exact=True)).to_be_visible(timeout=JOB)
    expect(page.get_by_role("heading", level=1)).to_contain_text(say("done"))
    screen.expect_in_order()

    assert why_left_out(screen) == TOLD
    assert_every_row_is_in_once(installation)
    screen.open("/people?q=Person 49999")
    expect(page.get_by_role("link", name="Person 49999")).to_be_visible()

    screen.page.go_back()
    page.get_by_role("button", name=say("Undo"), exact=True).click()
    page.get_by_role("button", name=say("Undo the import")).click()
    expect(page.get_by_role("heading", name=say("What undoing removed"))).to_be_visible(timeout=JOB)
    screen.expect_in_order()
    for was, became in zip(before, everything(installation), strict=True):
        assert became == was
    screen.open(f"/people?q={known}")
    expect(page.get_by_role("link", name=known)).to_be_visible()


def choose_and_try(screen: Screen, file: Path) -> None:
    """Upload, format, columns, dry run."""
    page, say = screen.page, screen.say
    screen.go("Imports")
    screen.open("/imports/new")
    page.get_by_label(say("Choose a file")).set_input_files(file)
    page.get_by_role("button", name=say("Upload")).click()
    expect(page.get_by_role("cell", name="Person 1", exact=True)).to_be_visible()
    page.get_by_role("button", name=say("Go on to the columns")).click()
    page.get_by_role("button", name=say("Try it without importing")).click()
    expect(page.get_by_role("button", name=say("Import now"))).to_be_visible(timeout=JOB)


def why_left_out(screen: Screen) -> dict[int, str]:
    """Of each row in the error file: the code of what was wrong."""
    with screen.page.expect_download() as downloading:
        screen.page.get_by_role("link", name=screen.say("All of it as CSV")).click()
    lines = list(csv.reader(io.StringIO(Path(downloading.value.path()).read_text("utf-8-sig"))))[1:]
    assert Counter(severity for _row, severity, *_rest in lines) == {"error": len(BAD)}
    return {int(row): code for row, _severity, _field, _value, code, _detail in lines}


def kill_the_job_amid_its_rows(installation: Installation) -> None:
    """SIGKILL for the process of the job, when some of its rows are in and most are not."""
    deadline = time.monotonic() + JOB / 1000
    while not 0 < (taken := rows_taken(installation)) < ROWS:
        assert taken < ROWS, "the job was over before it could be killed"
        assert time.monotonic() < deadline, "the job did not begin"
        time.sleep(0.01)
    (job,) = jobs_of(installation, "imports.run")
    os.kill(job, signal.SIGKILL)
    assert rows_taken(installation) < ROWS


def rows_taken(installation: Installation) -> int:
    ((rows,),) = installation.rows("SELECT max(row_number) FROM imports_import")
    return int(rows)


def jobs_of(installation: Installation, task: str) -> list[int]:
    """The processes that do this task for this installation and no other."""
    ours, found = f"TESSERA_DATABASE_URL={installation.dsn}\0".encode(), []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            command, environment = ((entry / name).read_bytes() + b"\0" for name in ("cmdline", "environ"))
            if f"\0job\0{task}\0".encode() in command and ours in environment:
                found.append(int(entry.name))
    return found


def assert_every_row_is_in_once(installation: Installation) -> None:
    counts = installation.rows("SELECT counts, state FROM imports_import")
    good = ROWS - len(BAD)
    ((told, state),) = counts
    assert state == "finished"
    assert told == {"rows": ROWS, "created": good - 1, "updated": 1, "unchanged": 0, "skipped": 0} | {
        "errors": len(BAD), "warnings": 0, "repeated": 0,
    }  # fmt: skip
    found = "SELECT count(*), count(DISTINCT value) FROM identity_identifier WHERE kind = 'email'"
    assert installation.rows(found) == [(good, good)]
    events = (
        "SELECT count(*), count(DISTINCT body -> 'context' -> 'import' ->> 'row') FROM events_history"
        " WHERE body -> 'context' -> 'import' IS NOT NULL"
    )
    assert installation.rows(events) == [(good, good)]


def test_going_on_by_the_button_after_a_pause(
    open_screen: Callable[[str, int], Screen], installation: Installation, tmp_path: Path
) -> None:
    screen = open_screen("en", DESKTOP)
    screen.log_in()
    file = tmp_path / "more.csv"
    file.write_text(file_of_people().replace("@example.com", "@again.example"))
    choose_and_try(screen, file)
    page = screen.page
    page.get_by_role("button", name="Import now").click()

    page.get_by_role("button", name="Pause").click()  # the page was opened when it waited
    expect(page.get_by_role("button", name="Go on")).to_be_visible(timeout=JOB)
    screen.expect_in_order()
    page.get_by_role("button", name="Go on").click()

    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_visible(timeout=JOB)
    expect(page.get_by_role("definition").filter(has_text=f"{ROWS - len(BAD):,}")).to_be_visible()
    found = "SELECT count(*) FROM identity_identifier WHERE kind = 'email' AND value ~ '@again.example$'"
    assert installation.rows(found) == [(ROWS - len(BAD),)]
