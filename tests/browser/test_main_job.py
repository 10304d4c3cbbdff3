"""The main job at the screen: connect a source, watch an event arrive, find the person, join and part."""

import re
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import expect

from browser.conftest import DESKTOP, PHONE, Installation, Screen

pytestmark = pytest.mark.browser
Opened = Callable[[str, int], Screen]


@pytest.mark.parametrize(("language", "width"), [("en", DESKTOP), ("es", PHONE)])
def test_from_a_source_to_one_person(
    open_screen: Opened, installation: Installation, language: str, width: int
) -> None:
    screen, name = open_screen(language, width), f"Web shop {uuid4().hex[:6]}"
    screen.log_in()
    key = make_source(screen, name)
    watch_events_arrive(screen, installation, key, visitor := f"visitor-{uuid4().hex[:8]}")
    read_the_card(screen, visitor)
    other = merge_and_split(screen, installation, key)

    assert len(people_with(installation, visitor, f"a-{visitor}")) == 1
    assert len(people_with(installation, visitor, f"a-{visitor}", f"a-{other}")) == 2


def people_with(installation: Installation, *identifiers: str) -> set[UUID]:
    """Who has them, as the database has it."""
    found = installation.rows(
        "SELECT p.root_id FROM identity_identifier i JOIN identity_profile p ON p.id = i.profile_id"
        " WHERE i.value = ANY(%s)",
        list(identifiers),
    )
    assert len(found) == len(identifiers), "each is known"
    return {root for (root,) in found}


def make_source(screen: Screen, name: str) -> str:
    """Through the form; returns the write key as the page reveals it."""
    page, say = screen.page, screen.say
    screen.go("Sources")
    page.get_by_role("link", name=say("New source")).or_(
        page.get_by_role("link", name=say("Make the first source"))
    ).first.click()
    page.get_by_label(say("Name")).fill(name)
    page.get_by_label(say("Allowed web origins")).fill("https://shop.example")
    screen.expect_in_order()
    page.get_by_role("button", name=say("Make the source")).click()

    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
    secret = page.locator("code[data-secret]")
    expect(secret).to_contain_text("••••")
    page.get_by_role("button", name=re.compile(f"^{say('Show')}")).click()
    expect(secret).not_to_contain_text("••••")
    key = secret.inner_text()
    page.get_by_role("button", name=f"{say('Copy')} {say('First key')}").click()
    expect(page.locator("#announcer")).to_have_text(say("Copied"))
    assert page.evaluate("navigator.clipboard.readText()") == key
    screen.expect_in_order()
    return key


def watch_events_arrive(screen: Screen, installation: Installation, key: str, visitor: str) -> None:
    """Accepted, refused, paused, filtered."""
    page, say = screen.page, screen.say
    page.get_by_role("link", name=say("Live events")).and_(page.locator("a.button")).click()
    expect(page.locator("#live-empty")).to_be_visible()
    rows = page.locator("#live-rows > li")

    traits = {"email": f"{visitor}@example.com", "firstName": "Ana", "lastName": visitor}
    until_known(installation, key, visitor)
    installation.send(key, "track", userId=visitor, event="Signed Up")  # a second profile, by the server
    installation.settle()
    installation.send(key, "identify", userId=visitor, anonymousId=f"a-{visitor}", traits=traits)
    installation.send(key, "track", userId=visitor)
    row = rows.filter(has_text="Identified")
    expect(row).to_be_visible()
    expect(rows.filter(has_text="missing_event_name")).to_be_visible()
    row.locator("summary").click()
    expect(row.locator("pre").first).to_contain_text(f'"email": "{visitor}@example.com"')
    screen.expect_in_order()

    page.get_by_role("button", name=say("Pause")).click()
    installation.send(key, "track", userId=visitor, event="While paused")
    installation.settle()
    page.get_by_role("button", name=say("Resume")).click()
    expect(rows.filter(has_text="While paused")).to_have_count(1)
    expect(row.locator("pre").first).to_be_visible()

    page.get_by_label(say("Show")).select_option("rejected")
    expect(rows).to_have_count(1)
    page.get_by_label(say("Show")).select_option("all")
    page.get_by_label(say("Event or reason contains")).fill("paused")
    expect(rows).to_have_count(1)
    page.get_by_label(say("Event or reason contains")).fill("")
    row.locator("summary").click()
    row.get_by_role("link", name=say("Open the person")).click()
    expect(page.get_by_role("heading", level=1, name=f"Ana {visitor}")).to_be_visible()


