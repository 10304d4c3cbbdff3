"""Conditions asked of people as intake left them in PostgreSQL."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from factories.people import NOON, ingest, message, root
from tessera.audience.reading import people_of
from tessera.audience.text.reader import from_text
from tessera.foundation.clock import to_micros
from tessera.foundation.database import connect

Connection = psycopg.Connection[Any]
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def live(database: str) -> Iterator[Connection]:
    with connect(autocommit=True) as opened:
        yield opened


@pytest.fixture
def ana(live: Connection, workspace_id: int) -> Any:
    """Two devices' worth of one person: bought twice, asked for a refund on neither."""
    order = {"event": "Order Completed", "userId": "ana"}
    web = {"context": {"userAgent": IPHONE, "locale": "es-ES", "campaign": {"source": "google"}}}
    traits = {"email": "ana@example.com", "country": "ES", "tags": ["vip"], "address": {"city": "Lugo"}, "plan": "gold"}
    ingest(
        live,
        workspace_id,
        [
            message(event="Seen", anonymousId="a1", properties={"page": 1}, **web),
            message("identify", userId="ana", anonymousId="a1", traits=traits),
            message(**order, properties={"total": 120.5, "currency": "EUR", "products": [{"name": "Tea"}]}),
            message(**order, properties={"total": 20, "currency": "EUR"}),
        ],
    )
    found = root(live, "user_id", "ana")
    assert found is not None
    return people_of(live, [found])[0]


@pytest.mark.parametrize(
    "text",
    [
        'country = "ES" and did("Order Completed", total > 100) and not did("Refund Requested") in 60 days',
        'did("Order Completed") = 2 and did("Seen") = 1',
        'sum("Order Completed", total) = 140.5 and average("Order Completed", total, currency = "EUR") < 71',
        'did("Order Completed", products[].name has "Tea") = 1',
        'tags has "vip" and address.city in ("Lugo", "Lyon") and plan starts with "go"',
        'identifier("email") ends with "@example.com" and identifier("anonymous_id") = "a1"',
        'device(platform = "iOS") and not device(platform = "Android")',
        '@status = "subscribed" or @bucket >= 0 and @test = false',
        '@utm.first.source = "google" and language = "es"',
    ],
)
def test_what_is_true_of_ana(ana: Any, text: str) -> None:
    assert from_text(text).holds_for(ana, to_micros(NOON)), text


@pytest.mark.parametrize(
    "text",
    [
        'country = "es"',
        'did("Order Completed", total > 120.5)',
        'did("Order Completed") >= 3',
        'did("Identified")',
        'did("Order Completed", not currency = "EUR")',
        "nowhere = 1 or nowhere < 1",
        'segment("00000000-0000-0000-0000-000000000001")',
    ],
)
def test_what_is_not_true_of_her(ana: Any, text: str) -> None:
    assert not from_text(text).holds_for(ana, to_micros(NOON)), text
    assert from_text(f"not ({text})").holds_for(ana, to_micros(NOON))
