"""The engines that conditions are asked on."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ibis
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from factories.analysis import Analysis
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.engines.clickhouse import ClickHouseEngine
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.audience.warehouse.engines.postgres import PostgresEngine
from tessera.foundation.database import connect, dsn

Connection = psycopg.Connection[Any]
SPARK = os.environ.get("TESSERA_SPARK", "local[1]")
QUICK = (
    "spark.sql.shuffle.partitions=1&spark.sql.adaptive.enabled=false"
    "&spark.sql.codegen.wholeStage=false&spark.sql.codegen.factoryMode=NO_CODEGEN"
)
"""Of small tables Spark answers sooner without compiling each statement."""
MAIN = ("duckdb", "postgres", "clickhouse")
ALL = (*MAIN, "spark", "ibis")
ENGINES_OF = {
    "test_conditions": ALL,
    "test_warehouse_engines": ALL,
    "test_warehouse_erasure": ALL,
    "test_warehouse_rebuild": ALL,
    "test_segments": ("duckdb", "clickhouse"),
    "test_segments_erasure": ("duckdb",),
    "test_segments_kept": ("duckdb",),
}
"""Conditions and what an engine itself does: on each. What stands on that: on those that differ in kind."""
SERVER = Path(__file__).parents[1] / "factories" / "clickhouse_server.py"


@pytest.fixture
def live(database: str) -> Iterator[Connection]:
    with connect(autocommit=True) as opened:
        yield opened


@pytest.fixture
def analysis(live: Connection, engine: Engine) -> Analysis:
    return Analysis(live, engine)


@pytest.fixture
def clickhouse(tmp_path: Path) -> Iterator[str]:
    """The address of a server of the test's own, with ClickHouse's engine behind it."""
    command = [sys.executable, str(SERVER), str(tmp_path / "clickhouse")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/default"
        process.kill()


def by_ibis(address: str) -> Engine:
    """PostgreSQL once more, through the door for engines that only Ibis connects to."""
    pytest.importorskip("pyarrow_hotfix", reason="Ibis needs pyarrow-hotfix to send rows")
    from tessera.audience.warehouse.engines.by_ibis import IbisEngine

    parts = conninfo_to_dict(address)
    database = parts.pop("dbname")
    known = {name: parts.get(name) for name in ("host", "user", "password", "port")}
    return IbisEngine(lambda: ibis.postgres.connect(database=database, **known))


def spark_in(folder: Path) -> Engine:
    """Spark in this process; it starts once in a run."""
    pytest.importorskip("pyspark", reason="pyspark is not installed")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    from tessera.audience.warehouse.engines.spark import SparkEngine, place_of

    return SparkEngine(place_of(f"spark://{SPARK}?{QUICK}", folder / "spark"))


@pytest.fixture
def spark_engine(tmp_path: Path) -> Iterator[Engine]:
    opened = spark_in(tmp_path)
    yield opened
    opened.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes an `engine` is run on every engine that could make a difference to it."""
    if "engine" in metafunc.fixturenames:
        module = metafunc.module.__name__.rpartition(".")[2]
        metafunc.parametrize("engine", ENGINES_OF.get(module, MAIN), indirect=True)


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    opened: Engine
    if request.param == "duckdb":
        opened = DuckEngine(None)
    elif request.param == "postgres":
        request.getfixturevalue("database")
        opened = PostgresEngine(dsn())
    elif request.param == "spark":
        opened = spark_in(request.getfixturevalue("tmp_path"))
    elif request.param == "ibis":
        request.getfixturevalue("database")
        opened = by_ibis(dsn())
    else:
        opened = ClickHouseEngine(request.getfixturevalue("clickhouse"))
    yield opened
    opened.close()
