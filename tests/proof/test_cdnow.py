"""A real shop's history (CDNOW, 69,659 purchases of 23,570 customers in 1997 and 1998) through the public door."""

import gzip
import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest

from tessera.identity import queries as identity
from tessera.profiles import queries as profiles
from tessera.profiles.store import read_states

from .stack import Stack

HERE = Path(__file__).resolve().parents[2]
PER_BATCH = 1_500


class Purchase(NamedTuple):
    line: int
    customer: str
    day: date
    quantity: int
    cents: int


class Customer(NamedTuple):
    orders: int
    cents: int
    first: datetime
    last: datetime


def the_file() -> Path:
    shared = Path(os.environ.get("TESSERA_SHARED") or HERE.parent / "shared")
    return shared / "data" / "cdnow_master.txt"


@pytest.fixture(scope="module")
def purchases() -> list[Purchase]:
    if not the_file().exists():
        pytest.skip("the CDNOW file is not here: put it at data/cdnow_master.txt in the folder TESSERA_SHARED names")
    return list(purchases_in(the_file().read_text()))


def purchases_in(text: str) -> Iterator[Purchase]:
    for number, line in enumerate(text.splitlines()[1:], start=1):
        customer, day, quantity, dollars = line.split()
        when = date(int(day[:4]), int(day[4:6]), int(day[6:]))
        yield Purchase(number, customer, when, int(quantity), int(Decimal(dollars) * 100))


def event_of(purchase: Purchase) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Order Completed",
        "userId": purchase.customer,
        "messageId": f"cdnow-{purchase.line}",
        "timestamp": f"{purchase.day}T12:00:00Z",
        "properties": {
            "revenue": purchase.cents / 100,
            "currency": "USD",
            "products": [{"product_id": "cd", "quantity": purchase.quantity}],
        },
    }


def send(stack: Stack, write_key: str, purchases: list[Purchase]) -> int:
    """Send everything in packed batches; returns how many events were acknowledged."""
    accepted, rest = 0, iter(purchases)
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    with httpx.Client(base_url=stack.collect, auth=(write_key, ""), headers=headers, timeout=60) as client:
        while batch := [event_of(purchase) for purchase in islice(rest, PER_BATCH)]:
            body = gzip.compress(json.dumps({"batch": batch}).encode(), compresslevel=1)
            answer = client.post("/v1/batch", content=body)
            assert answer.status_code == 200, answer.text
            assert answer.json()["rejected"] == []
            accepted += answer.json()["accepted"]
    return accepted


def customers_of(purchases: list[Purchase]) -> dict[str, Customer]:
    """What the file itself says of each customer."""
    found: dict[str, Customer] = {}
    for purchase in purchases:
        noon = datetime(purchase.day.year, purchase.day.month, purchase.day.day, 12, tzinfo=UTC)
        known = found.get(purchase.customer, Customer(0, 0, noon, noon))
        found[purchase.customer] = Customer(
            known.orders + 1, known.cents + purchase.cents, min(known.first, noon), max(known.last, noon)
        )
    return found


def customers_in(connection: psycopg.Connection[Any]) -> dict[str, Customer]:
    """What the profiles say of each customer; fails where one has more than one profile, or anything but orders."""
    holders = connection.execute("SELECT value, profile_id FROM identity_identifier WHERE kind = 'user_id'").fetchall()
    states = read_states(connection, [profile for _, profile in holders])
    assert len(states) == len(holders) == identity.count_profiles(connection) == identity.count_people(connection)
    found = {}
    for customer, profile in holders:
        assert list(states[profile].events) == ["Order Completed"]
        orders = states[profile].events["Order Completed"]
        cents, rest = divmod(orders.revenue.get("USD", 0), 10_000)
        assert rest == 0
        assert set(orders.revenue) <= {"USD"}
        found[customer] = Customer(orders.count, cents, moment(orders.first), moment(orders.last))
    return found


def moment(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


EVERYTHING = (
    "SELECT profile_id::text, version, state::text FROM profiles_state ORDER BY 1",
    "SELECT id::text, root_id::text, version FROM identity_profile ORDER BY 1",
    "SELECT kind, value, profile_id::text, first_seen FROM identity_identifier ORDER BY 1, 2",
    "SELECT lane, position FROM events_lane ORDER BY 1",
    "SELECT lane, position, event_id::text FROM events_history ORDER BY 1, 2",
    "SELECT kind, parent, name, type, volume, misfits, first_seen, last_seen FROM events_catalogue ORDER BY 1, 2, 3",
    "SELECT count(*) FROM identity_merge",
    "SELECT count(*) FROM events_quarantine",
    "SELECT count(*) FROM events_rejection",
)


def everything(stack: Stack) -> list[list[tuple[Any, ...]]]:
    return [stack.rows(statement) for statement in EVERYTHING]


def test_every_customer_is_one_person_to_the_cent_and_sending_twice_changes_nothing(
    stack: Stack, purchases: list[Purchase], workspace_id: int
) -> None:
    assert len(purchases) == 69_659
    expected = customers_of(purchases)
    assert len(expected) == 23_570
    write_key = stack.write_key("shop", kind="till")

    with stack.running("collect", "worker"):
        assert send(stack, write_key, purchases) == len(purchases)
        settled = stack.settle()
        assert (settled.history, settled.people, settled.quarantined) == (len(purchases), len(expected), 0)
        before = everything(stack)

        assert send(stack, write_key, purchases) == len(purchases)
        assert stack.settle().history == len(purchases)
        after = everything(stack)

    for statement, once, twice in zip(EVERYTHING, before, after, strict=True):
        assert once == twice, f"sending twice changed the answer to: {statement}"
    with psycopg.connect(stack.dsn, options="-c timezone=UTC") as connection:
        assert customers_in(connection) == expected
        for customer in list(expected)[::1_000]:
            assert_card_shows(connection, workspace_id, customer, expected[customer])


def assert_card_shows(
    connection: psycopg.Connection[Any], workspace_id: int, customer: str, expected: Customer
) -> None:
    """The same figures as screens and the API read them."""
    (summary,) = profiles.people_by_identifier(connection, workspace_id, "user_id", customer).profiles
    card = profiles.person(connection, workspace_id, summary.person_id, now=datetime.now(UTC))
    assert card is not None
    shown = card.purchases
    assert (shown.count, round(shown.revenue * 100), shown.currency) == (expected.orders, expected.cents, "USD")
    assert (shown.first_at, shown.last_at) == (expected.first, expected.last)
