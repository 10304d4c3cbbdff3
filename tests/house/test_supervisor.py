"""`tessera up`, from the outside: a process that starts others, loses them, and stops them all."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tessera.foundation.embedded import borrowed_server, postmaster

PATIENCE = 60.0
MOST_MEMORY = 0.7e9


class Up:
    """A `tessera up` of this test, with a home and ports of its own."""

    def __init__(self, environment: dict[str, str], words: Path) -> None:
        self.environment = environment
        self.home = Path(environment["TESSERA_HOME"])
        self.port = int(environment["TESSERA_PORT"])
        self._words = words
        with words.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tessera", "up", "--demo-people", "0"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environment, "COLUMNS": "200"},
                start_new_session=True,
            )

    def said(self) -> str:
        return self._words.read_text()

    def wait_for(self, words: str, *, times: int = 1) -> str:
        """Until it has said `words` so often; fails with all it said when it ends or takes too long."""
        eventually(
            lambda: len(re.findall(words, self.said())) >= times or self.process.poll() is not None,
            lambda: f"{words!r} was not said:\n{self.said()}",
        )
        assert len(re.findall(words, self.said())) >= times, self.said()
        return self.said()

    def ready(self) -> "Up":
        self.wait_for("Ctrl-C stops everything")
        return self

    def running(self) -> dict[str, psutil.Process]:
        entries = json.loads((self.home / "processes.json").read_text())
        return {entry["name"]: psutil.Process(entry["pid"]) for entry in entries}

    def everything(self) -> list[psutil.Process]:
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=PATIENCE)

    def run(self, *words: str) -> str:
        command = [sys.executable, "-m", "tessera", *words]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True, timeout=PATIENCE
        ).stdout


def eventually(holds: Callable[[], bool], otherwise: Callable[[], str] = lambda: "it never came true") -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.05)


def alive(processes: list[psutil.Process]) -> list[str]:
    """The names of those that still run; one that nobody has reaped yet does not."""
    names = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                names.append(process.name())
    return names


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def is_a_job(process: psutil.Process) -> bool:
    """Chores come and go by the clock: a stack is idle between them."""
    return "job" in command_of(process)


def memory_of(process: psutil.Process) -> int:
    """Bytes; of a chore that has ended since it was seen, none."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0


def get(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as reply:
        return reply.code
    except OSError:
        return 0


def track(port: int, write_key: str, event: str) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/track",
        data=json.dumps({"userId": "u1", "event": event}).encode(),
        headers={"Authorization": "Basic " + b64encode(f"{write_key}:".encode()).decode()},
    )
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310 -- our own address
        return json.load(reply)


@pytest.fixture
def start(tessera_environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[[], Up]]:
    """`start()` runs `tessera up`; whatever is left of it is killed at the end."""
    started: list[Up] = []

    def begin() -> Up:
        started.append(Up(tessera_environment, tmp_path / f"words-{len(started)}"))
        return started[-1]

    yield begin
    for one in started:
        left = one.everything() if one.process.poll() is None else []
        for process in left:
            with suppress(psutil.NoSuchProcess):  # they end with those who started them
                process.kill()
        one.process.wait(timeout=PATIENCE)
        psutil.wait_procs(left, timeout=PATIENCE)


def test_a_day_in_the_life_of_an_installation(start: Callable[[], Up]) -> None:
    up = start().ready()
    said = up.said()
    write_key = re.findall(r"twk_[\w-]{32}", said)[0]
    password = re.findall(r"Password +(\S+)", said)[0]
    login = up.home / "first-login.txt"
    assert login.read_text() == f"http://127.0.0.1:{up.port}\ne-mail: owner@example.com\npassword: {password}\n"
    assert login.stat().st_mode & 0o777 == 0o600
    assert {get(up.port + step, path) for step in (0, 1) for path in ("/healthz", "/readyz", "/metrics")} == {200}
    assert set(up.running()) == {"supervisor", "postgres", "collect", "console", "jobs", "analyst", "worker"}
    eventually(lambda: not any(map(is_a_job, up.everything())))
    sizes = {f"{process.pid} {' '.join(command_of(process))[-60:]}": memory_of(process) for process in up.everything()}
    assert sum(sizes.values()) < MOST_MEMORY, sizes
    assert track(up.port + 1, write_key, "First")["success"] is True
    assert json.loads(up.run("settle", "--timeout", "30"))["history"] == 1
    everything = up.everything()

    assert up.stop() == 0

    assert "Everything has stopped" in up.said()
    assert alive(everything) == []
    assert not (up.home / "processes.json").exists()

    again = start().ready()

    assert password not in again.said()
    assert str(login) in again.said()
    assert write_key in again.said()
    track(again.port + 1, write_key, "Second")
    assert json.loads(again.run("settle", "--timeout", "30"))["history"] == 2
    assert again.stop() == 0


