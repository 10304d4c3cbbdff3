"""Segments that ask about segments: no circle, nothing too large, nothing that is gone."""

import threading
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from audience.test_segments import changed, condition, made
from tessera.audience.segments import actions
from tessera.audience.segments.circles import LONGEST_WAY
from tessera.audience.segments.records import SegmentCircle, SegmentInUse, SegmentTooLarge
from tessera.foundation.database import connect

Connection = psycopg.Connection[Any]


def test_two_who_edit_at_once_make_no_circle(live: Connection, workspace_id: int) -> None:
    one = made(live, workspace_id, "One", 'plan = "gold"')
    other = made(live, workspace_id, "Other", 'plan = "gold"')
    refused: list[Exception] = []

    def rival() -> None:
        with connect(autocommit=True) as theirs:
            try:
                changed(theirs, other, condition=condition(f'segment("{one.id}")'))
            except SegmentCircle as error:
                refused.append(error)

    thread = threading.Thread(target=rival)
    with live.transaction():
        changed(live, one, condition=condition(f'segment("{other.id}")'))
        thread.start()
        thread.join(0.5)
    thread.join()
    assert len(refused) == 1


def test_segments_of_segments_stay_small_enough_to_be_asked(live: Connection, workspace_id: int) -> None:
    """Each asks twice about the one below: what is asked in the end doubles with each."""
    below = first = made(live, workspace_id, "0", 'plan = "gold"')
    for number in range(1, 8):
        below = made(live, workspace_id, str(number), f'segment("{below.id}") or not segment("{below.id}")')
    with pytest.raises(SegmentTooLarge, match="1,000"):
        made(live, workspace_id, "8", f'segment("{below.id}") or not segment("{below.id}")')
    many = " or ".join(f'plan = "{number}"' for number in range(90))
    with pytest.raises(SegmentTooLarge, match="condition of 4 "):
        changed(live, first, condition=condition(many))
    link = made(live, workspace_id, "Way", 'plan = "gold"')
    for number in range(1, LONGEST_WAY):
        link = made(live, workspace_id, f"Way {number}", f'segment("{link.id}")')
    with pytest.raises(SegmentTooLarge):
        made(live, workspace_id, "Way too long", f'segment("{link.id}")')


def test_what_one_in_the_archive_asks_about_is_not_deleted(live: Connection, workspace_id: int) -> None:
    """Taken back, `not` nobody would be everybody."""
    gold = made(live, workspace_id, "Gold", 'plan = "gold"')
    others = made(live, workspace_id, "Others", f'not segment("{gold.id}")')
    about: dict[str, Any] = {"workspace_id": workspace_id, "actor": "ana"}
    actions.archive(live, segment_id=others.id, now=datetime.now(UTC), **about)
    with pytest.raises(SegmentInUse, match="Others"):
        actions.delete(live, segment_id=gold.id, **about)
    actions.delete(live, segment_id=others.id, **about)
    actions.delete(live, segment_id=gold.id, **about)
