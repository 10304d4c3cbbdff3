"""The console's scripts, styles and fonts, collected under the home so that granian serves them without Python."""

from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import structlog

from tessera.foundation.settings import settings

_PACKAGES = ("django", "django-htmx", "django-unfold", "django-axes")
_STAMP = ".made-from"

log = structlog.get_logger("static")


def collect_if_changed() -> Path:
    """Collect them when the packages or our own files have changed since last time; returns their folder."""
    folder = settings().home / "static"
    stamp = folder / _STAMP
    origin = _origin()
    if not stamp.exists() or stamp.read_text() != origin:
        from django.core.management import call_command

        from tessera.project.cli.needs import load_django

        load_django()
        folder.mkdir(parents=True, exist_ok=True)
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(origin)
        log.info("collected", folder=str(folder))
    return folder


def _origin() -> str:
    """Stands for everything that is collected: package versions, and the name, size and time of our own files."""
    said = [f"{name} {version(name)}" for name in _PACKAGES]
    package = Path(__file__).parents[1]
    for folder in sorted(package.glob("*/static")):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            found = path.stat()
            said.append(f"{path.relative_to(package)} {found.st_size} {found.st_mtime_ns}")
    return sha256("\n".join(said).encode()).hexdigest()
