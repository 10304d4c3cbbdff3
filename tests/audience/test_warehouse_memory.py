"""An engine that rests gives memory back, and answers as before."""

import subprocess
import sys
from pathlib import Path

RESTING = """
import sys
from pathlib import Path
import ibis, pyarrow as pa
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.audience.warehouse.memory import give_back

def held():
    lines = dict(line.split(":") for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    return int(lines["Pss"].split()[0]) // 1024

schema = ibis.schema({f"n{number}": "int64" for number in range(50)})
engine = DuckEngine(Path(sys.argv[1]))
engine.ensure("t", schema)
engine.append("t", pa.table({name: range(100_000) for name in schema.names}))
total = ibis.table(schema, name="t").agg(total=lambda t: t.n7.sum())
assert engine.fetch(total) == [(4999950000,)]
before = held()
engine.rest()
give_back()
after = held()
assert engine.fetch(total) == [(4999950000,)]
print(before, after)
"""


def test_an_engine_that_rests_gives_memory_back(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RESTING, str(tmp_path / "w.duckdb")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    before, after = map(int, said.split())

    assert after < before - 40, said
