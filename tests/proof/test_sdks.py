"""Clients that nobody here wrote, unmodified: a visit, a sign-up and a later order become one person.

Segment's and RudderStack's libraries for Python, and Segment's for browsers in Chromium on a page of another origin.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from rudderstack.analytics.client import Client as RudderClient
from segment.analytics.client import Client as SegmentClient

from .stack import Stack

SITE = Path(__file__).resolve().parents[1] / "browser" / "site"
LIBRARY = SITE / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd" / "index.js"
EMAIL = "ana@example.com"
CLIENTS = {"segment": SegmentClient, "rudderstack": RudderClient}


class Shop:
    """A running installation with keys for one shop."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.write_key = stack.write_key("shop", kind="site")
        self._token = stack.api_key("profiles:read", "pii:read")

    def say(self, library: str, *calls: Callable[[Any], object]) -> None:
        """Send calls with the library, as a server would, and wait until it has delivered them."""
        failures: list[Exception] = []
        client = CLIENTS[library](
            self.write_key,
            host=self.stack.collect,
            on_error=lambda error, _: failures.append(error),
            max_retries=3,
        )
        for call in calls:
            call(client)
        client.flush()
        client.join()
        assert failures == []

    def order(self, library: str) -> None:
        order = {"order_id": "1", "revenue": 89.9, "currency": "EUR"}
        self.say(library, lambda client: client.track("customer-1", "Order Completed", order))

    def read(self, path: str, **query: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = httpx.get(f"{self.stack.console}/api/v1/{path}", params=query, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def the_one_person(self) -> dict[str, Any]:
        """The person with the e-mail, who must be the only one there is."""
        settled = self.stack.settle()
        assert (settled.people, settled.quarantined) == (1, 0)
        (found,) = self.read("profiles", identifier=f"email:{EMAIL}")["profiles"]
        return self.read(f"profiles/{found['profile_id']}")


@pytest.fixture
def shop(stack: Stack) -> Iterator[Shop]:
    prepared = Shop(stack)
    with stack.running("collect", "worker", "console"):
        yield prepared


def identifiers_of(person: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for identifier in person["identifiers"]:
        found.setdefault(identifier["kind"], []).append(identifier["value"])
    return found


def counts_of(person: dict[str, Any]) -> dict[str, int]:
    return {name: counter["count"] for name, counter in person["events"].items()}


@pytest.mark.parametrize(("visits_with", "orders_with"), [("segment", "rudderstack"), ("rudderstack", "segment")])
def test_a_visit_a_sign_up_and_an_order_are_one_person(shop: Shop, visits_with: str, orders_with: str) -> None:
    shop.say(
        visits_with,
        lambda client: client.page(anonymous_id="visitor-1", name="Home", properties={"url": "https://shop.example/"}),
        lambda client: client.track(anonymous_id="visitor-1", event="Product Added", properties={"price": 89.9}),
    )
    shop.say(
        visits_with,
        lambda client: client.identify("customer-1", {"email": EMAIL.upper()}, anonymous_id="visitor-1"),
    )
    shop.order(orders_with)

    person = shop.the_one_person()

    assert identifiers_of(person) == {
        "anonymous_id": ["visitor-1"],
        "email": [EMAIL],
        "user_id": ["customer-1"],
    }
    assert counts_of(person) == {"Page Viewed": 1, "Product Added": 1, "Order Completed": 1}
    assert (person["purchases"]["count"], person["purchases"]["revenue"]) == (1, 89.9)
    assert person["attributes"]["email"] == EMAIL


# --- in a browser -----------------------------------------------------------------------------------------------------


def _absent(what: str) -> None:
    """A missing tool skips the test, or fails it where browser tests are required."""
    if os.environ.get("TESSERA_REQUIRE_BROWSER") == "1":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture
def chromium() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        _absent("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def site() -> Iterator[str]:
    """The address of a page that is not ours: another port is another origin."""
    if not LIBRARY.exists():
        _absent("the browser library is not installed: run npm ci in tests/browser/site")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(SITE)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Not to the test's output."""


def open_shop(chromium: Browser, site: str, shop: Shop) -> Page:
    page = chromium.new_page()
    address = urlencode({"key": shop.write_key, "collect": shop.stack.collect})
    with page.expect_response(lambda answer: answer.url.endswith("/v1/p")) as viewed:
        page.goto(f"{site}/?{address}&utm_source=newsletter&utm_medium=email&utm_campaign=autumn")
    assert viewed.value.status == 200
    return page


@pytest.mark.browser
def test_the_browser_library_and_a_server_speak_of_one_person(shop: Shop, chromium: Browser, site: str) -> None:
    page = open_shop(chromium, site, shop)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)

    with page.expect_response(lambda answer: answer.url.endswith("/v1/t")) as added:
        page.get_by_role("button", name="Add to basket").click()
    expect(page.get_by_role("status")).to_have_text("In your basket")
    page.get_by_label("E-mail").fill(EMAIL)
    with page.expect_response(lambda answer: answer.url.endswith("/v1/i")) as signed_up:
        page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("status")).to_have_text(f"Welcome, {EMAIL}")
    assert (added.value.status, signed_up.value.status) == (200, 200)
    cookie = next(cookie for cookie in page.context.cookies() if cookie["name"] == "ajs_anonymous_id")
    shop.order("segment")

    person = shop.the_one_person()

    assert complaints == []
    assert identifiers_of(person) == {
        "anonymous_id": [cookie["value"]],
        "email": [EMAIL],
        "user_id": ["customer-1"],
    }
    assert counts_of(person) == {"Page Viewed": 1, "Product Added": 1, "Order Completed": 1}
    assert person["purchases"]["revenue"] == 89.9
    assert person["attributes"]["first_name"] == "Ana"
    assert person["sessions"]["count"] == 1
    assert [device["browser"] for device in person["devices"]] == ["Chrome"]
    utm = person["utm"]["first"]
    assert (utm["source"], utm["medium"], utm["name"]) == ("newsletter", "email", "autumn")
