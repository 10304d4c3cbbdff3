"""Segments as staff use them: built by form and by text, counted while one types, explained, chosen by hand."""

import re
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest
from django.db import connections
from playwright.sync_api import expect

from browser.conftest import DESKTOP, PHONE, Installation, Screen

pytestmark = pytest.mark.browser
Opened = Callable[[str, int], Screen]
NAMES = ("Ana García", "Luis Pérez", "Eva Ruiz", "Kim Park", "Noa Levi", "Tom Baker", "Mia Rossi", "Ida Berg")


@pytest.fixture(scope="module")
def shop(installation: Installation) -> Iterator[None]:
    """People with orders, of whom the analyst has read everything; it goes on following while inside."""
    key = installation.write_key("Web shop", kind="site")
    while installation.send(key, "track", userId="u-0", event="Product Viewed") == 401:
        pass
    for n, name in enumerate(NAMES):
        traits = {"name": name, "email": f"u{n}@example.com", "country": "ES" if n < 5 else "MX", "age": 20 + n}
        assert installation.send(key, "identify", userId=f"u-{n}", traits=traits) == 200
        for order in range(n % 4):
            total = {"total": 50 + 40 * order, "currency": "EUR"}
            assert installation.send(key, "track", userId=f"u-{n}", event="Order Completed", properties=total) == 200
    installation.settle()
    connections.close_all()  # opened beside Playwright's event loop, where nobody else would find and close it
    with installation.running("analyst"):
        until = time.monotonic() + 60
        while not installation.rows("SELECT FROM audience_analyst WHERE leads AND behind = 0"):
            assert time.monotonic() < until, "the analyst did not read everything"
            time.sleep(0.1)
        yield


