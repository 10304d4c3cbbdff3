"""The catalogue as staff use it: find a name, declare it, block it, hide it, take it back; install a source."""

import re
from collections.abc import Callable

import pytest
from django.db import connections
from playwright.sync_api import expect

from browser.conftest import DESKTOP, PHONE, Installation, Screen

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shop(installation: Installation) -> str:
    """A shop's events, some with values that do not fit; gives the source's write key."""
    key = installation.write_key("Web shop", kind="site")
    while installation.send(key, "track", userId="u-0", event="Warm Up") == 401:
        pass
    for n in range(12):
        size = "seven" if n % 4 == 0 else n
        sent = {"shoe_size": size, "email": f"ana{n}@example.com", "gender": "blue" if n == 1 else "F", "plan": "pro"}
        assert installation.send(key, "identify", userId=f"u-{n}", traits=sent) == 200
        order = {"order_id": f"o-{n}", "total": 20 + n, "currency": "EUR", "coupon": None if n % 2 else "SUMMER"}
        assert installation.send(key, "track", userId=f"u-{n}", event="Order Completed", properties=order) == 200
        for _ in range(n):
            view = {"sku": f"sku-{n}", "price": 9.5}
            assert installation.send(key, "track", userId=f"u-{n}", event="Product Viewed", properties=view) == 200
    installation.settle()
    connections.close_all()  # opened beside Playwright's event loop, where nobody else would find and close it
    return key


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_declare_block_and_hide_with_the_way_back(
    open_screen: Callable[[str, int], Screen], shop: str, width: int
) -> None:
    screen = open_screen("en", width)
    page = screen.page
    screen.log_in()
    screen.open("/catalogue")
    screen.expect_in_order()
    screen.picture(f"catalogue-events-{width}", whole=True)
    page.get_by_role("link", name=re.compile("^Attributes")).click()
    page.get_by_label("Name contains").fill("shoe")
    expect(page.get_by_role("link", name="plan")).to_have_count(0)
    screen.expect_in_order()
    screen.picture(f"catalogue-attributes-{width}", whole=True)
    page.get_by_role("link", name="shoe_size").click()

    expect(page.get_by_text("12 of the newest")).to_be_visible()
    page.get_by_label("Type", exact=True).select_option("Number")
    expect(page.get_by_text("9 of 12 values in the newest")).to_be_visible()
    expect(page.get_by_text("These would not:")).to_contain_text("seven")
    screen.expect_in_order()
    screen.picture(f"catalogue-declare-{width}", whole=True)
    page.get_by_role("button", name="Save the declaration").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Declared")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Seen")

    page.get_by_role("button", name="Block", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("12 of the newest")).to_be_visible()
    screen.expect_in_order()
    screen.picture(f"catalogue-block-{width}", whole=True)
    dialog.get_by_role("button", name="Block it").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Blocked")
    screen.expect_in_order()
    screen.picture(f"catalogue-blocked-{width}", whole=True)
    page.get_by_role("button", name="Unblock").click()
    page.get_by_role("button", name="Hide").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hidden")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Seen")


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_a_problem_leads_to_the_person_it_happened_to(
    open_screen: Callable[[str, int], Screen], shop: str, width: int
) -> None:
    screen = open_screen("en", width)
    page = screen.page
    screen.log_in()
    screen.open("/catalogue/problems?show=all")
    screen.expect_in_order()
    screen.picture(f"catalogue-problems-{width}", whole=True)
    page.get_by_role("link", name="gender").click()
    screen.expect_in_order()
    screen.picture(f"catalogue-gender-{width}", whole=True)
    page.get_by_role("link", name=re.compile("^blue")).click()
    expect(page.get_by_text("ana1@example.com").first).to_be_visible()

    screen.open("/catalogue/entry?kind=event&name=Order%20Completed")
    expect(page.get_by_role("link", name="coupon")).to_be_visible()
    screen.expect_in_order()
    screen.picture(f"catalogue-event-{width}", whole=True)


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_a_source_is_installed_from_its_page(open_screen: Callable[[str, int], Screen], shop: str, width: int) -> None:
    screen = open_screen("en", width)
    page = screen.page
    screen.log_in()
    screen.open("/sources")
    screen.expect_in_order()
    screen.picture(f"catalogue-sources-{width}", whole=True)
    page.get_by_role("link", name="Web shop").click()
    web, mobile = page.get_by_role("tablist", name="Web"), page.get_by_role("tablist", name="Mobile")
    expect(web.get_by_role("tab", name="npm")).to_have_attribute("aria-selected", "true")
    mobile.get_by_role("tab", name="iOS").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tabpanel", name="Android")).to_contain_text(f'Analytics("{shop}"')
    expect(page.get_by_role("tabpanel", name="iOS")).to_have_count(0)
    page.get_by_role("button", name="Copy Android").click()
    assert shop in page.evaluate("navigator.clipboard.readText()")
    screen.expect_in_order()
    screen.picture(f"catalogue-source-{width}", whole=True)
    screen.open("/brands")
    screen.expect_in_order()
    screen.picture(f"catalogue-brands-{width}", whole=True)
