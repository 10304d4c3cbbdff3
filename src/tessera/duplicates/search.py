"""One search: records in, likely pairs out. Splink on DuckDB, in memory; run it in a process of its own."""

import logging
import math
import tempfile
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import duckdb
import pyarrow as pa
from msgspec import Struct
from splink import DuckDBAPI, Linker

from tessera.duplicates.learning import Settings, learned
from tessera.duplicates.model import COMPARISONS, KEYS, settings_of

THRESHOLD: Final = 0.9
"""Less likely pairs are not proposed."""
MOST_ALIKE: Final = 60
"""A key that more people have than this says little and would cost much: nobody is compared for its sake."""
MOST_PAIRS: Final = 20_000
"""No more are kept of one search, the likeliest: nobody would review them."""
MEMORY: Final = "2GB"
THREADS: Final = 2


class Weight(Struct, frozen=True):
    """What a field said for (or against) one person, in bits: `level` is how far the two agree."""

    field: str
    level: str
    bits: float


class Likely(Struct, frozen=True):
    """Two people (`left` < `right`) who are probably one. `start` is what chance alone said, in bits."""

    left: UUID
    right: UUID
    probability: float
    start: float
    weights: list[Weight]


class Crowd(Struct, frozen=True):
    """A key by which nobody was compared because too many people have it. `key` names the fields, not the value."""

    key: str
    values: int
    people: int


class Found(Struct, frozen=True):
    """What a search came to. `apart` pairs were likely, but both have a user id, which are two people by rule."""

    pairs: list[Likely]
    people: int
    compared: int
    apart: int
    crowds: list[Crowd]
    learned: bool


def find_pairs(records: pa.Table, *, threshold: float = THRESHOLD) -> Found:
    """The pairs of these records (`records.SCHEMA`) that are one person with at least this probability.

    The same records give the same answer.
    """
    if records.num_rows < 2:
        return Found([], records.num_rows, 0, 0, [], False)
    logging.getLogger("splink").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="tessera-duplicates-") as folder, duckdb.connect() as engine:
        engine.execute(f"SET memory_limit = '{MEMORY}'; SET threads = {THREADS}; SET temp_directory = '{folder}'")
        crowds = _prepare(engine, records)
        api = DuckDBAPI(engine)
        people = api.register("people")
        model, taught = learned(people, settings_of(records.num_rows), records.num_rows)
        linker = Linker(people, model, log_level=logging.ERROR)
        compared = _count(engine, linker)
        predicted = linker.inference.predict(threshold_match_probability=threshold).physical_name
        pairs, apart = _read(engine, predicted, model)
    return Found(pairs, records.num_rows, compared, apart, crowds, taught)


def _prepare(engine: duckdb.DuckDBPyConnection, records: pa.Table) -> list[Crowd]:
    """The table `people` with the keys to compare by; keys of crowds are left empty, and told."""
    engine.register("records", records)
    keys = ", ".join(f"{formula} AS {key}" for key, formula in KEYS.items())
    engine.execute(f"CREATE TABLE keyed AS SELECT *, {keys} FROM records ORDER BY unique_id")  # noqa: S608
    crowds = []
    for key, formula in KEYS.items():
        crowded = f"SELECT {key} AS value, count(*) AS people FROM keyed WHERE {key} IS NOT NULL GROUP BY 1"  # noqa: S608
        ((values, people),) = engine.execute(
            f"SELECT count(*), coalesce(sum(people), 0)::BIGINT FROM ({crowded}) WHERE people > {MOST_ALIKE}"  # noqa: S608
        ).fetchall()
        if values:
            crowds.append(Crowd(formula, values, people))
    kept = ", ".join(
        f"CASE WHEN count(*) OVER (PARTITION BY {key}) <= {MOST_ALIKE} THEN {key} END AS {key}" for key in KEYS
    )
    engine.execute(f"CREATE TABLE people AS SELECT * REPLACE ({kept}) FROM keyed ORDER BY unique_id")  # noqa: S608
    return crowds


def _count(engine: duckdb.DuckDBPyConnection, linker: Linker) -> int:
    blocked = linker.inference.compute_blocked_pairs_for_predict().physical_name
    ((pairs,),) = engine.execute(f"SELECT count(*) FROM {blocked}").fetchall()  # noqa: S608
    return int(pairs)


def _read(engine: duckdb.DuckDBPyConnection, table: str, model: Settings) -> tuple[list[Likely], int]:
    """The pairs, the likeliest first, without those whom the rule of the user ids keeps apart."""
    cursor = engine.execute(
        f"SELECT p.*, a.known AND b.known AS apart FROM {table} p"  # noqa: S608
        " JOIN people a ON a.unique_id = p.unique_id_l JOIN people b ON b.unique_id = p.unique_id_r"
        f" ORDER BY match_weight DESC, unique_id_l, unique_id_r LIMIT {MOST_PAIRS * 5}"
    )
    names = [column[0] for column in cursor.description or []]
    start = _bits(model["probability_two_random_records_match"])
    pairs: list[Likely] = []
    apart = 0
    for values in cursor.fetchall():
        row = dict(zip(names, values, strict=True))
        if row["apart"]:
            apart += 1
        elif len(pairs) < MOST_PAIRS:
            pairs.append(_likely(row, model["comparisons"], start))
    return pairs, apart


def _bits(probability: float) -> float:
    return math.log2(probability / (1 - probability))


def _likely(row: dict[str, Any], comparisons: Sequence[Settings], start: float) -> Likely:
    left, right = sorted((UUID(row["unique_id_l"]), UUID(row["unique_id_r"])))
    weights = [_weight(row, comparison) for comparison in comparisons]
    told = [weight for weight in weights if weight.level != "silent"]
    return Likely(left, right, float(row["match_probability"]), round(start, 3), told)


def _weight(row: dict[str, Any], comparison: Settings) -> Weight:
    """The level is told by its weight: Splink keeps the one and not the other."""
    field = comparison["output_column_name"]
    bits, rarity = float(row[f"mw_{field}"]), float(row.get(f"mw_tf_adj_{field}") or 0.0)
    if bits == 0.0 and rarity == 0.0:
        return Weight(field, "silent", 0.0)
    levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
    nearest = min(levels, key=lambda level: abs(math.log2(level["m_probability"] / level["u_probability"]) - bits))
    return Weight(field, nearest["label_for_charts"], round(bits + rarity, 3))


assert all(comparison.levels[-1].condition == "ELSE" for comparison in COMPARISONS)
