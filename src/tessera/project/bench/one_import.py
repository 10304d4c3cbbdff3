"""One import as a job does it, timed: the file comes on standard input, the figures go to standard output."""

import sys
import time
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
import psutil

from tessera.foundation.database import connect
from tessera.foundation.logs import set_up_logs
from tessera.imports import actions, engine, store
from tessera.imports.plan import Plan


def main() -> None:
    """Prints seconds, our CPU seconds, the server's, megabytes, rows that arrived."""
    set_up_logs("jobs")
    with connect(autocommit=True) as live:
        made = actions.store_file(
            live,
            workspace_id=int(sys.argv[1]),
            file_name="people.csv",
            blocks=[sys.stdin.buffer.read()],
            actor="bench",
            now=datetime.now(UTC),
        )
        plan = msgspec.structs.replace(made.plan or Plan(), match="user_id")
        actions.choose_plan(live, workspace_id=made.workspace_id, import_id=made.id, plan=plan, actor="bench")
        actions.start(
            live, workspace_id=made.workspace_id, import_id=made.id, actor="bench", now=datetime.now(UTC), here=True
        )
        backend = live.info.backend_pid
        started, cpu, server = time.perf_counter(), time.process_time(), _server_cpu(backend)
        engine.run_import(made.id)
        seconds, cpu, server = time.perf_counter() - started, time.process_time() - cpu, _server_cpu(backend) - server
        counts = store.read(live, made.workspace_id, made.id).counts
    memory = psutil.Process().memory_full_info().pss / 1e6
    arrived = counts.created + counts.updated + counts.unchanged
    sys.stdout.write(f"{seconds} {cpu} {server} {memory:.1f} {arrived}\n")


def _server_cpu(backend: int) -> float:
    """CPU seconds of all processes of the server whose session this is; 0 where it is on another machine."""
    with suppress(psutil.Error):
        server = psutil.Process(backend).parent()
        if server is not None and "postgres" in server.name():
            spent = [process.cpu_times() for process in (server, *server.children())]
            return sum(times.user + times.system for times in spent) + spent[0].children_user + spent[0].children_system
    return 0.0


if __name__ == "__main__":
    main()
