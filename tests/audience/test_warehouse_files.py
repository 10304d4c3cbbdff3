"""Tables as files that are only added to: what counts is what the manifest says, whatever lies beside it."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.engines.parquet_log import ParquetLog
from tessera.foundation.errors import SetupError

COLUMNS = {"person_id": "string", "n": "bigint"}
SCHEMA = ibis.schema({"person_id": "uuid", "n": "int64"})
TABLE = ibis.table(SCHEMA, name="t")


def rows(*numbers: int) -> pa.Table:
    return pa.table({"person_id": [str(UUID(int=number)) for number in numbers], "n": pa.array(numbers, pa.int64())})


def files_in(folder: Path) -> int:
    return len(list(folder.rglob("*.parquet")))


def test_what_was_broken_off_does_not_count_and_goes(tmp_path: Path) -> None:
    log = ParquetLog(tmp_path)
    log.ensure("t", COLUMNS)
    log.append("t", rows(1, 2))
    with suppress(KeyboardInterrupt), log.transaction():
        log.append("t", rows(3))
        log.clear("t")
        raise KeyboardInterrupt
    assert [batch.rows for batch in log.tables["t"].rows] == [2]
    log.append("t", rows(4))
    log.close()
    assert files_in(tmp_path) == 3

    again = ParquetLog(tmp_path)

    assert [batch.rows for batch in again.tables["t"].rows] == [2, 1]
    assert files_in(tmp_path) == 2
    again.close()


def test_what_counts_no_more_goes_when_the_next_does(tmp_path: Path) -> None:
    """Somebody may be reading it still."""
    log = ParquetLog(tmp_path)
    log.ensure("t", COLUMNS)
    for number in range(3):
        log.append("t", rows(number))
        log.clear("t")
        assert files_in(tmp_path) == 1
    log.close()


def test_one_process_has_the_folder(tmp_path: Path) -> None:
    log = ParquetLog(tmp_path)
    with pytest.raises(SetupError, match="open in another process"):
        ParquetLog(tmp_path)
    log.close()
    ParquetLog(tmp_path).close()


@pytest.mark.parametrize("content", [b'{"form": 99}', b"{", b"[]"])
def test_a_manifest_that_cannot_be_read_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)

    with pytest.raises(SetupError, match="delete it, it is rebuilt"):
        ParquetLog(tmp_path)


WRITING = """
import os, sys
from pathlib import Path
import pyarrow as pa
import pyarrow.parquet as pq
from tessera.audience.warehouse.engines.parquet_log import ParquetLog

log = ParquetLog(Path(sys.argv[1]))
log.ensure("t", {"n": "bigint"})
for number in range(100_000):
    with log.transaction():
        log.append("t", pa.table({"n": [2 * number]}))
        log.append("t", pa.table({"n": [2 * number + 1]}))
    print(number, flush=True)
"""


def test_killed_on_any_line_both_changes_are_there_or_none(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITING, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(20)]
        process.kill()
        done = int([*said, *process.stdout.read().split("\n")[:-1]][-1]) + 1

    log = ParquetLog(tmp_path)
    count = sum(batch.rows for batch in log.tables["t"].rows)
    log.close()
    assert count in (2 * done, 2 * done + 2)
    assert files_in(tmp_path) == count


def numbers(engine: Engine) -> list[int]:
    return sorted(n for (n,) in engine.fetch(TABLE.select("n")))


def test_many_small_batches_become_few_files_and_say_the_same(spark_engine: Engine, tmp_path: Path) -> None:
    spark_engine.ensure("t", SCHEMA)
    expected: set[int] = set()
    for step in range(40):
        with spark_engine.transaction():
            gone = [number for number in expected if number % 7 == step % 7]
            spark_engine.remove("t", "person_id", [UUID(int=number) for number in gone])
            expected -= set(gone)
            spark_engine.append("t", rows(2 * step, 2 * step + 1))
            expected |= {2 * step, 2 * step + 1}
        if step % 13 == 0:
            assert numbers(spark_engine) == sorted(expected)
    spark_engine.append("t", rows(500))
    spark_engine.remove_between("t", {"n": 500}, "n", 0, 1_000)

    assert numbers(spark_engine) == sorted(expected)
    assert files_in(tmp_path) < 100, "80 batches of rows and removals were made fewer"


def test_rows_come_back_after_their_removal(spark_engine: Engine) -> None:
    spark_engine.ensure("t", SCHEMA)
    ids = [UUID(int=number) for number in range(3)]
    for _ in range(3):
        spark_engine.append("t", rows(0, 1, 2))
        assert numbers(spark_engine) == [0, 1, 2]
        spark_engine.remove("t", "person_id", ids)
        assert numbers(spark_engine) == []


def test_many_removals_make_the_table_anew_without_them(spark_engine: Engine, tmp_path: Path) -> None:
    spark_engine.ensure("t", SCHEMA)
    spark_engine.append("t", rows(*range(20_000)))
    spark_engine.remove("t", "person_id", [UUID(int=number) for number in range(1, 20_000)])
    assert numbers(spark_engine) == [0]
    spark_engine.append("t", rows(20_001))
    spark_engine.clear("t")

    assert sum(os.path.getsize(path) for path in tmp_path.rglob("*.parquet")) < 10_000


def test_what_was_removed_a_day_ago_goes_from_the_disk(spark_engine: Engine, tmp_path: Path) -> None:
    spark_engine.ensure("t", SCHEMA)
    spark_engine.append("t", rows(1, 2))
    spark_engine.remove("t", "person_id", [UUID(int=1)])
    for path in tmp_path.rglob("gone/*.parquet"):
        os.utime(path, (0, 0))

    spark_engine.append("t", rows(3))
    assert numbers(spark_engine) == [2, 3]
    spark_engine.drop("t")  # what counts no more goes when the next does

    assert not list(tmp_path.rglob("gone/*.parquet"))
    left = [pq.read_table(path)["n"].to_pylist() for path in tmp_path.rglob("*.parquet")]
    assert left == [[2, 3]]