def take(screen: Screen, name: str) -> None:
    """A picture. Taking it leaves styles on the page's elements, which htmx would carry over, against the policy."""
    screen.picture(name, whole=True)
    screen.page.evaluate("for (const one of document.querySelectorAll('[style]')) one.removeAttribute('style')")
    screen.complaints()


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_a_segment_is_built_by_form_and_by_text(open_screen: Opened, shop: None, language: str, width: int) -> None:
    screen = open_screen(language, width)
    page, say = screen.page, screen.say
    picture = f"-{width}" if language == "en" else None
    screen.log_in()
    screen.go("Segments")
    page.get_by_role("link", name=say("New segment")).or_(
        page.get_by_role("link", name=say("Build the first segment"))
    ).first.click()
    screen.expect_in_order()

    page.get_by_role("group", name=say("Add a condition")).get_by_role("button", name=say("Attribute")).click()
    expect(page.get_by_label(say("Name of the attribute"))).to_be_focused()
    page.get_by_label(say("Value"), exact=True).fill("ES")
    expect(page.locator("#text")).to_have_value('country = "ES"')
    expect(page.locator("#count .builder__size b")).to_have_text("5", timeout=60_000)

    page.get_by_role("group", name=say("Add a condition")).get_by_role("button", name=say("Event")).click()
    page.get_by_label(say("Name of the event")).fill("Order Completed")
    page.get_by_label(say("Times"), exact=True).fill("2")
    expect(page.locator("#text")).to_have_value('country = "ES"\nand did("Order Completed") >= 2')
    expect(page.locator("#count .builder__size b")).to_have_text("2")
    expect(page.locator(".funnel > li")).to_have_count(3)
    screen.expect_in_order()
    if picture:
        take(screen, f"segment-builder{picture}")

    text = page.locator("#text")
    text.fill('country = "ES" and did("Order Completed") >= ')
    expect(page.locator("#text-said [role=alert]")).to_be_visible()
    expect(page.locator(".builder__hint")).to_contain_text("^")
    screen.expect_in_order()
    text.fill('country = "ES" and (did("Order Completed", total > 80) in 30 days or age < 21)')
    expect(page.get_by_role("group", name=say("At least one of these"))).to_be_visible()
    expect(page.locator("#count .builder__size b")).to_have_text("3")
    expect(text).to_be_focused()
    expect(page.locator(".funnel > li")).to_have_count(3)

    page.get_by_label(say("The person"), exact=True).fill("u0@example.com")
    page.locator("#why-candidates button").click()
    expect(page.locator("#why")).to_contain_text(say("is in it"))
    expect(page.locator("#why .why__part")).to_have_count(5)
    screen.expect_in_order()
    if picture:
        take(screen, f"segment-why{picture}")

    name = f"Spain {language} {width}"
    page.get_by_label(say("Name"), exact=True).fill(name)
    page.get_by_role("button", name=say("Save the segment")).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.locator("#members tbody tr")).to_have_count(3)
    page.get_by_role("button", name=say("Count anew")).click()
    expect(page.locator(".figures dd").first).to_have_text("3")
    expect(page.locator("#members tbody tr")).to_have_count(3)
    screen.expect_in_order()


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_a_list_is_filled_by_hand_and_from_the_card(
    open_screen: Opened, shop: None, installation: Installation, language: str, width: int
) -> None:
    screen = open_screen(language, width)
    page, say = screen.page, screen.say
    name = f"Friends {language} {width}"
    screen.log_in()
    screen.open("/segments/new-list")
    screen.expect_in_order()
    page.get_by_label(say("Name"), exact=True).fill(name)
    page.get_by_label(re.compile(say("People, one a line"))).fill("u1@example.com\nnobody@example.com")
    page.get_by_role("button", name=say("Make the list")).click()
    expect(page.get_by_text("nobody@example.com")).to_be_visible()
    screen.expect_in_order()
    page.get_by_role("link", name=say("To the segment")).click()
    expect(page.locator("#members tbody tr")).to_have_count(1)
    screen.expect_in_order()

    ((person,),) = installation.rows("SELECT profile_id FROM identity_identifier WHERE value = 'u-3'")
    screen.open(f"/people/{person}")
    section = page.locator("#person-segments")
    section.get_by_role("button", name=say("Add to a list")).click()
    page.get_by_label(say("Fixed list")).select_option(label=name)
    page.get_by_role("button", name=say("Add"), exact=True).last.click()
    expect(section.get_by_role("link", name=re.compile(name)).first).to_be_visible()
    screen.expect_in_order()
    if language == "en":
        take(screen, f"card-segments-{width}")
    section.get_by_role("button", name=re.compile(f": {name}")).click()
    expect(section.get_by_role("link", name=re.compile(name))).to_have_count(0)


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_the_list_and_what_is_done_to_one(
    open_screen: Opened, shop: None, installation: Installation, width: int
) -> None:
    screen = open_screen("en", width)
    page = screen.page
    screen.log_in()
    screen.open("/segments/new?text=age+%3E+22")
    expect(page.locator("#count .builder__size b")).to_have_text("5", timeout=60_000)
    page.get_by_label("Name", exact=True).fill(f"Older {width}")
    page.get_by_label("Folder").fill("Ages")
    page.get_by_text("Tags, description, freshness").click()
    page.get_by_label("Tags").fill("age, demo")
    page.get_by_label("Keep fresh").check()
    page.get_by_role("button", name="Save the segment").first.click()
    page.locator(".head .menu summary").click()
    page.get_by_role("button", name="Keep as a fixed list…").click()
    page.get_by_role("button", name="Make the list").click()
    expect(page.locator(".figures dd").first).to_have_text("5")
    ((segment,),) = installation.rows("SELECT id FROM audience_segment WHERE name = %s", f"Older {width}")
    installation.rows(
        "INSERT INTO audience_size SELECT %s, date_trunc('hour', now()) - n * interval '1 hour', 40 + n %% 7"
        " FROM generate_series(1, 30) n RETURNING hour",
        segment,
    )
    screen.open(f"/segments/{segment}")
    expect(page.locator("#size-chart")).to_be_visible()
    expect(page.locator("#members tbody tr")).to_have_count(5)
    screen.expect_in_order()
    take(screen, f"segment-kept-{width}")
    screen.open("/segments")
    screen.expect_in_order()
    take(screen, f"segments-{width}")
    page.get_by_label("Name contains").fill(f"older {width}")
    expect(page.locator(".table--segments tbody tr")).to_have_count(2)
    screen.expect_in_order()


