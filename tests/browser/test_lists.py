"""Lists in a real browser: they grow as one scrolls, go on where one was, and please axe in both themes."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from browser.conftest import DESKTOP, PHONE, Installation, Screen

pytestmark = pytest.mark.browser
Opened = Callable[[str, int], Screen]
PEOPLE = 120
A_PAGE = 50


@pytest.fixture(scope="module")
def crowd(installation: Installation) -> str:
    """The word that all of many people have in their names."""
    word = f"crowd{uuid4().hex[:6]}"
    key = installation.write_key("Crowd", kind="server")
    batch = [{"type": "identify", "userId": f"{word}-{n}", "traits": {"name": f"{word} {n}"}} for n in range(PEOPLE)]
    while installation.send(key, "batch", batch=batch) == 401:
        pass
    installation.settle()
    return word


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_people_follow_as_one_scrolls_until_nobody_is_left(open_screen: Opened, crowd: str, width: int) -> None:
    screen = open_screen("en", width)
    page = screen.page
    screen.log_in()
    screen.open("/people")
    names = page.get_by_role("link", name=crowd)
    expect(names).to_have_count(A_PAGE)
    screen.expect_in_order()

    for shown in (2 * A_PAGE, PEOPLE):
        names.last.scroll_into_view_if_needed()
        page.mouse.wheel(0, 2_000)
        expect(names).to_have_count(shown)

    expect(page.get_by_role("link", name="Show more people")).to_have_count(0)
    assert len(set(names.evaluate_all("links => links.map(link => link.href)"))) == PEOPLE
    screen.expect_in_order()


def test_who_asks_for_more_by_keyboard_goes_on_at_the_first_of_them(open_screen: Opened, crowd: str) -> None:
    screen = open_screen("en", DESKTOP)
    page = screen.page
    screen.log_in()
    screen.open("/people")
    names = page.get_by_role("link", name=crowd)
    expect(names).to_have_count(A_PAGE)

    page.get_by_role("link", name="Show more people").focus()
    page.keyboard.press("Enter")

    expect(names).to_have_count(2 * A_PAGE)
    expect(names.nth(A_PAGE)).to_be_focused()


def test_a_search_keeps_the_focus_and_says_what_it_found(open_screen: Opened, crowd: str) -> None:
    screen = open_screen("en", DESKTOP)
    page = screen.page
    screen.log_in()
    screen.open("/people")

    field = page.get_by_role("searchbox")
    field.press_sequentially(f"{crowd} 11")

    expect(page.get_by_role("status").get_by_text("11 people found")).to_be_attached()  # 11 and 110 to 119
    expect(field).to_be_focused()
    field.fill("nobody-of-that-name")
    expect(page.get_by_role("status").get_by_text("Nobody found")).to_be_attached()
    screen.expect_in_order()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_lists_and_settings_are_in_order_in_every_light(
    open_screen: Opened, crowd: str, width: int, theme: str
) -> None:
    screen = open_screen("en", width)
    screen.log_in()
    screen.page.evaluate(f"localStorage.setItem('theme', '{theme}')")
    for path in ("/people", f"/people?q={crowd}", "/live", "/settings", "/sources"):
        screen.open(path)
        assert screen.disorder() == [], path
