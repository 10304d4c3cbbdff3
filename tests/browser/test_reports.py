"""Reports as a marketer makes them: the ready ones, a funnel of one's own, buyers who become a segment."""

import re
import time
from collections.abc import Callable, Iterator

import pytest
from django.db import connections
from playwright.sync_api import expect

from browser.conftest import DESKTOP, PHONE, Installation, Screen
from tessera.audience.queries import analyst_state
from tessera.foundation.database import connect

pytestmark = pytest.mark.browser
Opened = Callable[[str, int], Screen]
READY = {
    "From looking to buying": "report-funnel",
    "Buyers who come back": "report-retention",
    "Orders per day": "",
    "Revenue per week": "",
    "The best buyers, and those at risk": "report-buyers",
    "Lifecycle by week": "",
}
"""The ready ones, and what the pictures of some are called."""
PICTURED = ("en", "es")


@pytest.fixture(scope="module")
def analyst(installation: Installation) -> Iterator[None]:
    """The demo world, and an analyst that has followed all of it."""
    from tessera.project.demo import load

    load(people=120, days=60, seed=7, progress=None)
    installation.settle()
    connections.close_all()  # opened beside Playwright's event loop, where nobody else would find and close it
    with installation.running("analyst"), connect(autocommit=True) as connection:
        until = time.monotonic() + 120
        while not ((state := analyst_state(connection)).running and state.behind == 0):
            assert time.monotonic() < until, f"the analyst is not there: {state}"
            time.sleep(0.1)
        yield


@pytest.mark.usefixtures("analyst")
@pytest.mark.parametrize(("language", "width"), [("en", DESKTOP), ("es", PHONE), ("th", DESKTOP), ("ru", PHONE)])
def test_every_ready_report_is_drawn_and_told(open_screen: Opened, language: str, width: int) -> None:
    screen = open_screen(language, width)
    page = screen.page
    page.emulate_media(reduced_motion="reduce")
    screen.log_in()
    screen.open("/reports")
    screen.expect_in_order(f"reports-{width}" if language in PICTURED else "", whole=True)
    screen.open("/reports/funnel?event_1=Product+Viewed")
    screen.complaints()
    screen.expect_in_order()
    for name, picture in READY.items():
        screen.open("/reports")
        page.get_by_role("link", name=screen.say(name)).click()
        expect(page.get_by_role("heading", name=screen.say("Chart"))).to_be_visible()
        assert page.evaluate("Boolean(Chart.getChart(document.querySelector('canvas')))")
        assert page.locator("tbody tr").count() >= 3
        screen.expect_in_order(f"{picture}-{width}" if picture and language in PICTURED else "", whole=True)
        page.evaluate("document.documentElement.classList.add('dark')")
        screen.expect_in_order()


@pytest.mark.usefixtures("analyst")
@pytest.mark.parametrize(("language", "width"), [("en", DESKTOP), ("es", DESKTOP), ("en", PHONE)])
def test_a_funnel_of_ones_own_is_made_shared_and_kept(open_screen: Opened, language: str, width: int) -> None:
    screen = open_screen(language, width)
    page, say = screen.page, screen.say
    screen.log_in()
    screen.go("Reports")
    page.get_by_role("main").get_by_role("link", name=say("Funnel"), exact=True).click()
    for number, event in enumerate(("Product Viewed", "Product Added", "Checkout Started", "Order Completed"), start=1):
        if number == 4:
            page.get_by_role("button", name=say("One more step")).click()
        page.locator(f"#report-event_{number}").fill(event)
    page.get_by_label(say("Broken down by")).select_option("source")
    page.locator("#report-where_4").fill("total >")
    page.get_by_role("button", name=say("Show"), exact=True).click()
    expect(page.locator(".wrong")).to_be_visible()
    screen.complaints()  # the browser's own word about a 400
    screen.expect_in_order()
    page.locator("#report-where_4").fill("total > 1")
    page.get_by_role("button", name=say("Show"), exact=True).click()
    expect(page.get_by_role("rowheader", name="4. Order Completed")).to_be_visible()
    assert "event_5" not in page.url, "what is left empty does not stand in the address"
    screen.expect_in_order()
    told = page.get_by_role("table").first.inner_text()

    another = open_screen(language, width)
    another.log_in()
    another.page.goto(page.url)
    expect(another.page.get_by_role("rowheader", name="4. Order Completed")).to_be_visible()
    assert another.page.get_by_role("table").first.inner_text() == told

    page.get_by_role("button", name=say("Keep…")).click()
    page.get_by_label(say("Name"), exact=True).fill(f"To the till, {language} {width}")
    page.get_by_role("button", name=say("Keep"), exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"To the till, {language} {width}")
    expect(page.get_by_role("rowheader", name="4. Order Completed")).to_be_visible()
    screen.expect_in_order()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename.startswith("funnel-")
    page.get_by_role("button", name=say("Delete…")).click()
    page.get_by_role("button", name=say("Delete"), exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(say("Reports"))
    expect(page.get_by_role("link", name="To the till")).to_have_count(0)


@pytest.mark.usefixtures("analyst")
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_cell_of_the_grid_is_one_click_from_a_segment(open_screen: Opened, language: str) -> None:
    from tessera.audience.segments.queries import all_segments

    screen = open_screen(language, DESKTOP)
    page, say = screen.page, screen.say
    screen.log_in()
    screen.open("/reports/rfm?days=365")
    with connect(autocommit=True) as connection:
        before = {each.id for each in all_segments(connection, 1)}
    page.locator(".table--grid").get_by_role("button").first.click()
    made_words = re.escape(say("The segment “%(name)s” is made.")).replace(re.escape("%(name)s"), ".+")
    expect(page.get_by_text(re.compile(made_words))).to_be_visible()
    screen.expect_in_order()
    with connect(autocommit=True) as connection:
        (made,) = [each for each in all_segments(connection, 1) if each.id not in before]
    assert made.condition is not None