@pytest.mark.parametrize("language", ["ru", "th"])
def test_long_words_fit_the_builder(open_screen: Opened, shop: None, language: str) -> None:
    text = (
        'country in ("ES", "MX") and (did("Order Completed", not total between 1 and 3 and currency = "EUR") <= 3'
        ' from 2026-01-01 to 2026-12-31 or not device(platform = "iOS" and first_seen_at in last 3 days))'
        ' and sum("Order Completed", total) > 5 in 30 days and dob anniversary in 7 days and @registered_at is not set'
        ' and last("Order Completed") in last 12 hours and reachable(email)'
    )
    for width in (DESKTOP, PHONE):
        screen = open_screen(language, width)
        screen.log_in()
        screen.open(f"/segments/new?{urlencode({'text': text})}")
        expect(screen.page.locator("#count .builder__size b")).to_have_text(re.compile(r"\d"), timeout=60_000)
        expect(screen.page.locator(".funnel > li").nth(3)).to_be_visible()
        wide = screen.page.evaluate(
            "[...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right > innerWidth)"
            ".map((one) => one.outerHTML.slice(0, 120))"
        )
        assert wide == []
        screen.expect_in_order()


def test_a_slow_answer_takes_nothing_back_that_was_done_since(open_screen: Opened, shop: None) -> None:
    screen = open_screen("en", DESKTOP)
    page = screen.page
    screen.log_in()
    screen.open("/segments/new?" + urlencode({"text": "age > 21"}))
    expect(page.locator("#count .builder__size b")).to_have_text("6")
    page.route("**/segments/build", lambda route: (time.sleep(0.8), route.continue_()))

    page.get_by_label("Comparison").select_option("between")  # the form is drawn anew, and slowly
    page.get_by_label("Number", exact=True).fill("23")
    page.unroute_all(behavior="wait")
    expect(page.get_by_label("From", exact=True)).to_have_value("23", timeout=15_000)
    expect(page.locator("#count")).to_contain_text("The count stands here as soon as")  # no number of another condition
    page.get_by_label("Up to", exact=True).fill("25")
    expect(page.locator("#count .builder__size b")).to_have_text("3")
    expect(page.locator("#text")).to_have_value("age between 23 and 25")

    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_role("link", name="People", exact=True).first.click()
    expect(page.locator("#text")).to_have_value("age between 23 and 25")
    page.get_by_role("link", name="Cancel").click()
    page.wait_for_url("**/segments")
    assert asked == ["beforeunload"]


def test_a_text_with_a_mistake_is_kept_until_it_is_mended_or_given_up(open_screen: Opened, shop: None) -> None:
    screen = open_screen("en", PHONE)
    page = screen.page
    screen.log_in()
    screen.open("/segments/new?" + urlencode({"text": 'country = "ES"'}))
    page.get_by_label("Name", exact=True).fill("Mistaken")
    page.locator("#text").fill('country = "ES" and age >')
    expect(page.locator("#text-said [role=alert]")).to_be_visible()
    page.locator("#r-add-event").click()
    expect(page.locator("#text")).to_have_value('country = "ES" and age >')
    page.get_by_role("button", name="Save the segment").first.click()
    expect(page.get_by_text("The condition is not finished. Look at what is marked.")).to_be_visible()
    expect(page.locator("#text")).to_have_value('country = "ES" and age >')
    screen.complaints()  # the answer was 400
    screen.expect_in_order()
    page.get_by_role("button", name="Write it again from the form").click()
    expect(page.locator("#text")).to_have_value('country = "ES"')
    expect(page.locator("#count .builder__size b")).to_have_text("5")