def test_a_crashed_process_is_started_again_and_said_so(start: Callable[[], Up]) -> None:
    up = start().ready()
    before = up.running()

    before["collect"].kill()
    up.wait_for(r"collect │ stopped unexpectedly \(killed by SIGKILL\); starting it again in 0.5 s")
    up.wait_for("collect │ started again")
    eventually(lambda: get(up.port + 1, "/readyz") == 200)

    before["worker"].kill()
    up.wait_for("worker │ started again")
    before["worker"].wait(timeout=PATIENCE)

    after = up.running()
    assert after["collect"].pid != before["collect"].pid
    assert after["worker"].pid != before["worker"].pid
    assert after["console"] == before["console"]
    assert up.stop() == 0


def test_a_crashed_database_comes_back_and_the_others_live_on(start: Callable[[], Up]) -> None:
    up = start().ready()
    before = up.running()

    before["postgres"].kill()

    up.wait_for("postgres │ started again")
    eventually(lambda: get(up.port, "/readyz") == 200 and get(up.port + 1, "/readyz") == 200)
    after = up.running()
    assert {name: after[name] for name in ("collect", "console", "worker")} == {
        name: before[name] for name in ("collect", "console", "worker")
    }
    assert up.stop() == 0


def test_a_process_that_keeps_crashing_is_given_longer_and_longer_pauses(start: Callable[[], Up]) -> None:
    up = start().ready()
    for times in (1, 2, 3):
        up.running()["worker"].kill()
        up.wait_for("worker │ started again", times=times)

    pauses = re.findall(r"worker │ stopped unexpectedly .* in ([\d.]+) s", up.said())

    assert pauses == ["0.5", "1", "2"]
    assert up.stop() == 0


def test_after_a_killed_supervisor_nothing_lives_on_and_the_next_up_works(start: Callable[[], Up]) -> None:
    up = start().ready()
    others = [process for process in up.everything() if process.pid != up.process.pid]

    up.process.kill()
    up.process.wait(timeout=PATIENCE)
    again = start().ready()

    assert alive(others) == []
    assert again.stop() == 0


def test_a_second_up_on_one_home_is_refused_in_one_line(start: Callable[[], Up]) -> None:
    up = start().ready()

    second = start()

    assert second.process.wait(timeout=PATIENCE) == 1
    assert second.said() == f"tessera: tessera is already running on {up.home}\n"
    assert get(up.port, "/readyz") == 200
    assert up.stop() == 0


def test_a_taken_port_is_one_clear_line_and_nothing_is_left_running(
    start: Callable[[], Up], tessera_environment: dict[str, str]
) -> None:
    port = int(tessera_environment["TESSERA_PORT"]) + 1
    with socket.create_server(("127.0.0.1", port)):
        up = start()
        assert up.process.wait(timeout=PATIENCE) == 1

    assert re.fullmatch(
        rf"tessera: port {port} \(collect\) is taken by .*\(process {os.getpid()}\); stop it, or set TESSERA_PORT"
        r" to the first of three free ports\n",
        up.said(),
    )
    assert not (up.home / "postgres").exists()


def test_an_up_waits_for_a_command_that_uses_the_database_and_can_be_stopped_meanwhile(
    start: Callable[[], Up], tessera_environment: dict[str, str]
) -> None:
    home = Path(tessera_environment["TESSERA_HOME"])
    with borrowed_server(home):
        borrowed = postmaster(home)
        impatient = start()
        impatient.wait_for("another tessera command uses the database; waiting for it to finish")
        assert impatient.stop() == 0
        assert postmaster(home) == borrowed

        patient = start()
        patient.wait_for("another tessera command uses the database; waiting for it to finish")
        assert postmaster(home) == borrowed

    patient.ready()
    assert postmaster(home) == patient.running()["postgres"]
    assert patient.stop() == 0


def test_the_second_ctrl_c_kills_what_will_not_stop(start: Callable[[], Up]) -> None:
    up = start().ready()
    everything = up.everything()
    worker = up.running()["worker"]
    worker.suspend()

    up.process.send_signal(signal.SIGINT)
    up.wait_for("stopping")
    up.process.send_signal(signal.SIGINT)

    assert up.process.wait(timeout=PATIENCE) == 0
    assert alive(everything) == []
