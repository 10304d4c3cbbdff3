"""Automatic exports of a segment chosen by hand, to a folder of the test's own."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tessera.foundation.database import connect
from tessera.foundation.settings import settings

if TYPE_CHECKING:
    from tessera.audience.segments.records import Segment
    from tessera.deliveries.records import SegmentExport

Connection = psycopg.Connection[Any]


@pytest.fixture
def live(database: str) -> Iterator[Connection]:
    with connect(autocommit=True) as opened:
        yield opened


@pytest.fixture
def outside(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder below which exports may write; what runs on this machine may be called."""
    root = tmp_path / "outside"
    root.mkdir()
    monkeypatch.setenv("TESSERA_EXPORT_ROOTS", f"{tmp_path / 'elsewhere'}:{root}")
    monkeypatch.setenv("TESSERA_OUTBOUND_PRIVATE", "127.0.0.0/8, ::1/128")
    settings.cache_clear()
    yield root
    settings.cache_clear()


@pytest.fixture
def friends(live: Connection, workspace_id: int) -> "Segment":
    from tessera.audience.segments import actions as segments
    from tessera.audience.segments.records import NewSegment

    with live.transaction():
        return segments.create(
            live, workspace_id=workspace_id, new=NewSegment(name="Friends"), actor="ana", now=datetime.now(UTC)
        )


@pytest.fixture
def exported(live: Connection, friends: "Segment", outside: Path) -> "Callable[..., SegmentExport]":
    """`exported(format="csv")`: an automatic export of the segment."""
    from tessera.deliveries import actions
    from tessera.deliveries.records import Folder, NewSegmentExport

    def make(**wanted: Any) -> "SegmentExport":
        given = {"name": "To the lake", "destination": Folder(path=str(outside / "lake"))} | wanted
        with live.transaction():
            return actions.create(
                live,
                workspace_id=friends.workspace_id,
                segment_id=friends.id,
                new=NewSegmentExport(**given),
                actor="ana",
                now=datetime.now(UTC),
            ).export

    return make


@pytest.fixture
def choose(live: Connection, friends: "Segment") -> Callable[..., None]:
    """`choose("ana")` puts her in, `choose("ana", out=True)` takes her out."""
    from tessera.audience.segments import actions as segments

    def move(*users: str, out: bool = False) -> None:
        act = segments.remove_people if out else segments.add_people
        act(
            live,
            workspace_id=friends.workspace_id,
            segment_id=friends.id,
            items=[user if ":" in user else f"user_id:{user}" for user in users],
            actor="ana",
            now=datetime.now(UTC),
        )

    return move
