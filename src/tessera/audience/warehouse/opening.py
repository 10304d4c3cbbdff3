"""Which warehouse an address means (`TESSERA_WAREHOUSE_URL`). Only the chosen engine's packages are loaded."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from tessera.audience.warehouse.engine import Engine
from tessera.foundation.errors import SetupError

SETTING: Final = "TESSERA_WAREHOUSE_URL"
FILE: Final = "tessera.duckdb"
BY_IBIS: Final = ("bigquery", "snowflake", "trino", "databricks")
"""Engines that are reached through Ibis's own connections; docs/warehouses.md says what is tested of them."""
_MEMORY: Final = ":memory:"


def open_engine(url: str | None, home: Path) -> Engine:
    """The engine of this address; without one, DuckDB in `home/warehouse`.

    Raises `SetupError`, one line saying what to do, where the address means nothing, a package is missing, or the
    engine cannot be opened.
    """
    if url is None:
        return _duckdb(str(home / "warehouse" / FILE))
    scheme = url.partition("://")[0].lower()
    if scheme == "spark":
        return _spark(url, home)
    opener = _OPENERS.get(scheme)
    if opener is None or "://" not in url:
        known = ", ".join(f"{name}://" for name in (*_OPENERS, "spark"))
        raise SetupError(f"{SETTING} must begin with one of {known}; not with {scheme[:20]!r}")
    try:
        return opener(url)
    except ModuleNotFoundError as missing:
        raise SetupError(_needed(scheme, missing)) from missing


def _needed(scheme: str, missing: ModuleNotFoundError) -> str:
    needed = f"{SETTING} names a warehouse on {scheme}, which needs the Python package of {missing.name!r}"
    return f"{needed}; docs/warehouses.md lists what to install"


def shown(url: str) -> str:
    """The address without who may open it."""
    scheme, _, rest = url.partition("://")
    rest = rest.partition("?")[0]
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _duckdb_of(url: str) -> Engine:
    place = unquote(url.partition("://")[2])
    if place == _MEMORY:
        return _duckdb(None)
    if not place.startswith("/"):
        raise SetupError(f"{SETTING} must name a file, duckdb:///folder/file.duckdb, or duckdb://{_MEMORY}")
    return _duckdb(place)


def _duckdb(path: str | None) -> Engine:
    import duckdb

    from tessera.audience.warehouse.engines.duck import DuckEngine

    if path is None:
        return DuckEngine(None)
    file = Path(path)
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return DuckEngine(file)
    except (duckdb.Error, OSError) as error:
        raise SetupError(_said_of(file, error)) from error


def _said_of(file: Path, error: Exception) -> str:
    """What to do about a file that does not open."""
    said = str(error).splitlines()[0]
    if "set lock on file" in said:
        return f"the warehouse {file} is open in another process; only one may have it"
    if isinstance(error, OSError) or "Cannot open file" in said:
        return f"the warehouse {file} cannot be opened: {said}"
    return f"the warehouse {file} is broken, or of a newer DuckDB; delete it, it is rebuilt from PostgreSQL ({said})"


def _postgres(url: str) -> Engine:
    import psycopg

    from tessera.audience.warehouse.engines.postgres import PostgresEngine

    try:
        return PostgresEngine(url)
    except psycopg.Error as error:
        raise _silent(url, error) from error


def _clickhouse(url: str) -> Engine:
    from clickhouse_connect.driver.exceptions import Error

    from tessera.audience.warehouse.engines.clickhouse import ClickHouseEngine

    scheme, _, rest = url.partition("://")
    try:
        return ClickHouseEngine(f"http://{rest}" if scheme == "clickhouse" else url)
    except (Error, ValueError) as error:
        raise _silent(url, error) from error


def _spark(url: str, home: Path) -> Engine:
    try:
        from tessera.audience.warehouse.engines.spark import SparkEngine, place_of
    except ModuleNotFoundError as missing:
        raise SetupError(_needed("spark", missing)) from missing

    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise SetupError(f"{SETTING} names a warehouse on spark, which needs Java 17 or newer")
    try:
        return SparkEngine(place_of(url, home / "warehouse" / "spark"))
    except SetupError:
        raise
    except Exception as error:  # Java's errors come as many types
        raise _silent(url, error) from error


def _by_ibis(url: str) -> Engine:
    from tessera.audience.warehouse.engines.by_ibis import IbisEngine

    try:
        return IbisEngine.at(url)
    except Exception as error:  # each of these clients has errors of its own
        missing = error if isinstance(error, ModuleNotFoundError) else error.__cause__
        if isinstance(missing, ModuleNotFoundError):
            raise missing from None
        raise _silent(url, error) from error


def _silent(url: str, error: Exception) -> SetupError:
    """What the client says may quote the address, so what is between two of its marks is left out."""
    secret = urlsplit(url).password if "@" in url else None  # an address of Spark's may have brackets
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    if secret:
        said = said.replace(secret, "…").replace(unquote(secret), "…")
    return SetupError(f"the warehouse at {shown(url)} does not answer: {said}")


_OPENERS: Final[dict[str, Callable[[str], Engine]]] = {
    "duckdb": _duckdb_of,
    **dict.fromkeys(("postgresql", "postgres"), _postgres),
    **dict.fromkeys(("clickhouse", "http", "https"), _clickhouse),
    **dict.fromkeys(BY_IBIS, _by_ibis),
}
