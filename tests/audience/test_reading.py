"""Conditions asked of people as intake left them in PostgreSQL."""

from typing import Any

import psycopg
import pytest

from factories.people import NOON, ingest, message, root
from tessera.audience.reading import people_of
from tessera.audience.text.reader import from_text
from tessera.foundation.clock import to_micros

Connection = psycopg.Connection[Any]
PRODUCTS = [{"name": "Cup", "category": "kitchen", "quantity": 2}, {"name": "Pot", "category": "kitchen"}]
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def ana(live: Connection, workspace_id: int) -> Any:
    """Two devices' worth of one person: bought twice, asked for a refund on neither."""
    earlier = {"timestamp": "2026-11-20T11:30:00Z"}
    order = {"event": "Order Completed", "userId": "ana", **earlier}
    web = {**earlier, "context": {"userAgent": IPHONE, "locale": "es-ES", "campaign": {"source": "google"}}}
    traits = {"email": "ana@example.com", "country": "ES", "tags": ["vip"], "address": {"city": "Lugo"}, "plan": "gold"}
    traits |= {"current_location": {"latitude": 43.0097, "longitude": -7.5567}, "app": "2.10.1"}
    ingest(
        live,
        workspace_id,
        [
            message(event="Seen", anonymousId="a1", properties={"page": 1}, **web),
            message("identify", userId="ana", anonymousId="a1", traits=traits, **earlier),
            message(**order, properties={"total": 120.5, "currency": "EUR", "products": [{"name": "Tea"}]}),
            message(**order, properties={"total": 20, "currency": "EUR", "products": PRODUCTS}),
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
        'did("Order Completed", products[].name = "Cup" and products[].category in ("kitchen", "garden")) = 1',
        'sum("Order Completed", total, products[].category = "kitchen") = 20 and sum("Order Completed", total) > 140',
        'average("Order Completed", total) = 70.25 and average("Order Completed", total, products[].name = "Tea") > 9',
        'last("Order Completed") in last 1 hour and first("Order Completed", products[].name = "Pot") in last 3 days',
        'did("Order Completed") in 1 hour and not did("Order Completed", total > 100 and products[].name = "Cup")',
        "current_location within 2 km of (43.0121, -7.5558) and not current_location within 2 km of (42.88, -8.54)",
        'app > version "2.9" and app < version "2.10.2" and app >= version "2.10.1.0"',
        "reachable(email) and not reachable(sms) and not reachable(push)",
        '@registered_at in last 1 day and @utm.last.source = "google"',
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
