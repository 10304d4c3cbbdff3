"""Which engine an address opens, and what is said where none can be."""

import subprocess
import sys
from pathlib import Path

import duckdb
import ibis
import pytest

from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.opening import open_engine, shown
from tessera.foundation.database import dsn
from tessera.foundation.errors import SetupError

SCHEMA = ibis.schema({"lane": "int64"})


def works(engine: Engine) -> bool:
    engine.ensure("positions", SCHEMA)
    found = engine.tables()
    engine.close()
    return "positions" in found


def test_without_an_address_it_is_a_file_of_the_home(tmp_path: Path) -> None:
    assert works(open_engine(None, tmp_path))

    assert (tmp_path / "warehouse" / "tessera.duckdb").is_file()
    assert (tmp_path / "warehouse").stat().st_mode & 0o077 == 0


def test_addresses_open_their_engines(tmp_path: Path, database: str, clickhouse: str) -> None:
    assert works(open_engine(f"duckdb://{tmp_path}/a%20b/w.duckdb", tmp_path))
    assert (tmp_path / "a b" / "w.duckdb").is_file()
    assert works(open_engine("duckdb://:memory:", tmp_path))
    assert works(open_engine(clickhouse, tmp_path))
    assert works(open_engine(clickhouse.replace("http", "clickhouse"), tmp_path))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://somewhere", "must begin with one of duckdb://"),
        ("nonsense", "must begin with one of duckdb://"),
        ("duckdb://relative.duckdb", "must name a file"),
        ("duckdb:///proc/nowhere/w.duckdb", "cannot be"),
        ("postgresql://ana:s3cret@127.0.0.1:1/db", "the warehouse at postgresql://127.0.0.1:1/db does not answer"),
        ("clickhouse://ana:s3cret@127.0.0.1:1/db", "the warehouse at clickhouse://127.0.0.1:1/db does not answer"),
        ("bigquery://project/set", "needs the Python package of"),
        ("snowflake://ana:s3cret@account/db", "needs the Python package of"),
    ],
)
def test_what_cannot_be_opened_is_one_line_without_secrets(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(SetupError) as refused:
        open_engine(url, tmp_path)

    line = str(refused.value)
    assert said in line
    assert "\n" not in line
    assert "s3cret" not in line


def test_a_broken_file_says_that_it_may_be_deleted(tmp_path: Path) -> None:
    file = tmp_path / "warehouse" / "tessera.duckdb"
    file.parent.mkdir()
    duckdb.connect(str(file)).close()
    content = bytearray(file.read_bytes())
    for broken in (b"not a warehouse" * 2_000, bytes(content[:12] + b"\xfa" + content[13:])):
        file.write_bytes(broken)
        with pytest.raises(SetupError, match="delete it, it is rebuilt from PostgreSQL"):
            open_engine(None, tmp_path)

    file.unlink()
    assert works(open_engine(None, tmp_path))


HOLDING = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def test_a_file_that_another_process_has_is_not_called_broken(tmp_path: Path) -> None:
    file = tmp_path / "warehouse" / "tessera.duckdb"
    file.parent.mkdir()
    command = [sys.executable, "-c", HOLDING, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(SetupError, match="open in another process"):
            open_engine(None, tmp_path)
        other.communicate(b"")


LOADED = """
import sys
from pathlib import Path
from tessera.audience.warehouse.opening import open_engine
open_engine("duckdb://:memory:", Path(sys.argv[1]))
print(sorted({"clickhouse_connect", "pandas", "pyspark", "django"} & sys.modules.keys()))
"""


def test_only_the_chosen_engine_is_loaded(tmp_path: Path) -> None:
    said = subprocess.run([sys.executable, "-c", LOADED, str(tmp_path)], capture_output=True, check=True, text=True)

    assert said.stdout == "[]\n"


def test_an_address_is_shown_without_who_may_open_it() -> None:
    assert shown("postgresql://ana:p@ss@host/db?sslmode=require") == "postgresql://host/db"
    assert shown("duckdb:///folder/file.duckdb") == "duckdb:///folder/file.duckdb"


def test_spark_is_opened_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyspark", reason="pyspark is not installed")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(SetupError, match="needs Java"):
        open_engine("spark://local[1]", tmp_path)


def test_where_spark_and_its_files_are(tmp_path: Path) -> None:
    spark = pytest.importorskip("tessera.audience.warehouse.engines.spark", reason="pyspark is not installed")
    here = spark.place_of("spark://local[2]", tmp_path)
    there = spark.place_of("spark://host:7077/mnt/w?memory=2g&spark.executor.memory=4g", tmp_path)

    assert (here.master, here.folder, here.settings["spark.driver.host"]) == ("local[2]", tmp_path, "127.0.0.1")
    assert (there.master, there.folder) == ("spark://host:7077", Path("/mnt/w"))
    assert (there.settings["spark.driver.memory"], there.settings["spark.executor.memory"]) == ("2g", "4g")
    assert "spark.driver.host" not in there.settings


def test_without_pyspark_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    monkeypatch.delitem(sys.modules, "tessera.audience.warehouse.engines.spark", raising=False)
    with pytest.raises(SetupError, match="needs the Python package of 'pyspark"):
        open_engine("spark://local[1]", tmp_path)


def test_a_warehouse_may_be_in_tesseras_own_postgresql(database: str, tmp_path: Path) -> None:
    from psycopg.conninfo import conninfo_to_dict

    known = conninfo_to_dict(dsn())
    url = f"postgresql:///{known['dbname']}?host={known['host']}&user={known['user']}&password={known['password']}"
    assert works(open_engine(url, tmp_path))
