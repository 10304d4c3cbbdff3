"""An installation whose processes we start, kill without warning and start again. No supervisor hides anything."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psutil
import psycopg

from tessera.foundation.embedded import embedded_dsn, postmaster, ready, server_process, stop
from tessera.foundation.errors import SetupError

START_SECONDS = 60.0


class Installation:
    """PostgreSQL, collect and a worker in a home of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.port = _free_port()
        self.collect_url = f"http://127.0.0.1:{self.port}"
        self.dsn = embedded_dsn(home)
        self.deaths: list[str] = []
        """Processes that ended although nobody killed them."""
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._analysts: set[str] = set()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TESSERA_")}
        self._environment = {**kept, "TESSERA_HOME": str(home), "TESSERA_PORT": str(self.port - 1), "NO_COLOR": "1"}

    # --- starting and stopping ----------------------------------------------------------------------------------------

    def start(self) -> str:
        """Start everything; returns a write key."""
        self.start_postgres()
        self._command("migrate")
        write_key = self._command("keys", "create", "write", "chaos")
        self.start_collect()
        self.start_worker()
        return write_key

    def start_postgres(self) -> None:
        """A postmaster that was killed leaves children; until they have noticed, another one refuses to start."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            server = server_process(self.home)
            process = self._spawn("postgres", server.command, **server.options)
            while process.poll() is None and time.monotonic() < deadline:
                if ready(self.home) and self._answers():
                    return
                time.sleep(0.02)
            time.sleep(0.1)
        raise SetupError(f"PostgreSQL did not come back: {self.log_of('postgres')[-500:]}")

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError), psycopg.connect(self.dsn):
            return True
        return False

    def start_collect(self) -> None:
        self._spawn_ours("collect")
        wait_for("collect", self._collect_is_alive)

    def _collect_is_alive(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.collect_url}/healthz", timeout=5).status_code == 200
        return False

    def start_worker(self) -> None:
        self._spawn_ours("worker")

    def start_analyst(self, name: str = "analyst") -> None:
        """One more under a name of its own: of several one is at work and the others wait."""
        self._spawn(name, [sys.executable, "-m", "tessera", "analyst"], env=self._environment)
        self._analysts.add(name)

    def leading_analyst(self) -> str | None:
        """The one that has the warehouse's file open."""
        for name in self._analysts:
            with suppress(psutil.NoSuchProcess):
                if any(opened.path.endswith(".duckdb") for opened in psutil.Process(self.pid_of(name)).open_files()):
                    return name
        return None

    def pid_of(self, name: str) -> int:
        return self._processes[name].pid

    def stop_analysts(self) -> list[int]:
        """Ask all of them to end; returns what they said."""
        for name in self._analysts:
            self._processes[name].terminate()
        return [self._processes.pop(name).wait(timeout=60) for name in sorted(self._analysts)]

    def _spawn_ours(self, name: str) -> None:
        self._spawn(name, [sys.executable, "-m", "tessera", name], env=self._environment)

    def _spawn(self, name: str, command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        logs = self.home / "chaos-logs"
        logs.mkdir(exist_ok=True)
        with (logs / f"{name}.log").open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **{**options, "start_new_session": True},
            )
        self._processes[name] = process
        return process

    def log_of(self, name: str) -> str:
        return (self.home / "chaos-logs" / f"{name}.log").read_text(errors="replace")

    def _command(self, *words: str) -> str:
        """The server is ours and runs, so the command finds it and leaves it alone."""
        done = subprocess.run(
            [sys.executable, "-m", "tessera", *words],
            env={**self._environment, "TESSERA_DATABASE_URL": self.dsn},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return done.stdout.strip()

    def end(self) -> None:
        for name in ("collect", "worker", *self._analysts):
            if name in self._processes:
                self._kill_session(name)
        stop(self.home)
        if server := self._processes.get("postgres"):
            server.wait()

    # --- killing ------------------------------------------------------------------------------------------------------

    def kill_collect(self, _: Random) -> None:
        self._expect_alive("collect")
        self._kill_session("collect")

    def kill_worker(self, _: Random) -> None:
        self._expect_alive("worker")
        self._kill_session("worker")

    def kill_analyst(self, name: str) -> None:
        self._expect_alive(name)
        self._kill_session(name)

    def kill_postmaster(self, _: Random) -> None:
        self._expect_alive("postgres")
        process = postmaster(self.home)
        assert process is not None
        process.kill()
        self._processes["postgres"].wait()

    def kill_backend(self, rnd: Random) -> None:
        """One session's process: PostgreSQL then throws all others out and recovers by itself."""
        self._expect_alive("postgres")
        backends = [
            child
            for child in psutil.Process(self._processes["postgres"].pid).children()
            if "[local]" in " ".join(child.cmdline())
        ]
        if backends:
            with suppress(psutil.NoSuchProcess):
                rnd.choice(backends).kill()

    def _kill_session(self, name: str) -> None:
        process = self._processes[name]
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _expect_alive(self, name: str) -> None:
        code = self._processes[name].poll()
        if code is not None:
            self.deaths.append(f"{name} had ended by itself with code {code}: {self.log_of(name)[-1500:]}")

    def expect_all_alive(self) -> None:
        for name in self._processes:
            self._expect_alive(name)


def wait_for(what: str, happened: Callable[[], bool], *, seconds: float = START_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.02)


def _free_port() -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port > 2_000:
            return port
