"""The demo world's segments: what a marketer of the two brands would look at first."""

from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg

from tessera.audience.conditions.registry import to_json
from tessera.audience.segments import actions
from tessera.audience.segments import queries as segments
from tessera.audience.segments.records import NewSegment
from tessera.audience.text.reader import from_text

Connection = psycopg.Connection[Any]
ACTOR: Final = "demo"


class Sketch(NamedTuple):
    """A segment to be made; without a condition it is a list for choosing by hand."""

    name: str
    folder: str
    description: str
    condition: str = ""
    kept: bool = True
    tags: tuple[str, ...] = ()


SKETCHES: Final = (
    Sketch(
        "Bought this month",
        "Customers",
        "Ordered at least once in the last 30 days, and did not send it back.",
        'did("Order Completed") in 30 days and not did("Order Refunded") in 30 days',
        tags=("sales",),
    ),
    Sketch(
        "Loyal customers",
        "Customers",
        "Three orders or more in 90 days.",
        'did("Order Completed") >= 3 in 90 days',
        tags=("sales", "vip"),
    ),
    Sketch(
        "Left something in the basket",
        "Win back",
        "Put something into the basket this week and bought nothing since.",
        'did("Product Added") in 7 days and not did("Order Completed") in 7 days',
        tags=("basket",),
    ),
    Sketch(
        "Gone quiet",
        "Win back",
        "Bought before, and were not seen for 30 days.",
        'did("Order Completed") and not @last_seen_at in last 30 days',
    ),
    Sketch(
        "Newsletter in Spain",
        "Newsletter",
        "Readers in Spain, whatever they bought.",
        'country = "ES" and did("Newsletter Subscribed") and not did("Unsubscribed")',
        kept=False,
    ),
    Sketch(
        "On a phone",
        "Newsletter",
        "Uses one of the apps.",
        'device(platform in ("iOS", "Android"))',
        kept=False,
    ),
    Sketch("Panel for interviews", "Research", "People who may be called; chosen by hand on their cards."),
)


def make_segments(connection: Connection, workspace_id: int, *, now: datetime) -> None:
    """Make those that the workspace does not have. In a transaction of the caller's or on its own."""
    known = {each.name for each in segments.all_segments(connection, workspace_id, archived=None)}
    for sketch in SKETCHES:
        if sketch.name in known:
            continue
        new = NewSegment(
            name=sketch.name,
            folder=sketch.folder,
            description=sketch.description,
            tags=sketch.tags,
            condition=to_json(from_text(sketch.condition)) if sketch.condition else None,
            keep_fresh=bool(sketch.condition) and sketch.kept,
        )
        with connection.transaction():
            actions.create(connection, workspace_id=workspace_id, new=new, actor=ACTOR, now=now)
