"""What the analyst stands on, on each engine: rows by name, removals, readers beside the writer, ids as ids."""

from contextlib import suppress
from uuid import UUID

import ibis
import pyarrow as pa

from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.store import Warehouse
from tessera.audience.world import PERSON

SCHEMA = ibis.schema({"person_id": "uuid", "lane": "int64", "position": "int64", "at": "timestamp(6)"})
TABLE = ibis.table(SCHEMA, name="places")


def place(lane: int, position: int) -> dict[str, object]:
    return {"person_id": str(UUID(int=position)), "lane": lane, "position": position, "at": None}


def rows(*places: tuple[int, int]) -> pa.Table:
    kept = [place(*each) for each in places]
    types = {"person_id": pa.string(), "lane": pa.int64(), "position": pa.int64(), "at": pa.timestamp("us")}
    return pa.table({name: pa.array([row[name] for row in kept], kind) for name, kind in types.items()})


def places_in(engine: Engine) -> list[tuple[int, int]]:
    return sorted(engine.fetch(TABLE.select("lane", "position")))


def test_rows_come_by_name_and_go_by_id_by_place_and_with_their_table(engine: Engine) -> None:
    engine.ensure("places", SCHEMA)
    engine.append("places", rows(*[(lane, position) for lane in (1, 2) for position in range(1, 9)]))
    engine.append("places", rows((3, 1)).select(["position", "lane", "person_id"]))
    engine.remove("places", "person_id", [UUID(int=8), UUID(int=77)])
    engine.remove_between("places", {"lane": 1}, "position", 2, 4)
    engine.remove_at("places", 2, [1, 3, 7, 500])

    assert places_in(engine) == [(1, 1), (1, 5), (1, 6), (1, 7), (2, 2), (2, 4), (2, 5), (2, 6), (3, 1)]
    assert engine.fetch(TABLE.filter(TABLE["lane"] == 3).select("person_id", "at")) == [(UUID(int=1), None)]
    assert "places" in engine.tables()
    engine.drop("places")
    engine.drop("places")
    assert "places" not in engine.tables()
    engine.ensure("places", SCHEMA)
    assert places_in(engine) == []


class BrokenOffError(Exception):
    """A step went wrong."""


def test_a_reader_sees_what_is_finished(engine: Engine) -> None:
    engine.ensure("places", SCHEMA)
    engine.append("places", rows((1, 1)))
    reader = engine.another()
    assert places_in(reader) == [(1, 1)]
    with engine.transaction():
        engine.append("places", rows((1, 2)))
        if engine.atomic:
            assert places_in(reader) == [(1, 1)]
            assert places_in(engine) == [(1, 1), (1, 2)]
    assert places_in(reader) == [(1, 1), (1, 2)]
    with suppress(BrokenOffError), engine.transaction():
        engine.remove("places", "person_id", [UUID(int=1)])
        raise BrokenOffError
    if engine.atomic:
        assert places_in(engine) == places_in(reader) == [(1, 1), (1, 2)]
    reader.close()
    engine.append("places", rows((1, 3)))
    assert (1, 3) in places_in(engine)


def test_members_of_a_static_segment_are_found(engine: Engine) -> None:
    warehouse = Warehouse(engine, 1)
    first, second = UUID(int=101), UUID(int=102)
    warehouse.put_members(first, [UUID(int=1), UUID(int=2)])
    warehouse.put_members(second, [UUID(int=3)])
    warehouse.put_members(first, [UUID(int=2)])

    assert engine.fetch(warehouse.members(first).select(PERSON)) == [(UUID(int=2),)]
