"""What stands around every screen, in a real browser: the palette, shortcuts, toasts, one's own time zone."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from browser.conftest import DESKTOP, PHONE, Installation, Screen

pytestmark = pytest.mark.browser
Opened = Callable[[str, int], Screen]


@pytest.fixture
def somebody(installation: Installation) -> str:
    """A person with a name of this test's own."""
    from tessera.workspaces import actions, queries

    (workspace,) = queries.workspaces()
    source = actions.create_source(workspace_id=workspace.id, name=uuid4().hex, allowed_origins=["*"])
    key = actions.create_write_key(source.id, workspace_id=workspace.id, name="key").key
    name = f"Zelda{uuid4().hex[:6]}"
    while installation.send(key, "identify", userId=name, traits={"name": name}) != 200:
        pass
    installation.settle()
    return name


@pytest.mark.parametrize(("language", "width"), [("en", DESKTOP), ("es", PHONE)])
def test_the_palette_leads_to_a_person_by_keys_alone(
    open_screen: Opened, somebody: str, language: str, width: int
) -> None:
    screen = open_screen(language, width)
    page, say = screen.page, screen.say
    screen.log_in()

    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name=say("A person, a screen or an action"))
    expect(field).to_be_focused()
    page.keyboard.type(somebody)
    first = page.get_by_role("option", name=somebody)
    expect(first).to_have_attribute("aria-selected", "true")
    screen.expect_in_order()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1, name=somebody)).to_be_visible()
    page.get_by_role("button", name=say("Search or jump to")).click()
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(field).to_be_hidden()


def test_letters_are_shortcuts_until_they_are_switched_off(open_screen: Opened, somebody: str) -> None:
    screen = open_screen("en", DESKTOP)
    page = screen.page
    screen.log_in()

    page.keyboard.press("g")
    page.keyboard.press("p")
    expect(page.get_by_role("heading", level=1, name="People")).to_be_visible()
    page.keyboard.press("/")
    search = page.get_by_role("searchbox")
    expect(search).to_be_focused()
    page.keyboard.type("gh?")  # typed, not obeyed
    expect(search).to_have_value("gh?")
    search.fill(somebody)
    expect(page.get_by_role("row", name=somebody)).to_be_visible()
    page.get_by_role("main").focus()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name=somebody)).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    screen.expect_in_order()
    page.get_by_label("Shortcuts of single letters are on").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("h")
    expect(page.get_by_role("heading", level=1, name=somebody)).to_be_visible()


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_a_zone_of_ones_own_and_the_toast_that_says_so(open_screen: Opened, width: int) -> None:
    screen = open_screen("en", width)
    page = screen.page
    screen.log_in()
    screen.open("/settings")

    page.get_by_label("Time zone").fill("Asia/Bangkok")
    page.get_by_role("button", name="Save").click()

    toast = page.get_by_role("status").get_by_text("Your settings are saved.")
    expect(toast).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-time-zone", "Asia/Bangkok")
    screen.expect_in_order()
    page.get_by_role("status").get_by_role("button", name="Close").click()
    expect(toast).to_be_hidden()
    page.get_by_label("Time zone").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("html")).not_to_have_attribute("data-time-zone", "Asia/Bangkok")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_every_component_is_in_order(open_screen: Opened, width: int, theme: str) -> None:
    screen = open_screen("en", width)
    screen.log_in()
    screen.page.evaluate(f"localStorage.setItem('theme', '{theme}')")
    for path in ("/styleguide", "/"):
        screen.open(path)
        assert screen.disorder() == [], path


def test_the_first_page_rests_while_nobody_sees_it_and_catches_up(open_screen: Opened) -> None:
    screen = open_screen("en", DESKTOP)
    page = screen.page
    screen.log_in()
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url) if sent.url.endswith("/minutes") else None)
    unseen = "(unseen) => Object.defineProperty(document, 'hidden', { configurable: true, get: () => unseen })"

    page.evaluate(unseen, True)
    before = len(asked)
    page.wait_for_timeout(6_000)  # the page asks every five seconds
    assert len(asked) == before

    page.evaluate(unseen, False)
    with page.expect_response(lambda answer: answer.url.endswith("/minutes")):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert screen.complaints() == []
