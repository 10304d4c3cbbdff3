"""Questions about this machine: Python, packages, disk, home, ports, processes, the geo database."""

import http.client
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tessera.foundation.settings import settings
from tessera.project import leftovers
from tessera.project.doctor.check import Check, judged
from tessera.project.leftovers import MARK
from tessera.project.ports import holder

_GIB = 1024**3
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(.*)$", re.MULTILINE)
_GEO_STALE_DAYS = 365


def python() -> Iterator[Check]:
    found = ".".join(map(str, sys.version_info[:3]))
    yield judged(
        "Python", f"{found} at {sys.executable}", fail=sys.version_info < (3, 11), hint="use Python 3.11 or newer"
    )


def packages() -> Iterator[Check]:
    pins = Path(__file__).parents[4] / "requirements" / "base.txt"
    if not pins.exists():
        yield Check("Packages", "ok", "installed without a requirements file; nothing to compare with")
        return
    wanted = [(name, pin) for name, pin, where in _PIN.findall(pins.read_text()) if "sys_platform" not in where]
    wrong = [f"{name} {_installed(name)} instead of {pin}" for name, pin in wanted if _installed(name) != pin]
    said = f"{len(wanted)} as pinned" if not wrong else "; ".join(wrong[:5]) + ("; …" if len(wrong) > 5 else "")
    yield judged("Packages", said, warn=bool(wrong), hint="run scripts/up, which installs what is pinned")


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def disk() -> Iterator[Check]:
    home = settings().home
    free = shutil.disk_usage(home if home.exists() else Path.cwd()).free
    yield judged(
        "Disk", f"{free / _GIB:.1f} GiB free for {home}", fail=free < _GIB, warn=free < 5 * _GIB, hint="make room there"
    )


def home() -> Iterator[Check]:
    place = settings().home
    if not place.exists():
        yield Check("Home", "warn", f"{place} does not exist", "tessera up makes it; or set TESSERA_HOME")
        return
    if not os.access(place, os.W_OK):
        yield Check("Home", "fail", f"{place} cannot be written to", "run as its owner, or set TESSERA_HOME")
        return
    secrets = [*(place / "secrets").glob("*"), place / "postgres" / "password", place / "first-login.txt"]
    open_ones = [path for path in secrets if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    said = (
        f"{place}; secrets readable by others: {', '.join(path.name for path in open_ones)}"
        if open_ones
        else str(place)
    )
    yield judged("Home", said, fail=bool(open_ones), hint="chmod 600 those files and make new secrets")


def ports() -> Iterator[Check]:
    for name, port in (("console", settings().console_port), ("collect", settings().collect_port)):
        process = holder(port)
        if process is None:
            yield Check(f"Port {port}", "ok", f"free, for {name}")
            continue
        ours = (
            MARK in (process.environ() if process.uids().real == os.getuid() else {}) or "tessera" in process.cmdline()
        )
        said = (
            f"{name}, process {process.pid}" if ours else f"wanted by {name}, taken by {process.name()} ({process.pid})"
        )
        yield judged(f"Port {port}", said, fail=not ours, hint="stop it, or set TESSERA_PORT")


def processes() -> Iterator[Check]:
    entries = leftovers.written_down(settings().home)
    if not entries:
        yield Check(
            "Processes", "warn", "tessera up is not running here", "run scripts/up, or the processes one by one"
        )
        return
    doors = {"console": settings().console_port, "collect": settings().collect_port}
    for entry in entries:
        if entry.process() is None:
            yield Check(f"Process {entry.name}", "fail", "not running", f"see logs/{entry.name}.log under TESSERA_HOME")
            continue
        trouble = _not_ready(doors[entry.name]) if entry.name in doors else ""
        again = f", started again {entry.restarts} times" if entry.restarts else ""
        said = f"process {entry.pid}{again}{trouble and f', not ready: {trouble}'}"
        hint = f"see logs/{entry.name}.log under TESSERA_HOME"
        yield judged(f"Process {entry.name}", said, fail=bool(trouble), warn=bool(again), hint=hint)


def _not_ready(port: int) -> str:
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings().host, settings().host)  # noqa: S104 -- compared
    try:
        door = http.client.HTTPConnection(address, port, timeout=5)
        door.request("GET", "/readyz")
        answer = door.getresponse()
        return "" if answer.status == http.HTTPStatus.OK else answer.read(500).decode(errors="replace")
    except OSError as error:
        return str(error)


def geo_database() -> Iterator[Check]:
    chosen = settings().geo_database
    if chosen is None:
        yield Check("Geo database", "ok", "the bundled one: countries only")
        return
    import maxminddb

    try:
        with maxminddb.open_database(str(chosen)) as opened:
            made = datetime.fromtimestamp(opened.metadata().build_epoch, UTC)
            kind = opened.metadata().database_type
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        yield Check("Geo database", "fail", f"{chosen}: {error}", "set TESSERA_GEO_MMDB to an mmdb file")
        return
    stale = (datetime.now(UTC) - made).days > _GEO_STALE_DAYS
    yield judged("Geo database", f"{kind} of {made:%Y-%m-%d}", warn=stale, hint="fetch a newer one")
