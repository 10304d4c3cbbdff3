"""What the operator may set, read once from the environment.

Every variable is listed here and nowhere else; `docs/settings.md` repeats this table for people.
"""

import os
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from msgspec import Struct

from tessera.foundation.errors import SetupError

Network = IPv4Network | IPv6Network


class Settings(Struct, frozen=True, kw_only=True):
    home: Path
    """All state of this installation (`TESSERA_HOME`, default `.tessera` in the working directory)."""
    host: str
    """Address the servers bind to (`TESSERA_HOST`, default 127.0.0.1)."""
    port: int
    """Console; collect = port + 1, accounts = port + 2 (`TESSERA_PORT`, default 8000)."""
    database_url: str | None
    """Any PostgreSQL ≥ 16 instead of the embedded one (`TESSERA_DATABASE_URL`)."""
    warehouse_url: str | None
    """The engine that audiences are asked on, instead of a DuckDB file under `home` (`TESSERA_WAREHOUSE_URL`)."""
    public_console_url: str
    """Where staff reach the console (`TESSERA_CONSOLE_URL`)."""
    public_collect_url: str
    """Where clients reach collect; shown in snippets (`TESSERA_COLLECT_URL`)."""
    geo_database: Path | None
    """An mmdb file that replaces the bundled country database (`TESSERA_GEO_MMDB`)."""
    dedupe_days: int
    """For how long a repeated `messageId` is recognised (`TESSERA_DEDUPE_DAYS`, default 30, at least 1)."""
    history_months: int | None
    """Months of history kept; older partitions are dropped (`TESSERA_HISTORY_MONTHS`, default: keep all)."""
    workers: int
    """Worker processes `tessera up` starts (`TESSERA_WORKERS`, default 1)."""
    trusted_proxies: int
    """Reverse proxies in front whose X-Forwarded-For is believed (`TESSERA_TRUSTED_PROXIES`, default 0)."""
    api_rate: int
    """Requests per minute and key that the management API answers (`TESSERA_API_RATE`, default 600)."""
    import_max_mb: int
    """Megabytes a file to import may have, packed or unpacked (`TESSERA_IMPORT_MAX_MB`, default 2048)."""
    import_keep_days: int
    """Days that an imported file is kept after its import has ended (`TESSERA_IMPORT_KEEP_DAYS`, default 7)."""
    export_days: int
    """For how many days the file of an export is kept (`TESSERA_EXPORT_DAYS`, default 7, at least 1)."""
    export_max_mb: int
    """How large the file of an export may be, in MB of a million bytes (`TESSERA_EXPORT_MAX_MB`, default 4096)."""
    files_max_mb: int
    """Megabytes of files that a workspace may keep of imports, and as many of exports (`TESSERA_FILES_MAX_MB`, default
    20000)."""
    export_roots: tuple[Path, ...]
    """Folders of this machine below which automatic exports may write, parted by `:` (`TESSERA_EXPORT_ROOTS`)."""
    outbound_private: tuple[Network, ...]
    """Networks that are not of the web and may be called all the same: by webhooks and for buckets, parted by commas
    (`TESSERA_OUTBOUND_PRIVATE`, default: none)."""

    @property
    def files_max(self) -> int:
        """Bytes."""
        return self.files_max_mb * 1_000_000

    @property
    def console_port(self) -> int:
        return self.port

    @property
    def collect_port(self) -> int:
        return self.port + 1

    @property
    def accounts_port(self) -> int:
        return self.port + 2


def _whole(name: str, default: int, *, least: int, most: int = 10**9) -> int:
    text = os.environ.get(name, "").strip()
    try:
        value = int(text) if text else default
    except ValueError:
        raise SetupError(f"{name} must be a whole number, not {text!r}") from None
    if not least <= value <= most:
        raise SetupError(f"{name} must be between {least} and {most}, not {value}")
    return value


def _path(name: str) -> Path | None:
    text = os.environ.get(name, "").strip()
    return Path(text).expanduser().resolve() if text else None


def _folders(name: str) -> tuple[Path, ...]:
    folders = tuple(Path(text).expanduser() for text in os.environ.get(name, "").split(":") if text.strip())
    for folder in folders:
        if not folder.is_absolute() or folder == Path(folder.anchor):
            raise SetupError(f"{name} names whole paths of folders, parted by colons, not {str(folder)!r}")
    return folders


def _networks(name: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(text.strip()) for text in os.environ.get(name, "").split(",") if text.strip())
    except ValueError as error:
        raise SetupError(f"{name} names networks such as 10.0.0.0/8, parted by commas: {error}") from None


@cache
def settings() -> Settings:
    """The settings of this process. Raises `SetupError` naming the variable that is wrong."""
    host = os.environ.get("TESSERA_HOST", "").strip() or "127.0.0.1"
    port = _whole("TESSERA_PORT", 8000, least=1, most=65533)
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 -- compared, not bound
    months = _whole("TESSERA_HISTORY_MONTHS", 0, least=0)
    return Settings(
        home=_path("TESSERA_HOME") or (Path.cwd() / ".tessera"),
        host=host,
        port=port,
        database_url=os.environ.get("TESSERA_DATABASE_URL", "").strip() or None,
        warehouse_url=os.environ.get("TESSERA_WAREHOUSE_URL", "").strip() or None,
        public_console_url=os.environ.get("TESSERA_CONSOLE_URL", "").rstrip("/") or f"http://{shown}:{port}",
        public_collect_url=os.environ.get("TESSERA_COLLECT_URL", "").rstrip("/") or f"http://{shown}:{port + 1}",
        geo_database=_path("TESSERA_GEO_MMDB"),
        dedupe_days=_whole("TESSERA_DEDUPE_DAYS", 30, least=1),
        history_months=months or None,
        workers=_whole("TESSERA_WORKERS", 1, least=1, most=64),
        trusted_proxies=_whole("TESSERA_TRUSTED_PROXIES", 0, least=0, most=16),
        api_rate=_whole("TESSERA_API_RATE", 600, least=1),
        import_max_mb=_whole("TESSERA_IMPORT_MAX_MB", 2048, least=1, most=1_000_000),
        import_keep_days=_whole("TESSERA_IMPORT_KEEP_DAYS", 7, least=0, most=3650),
        export_days=_whole("TESSERA_EXPORT_DAYS", 7, least=1, most=3650),
        export_max_mb=_whole("TESSERA_EXPORT_MAX_MB", 4096, least=1),
        files_max_mb=_whole("TESSERA_FILES_MAX_MB", 20_000, least=1),
        export_roots=_folders("TESSERA_EXPORT_ROOTS"),
        outbound_private=_networks("TESSERA_OUTBOUND_PRIVATE"),
    )
