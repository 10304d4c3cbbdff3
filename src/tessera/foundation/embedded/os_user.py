"""Who the embedded server runs as: ourselves or, when we are root, a system user made for it.

PostgreSQL refuses to run as root. The system user gets its own folders and, where a folder on the way is closed to
others, the right to pass through it; what was granted is said on stderr.
"""

import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

from msgspec import Struct

from tessera.foundation.errors import SetupError

SYSTEM_USER = "tessera-postgres"
_NAME_IS_TAKEN = 9
"""The exit code of `useradd` when a rival made the user first."""
_OTHERS_READ = stat.S_IROTH | stat.S_IXOTH


class OsUser(Struct, frozen=True):
    uid: int
    gid: int


def server_user() -> OsUser | None:
    """None means as ourselves. Makes the system user when it is missing; raises `SetupError` when that fails."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        _make_system_user()
        entry = pwd.getpwnam(SYSTEM_USER)
    return OsUser(entry.pw_uid, entry.pw_gid)


def _make_system_user() -> None:
    useradd = shutil.which("useradd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if useradd is None:
        raise SetupError("PostgreSQL must not run as root and useradd is missing; run as an ordinary user instead")
    options = ["--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
    done = subprocess.run([useradd, *options, SYSTEM_USER], capture_output=True, text=True, check=False)
    if done.returncode not in (0, _NAME_IS_TAKEN):
        raise SetupError(f"cannot make the system user {SYSTEM_USER}: {done.stderr.strip()}")
    say(f"made the system user {SYSTEM_USER}, as PostgreSQL must not run as root")


def as_user(user: OsUser | None) -> dict[str, Any]:
    """Arguments for `subprocess` that drop root's rights."""
    return {} if user is None else {"user": user.uid, "group": user.gid, "extra_groups": []}


def own(path: Path | int, user: OsUser | None) -> None:
    """Give a path or an open file to the server's user."""
    if user is not None:
        os.chown(path, user.uid, user.gid)


def open_the_way(path: Path) -> None:
    """Let others pass through (not list) the folders above `path`, where they may not yet."""
    for folder in reversed(path.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
            say(f"let others pass through {folder}, as {SYSTEM_USER} must")


def open_binaries(folder: Path) -> None:
    """Make the installed server readable for its user where it was installed under a strict umask."""
    open_the_way(folder)
    if all(path.stat().st_mode & _OTHERS_READ == _OTHERS_READ for path in (folder, folder / "postgres")):
        return
    for path in (folder.parent, *folder.parent.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(stat.S_IMODE(mode) | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
    say(f"let others read {folder.parent}, as {SYSTEM_USER} must")


def say(text: str) -> None:
    sys.stderr.write(f"tessera: {text}\n")