def until_known(installation: Installation, key: str, visitor: str) -> None:
    """Collect notices a new key within five seconds; a page view is accepted from then on."""
    for _ in range(100):
        if installation.send(key, "page", anonymousId=f"a-{visitor}", name="Pricing") == 200:
            return
    raise AssertionError("the new key was never accepted")


def read_the_card(screen: Screen, visitor: str) -> None:
    """Found while typing; an attribute added and removed in place; the reason for the merge."""
    page, say = screen.page, screen.say
    screen.go("People")
    page.get_by_label(say("Search people")).press_sequentially(f"{visitor}@exa")
    expect(page.locator("tbody tr")).to_have_count(1)
    screen.expect_in_order()
    page.locator("tbody").get_by_role("link", name=f"Ana {visitor}").click()

    page.locator("#tab-additional").click()
    attributes = page.locator("#tabs")
    expect(attributes.locator("#tab-additional")).to_have_attribute("aria-current", "true")
    attributes.get_by_role("button", name=say("Add"), exact=True).click()
    attributes.get_by_label(say("Attribute")).fill("favourite")
    attributes.get_by_label(say("Value")).fill("<b>green</b> tea")
    screen.expect_in_order()
    attributes.get_by_role("button", name=say("Save")).click()
    expect(attributes.get_by_text("<b>green</b> tea")).to_be_visible()
    attributes.get_by_role("button", name=f"{say('Change')} favourite").click()
    attributes.get_by_role("button", name=say("Remove"), exact=True).click()
    expect(attributes.get_by_text("<b>green</b> tea")).to_have_count(0)
    expect(page.locator("#why")).to_contain_text(f"a-{visitor}")
    page.locator("#history").get_by_text("While paused", exact=True).click()
    expect(page.locator("#history pre").filter(has_text='"event": "While paused"')).to_be_visible()
    screen.expect_in_order()


def merge_and_split(screen: Screen, installation: Installation, key: str) -> str:
    """The person of the card with somebody the till knows; by hand, with a reason, and back. Returns the other one."""
    page, say = screen.page, screen.say
    other = f"Till-{uuid4().hex[:8]}"
    installation.send(key, "identify", anonymousId=f"a-{other}", traits={"lastName": other})
    installation.settle()

    page.get_by_role("link", name=say("Merge with…")).first.click()
    page.get_by_label(say("Search people")).press_sequentially(other)
    page.locator("#candidates").get_by_role("link", name=re.compile(other)).click()
    screen.expect_in_order()
    page.get_by_role("button", name=say("Merge them")).click()
    assert page.get_by_label(say("Reason")).evaluate("field => field.matches(':invalid')")
    page.get_by_label(say("Reason")).fill("Told us at the till")
    page.get_by_role("button", name=say("Merge them")).click()

    expect(
        page.get_by_text(say("They are one person now. Every event and identifier of both is on this card."))
    ).to_be_visible()
    story = page.locator(".story").filter(has_text="Told us at the till")
    expect(story).to_be_visible()
    expect(page.locator(".ids").get_by_text(f"a-{other}", exact=True)).to_be_visible()
    screen.expect_in_order()
    story.get_by_role("link", name=say("Split")).click()
    expect(page.get_by_role("heading", level=1, name=say("Undo this merge?"))).to_be_visible()
    screen.expect_in_order()
    page.get_by_role("button", name=say("Split them")).click()

    expect(page.get_by_text(say("The merge is undone: both are people of their own again."))).to_be_visible()
    expect(page.locator(".ids").get_by_text(f"a-{other}", exact=True)).to_have_count(0)
    page.get_by_role("link", name=say("Open the other person")).click()
    expect(page.get_by_role("heading", level=1, name=other)).to_be_visible()
    return other


def test_the_keyboard_is_enough(open_screen: Opened) -> None:
    screen = open_screen("en", DESKTOP)
    screen.log_in()
    page = screen.page

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.locator("details.menu > summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="English")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("details.menu > summary")).to_be_focused()
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()


def test_dark_is_chosen_and_kept(open_screen: Opened) -> None:
    screen = open_screen("en", DESKTOP)
    screen.log_in()
    page = screen.page

    page.locator("details.menu > summary").click()
    page.get_by_role("button", name="Dark").click()
    screen.expect_in_order()
    screen.open("/sources")

    expect(page.locator("html")).to_have_class("dark")
    screen.expect_in_order()


def test_who_leaves_is_out(open_screen: Opened) -> None:
    screen = open_screen("en", PHONE)
    screen.log_in()

    screen.page.locator("details.menu > summary").click()
    screen.page.get_by_role("button", name="Log out").click()
    screen.open("/people")

    expect(screen.page.get_by_role("heading", name="Log in to Tessera")).to_be_visible()
