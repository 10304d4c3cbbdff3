"""Relating two people and erasing one at the screen: the dialog, the report, the contact that stays out."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from browser.conftest import DESKTOP, PHONE, Installation, Screen

pytestmark = pytest.mark.browser
Opened = Callable[[str, int], Screen]


@pytest.fixture(scope="module")
def key(installation: Installation) -> str:
    """Made before there is a browser: with its event loop about, Django would keep the connection to itself."""
    return installation.write_key("Shop")


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_relate_two_people_and_erase_one(key: str, open_screen: Opened, installation: Installation, width: int) -> None:
    mark = uuid4().hex[:8]
    ana, bo = f"Ana {mark}", f"Bo {mark}"
    person = _make(installation, key, ana, bo)
    screen = open_screen("en", width)
    screen.log_in()
    screen.open(f"/people/{person}")
    screen.page.wait_for_load_state("networkidle")

    _relate(screen, bo, width)
    _remove_and_undo(screen, bo)
    _erase(screen, ana, width)
    _ask_whether_they_are_kept_out(screen, ana)

    assert _events_of(installation, person) == ["Person Erased"]  # what tells the followers, and names nobody
    assert (_profiles_of(installation, ana), _profiles_of(installation, bo)) == (0, 1)


def _events_of(installation: Installation, profile: str) -> list[str]:
    rows = installation.rows("SELECT name FROM events_history WHERE profile_id = %s ORDER BY occurred_at", profile)
    return [name for (name,) in rows]


def _profiles_of(installation: Installation, user: str) -> int:
    ((profiles,),) = installation.rows(
        "SELECT count(*) FROM identity_profile p JOIN identity_identifier i ON i.profile_id = p.id WHERE i.value = %s",
        user,
    )
    return int(profiles)


def _make(installation: Installation, key: str, *names: str) -> str:
    """Two people; gives the first one's profile."""
    for name in names:
        email = f"{name.replace(' ', '.').lower()}@example.com"
        call = {"userId": name, "traits": {"name": name, "email": email}}
        while installation.send(key, "identify", **call) == 401:
            pass
        for event in ("Product Viewed", "Order Completed"):
            installation.send(key, "track", userId=name, event=event)
    installation.settle()
    ((person,),) = installation.rows(
        f"SELECT profile_id FROM identity_identifier WHERE kind = 'user_id' AND value = '{names[0]}'"  # noqa: S608
    )
    return str(person)


def _relate(screen: Screen, other: str, width: int) -> None:
    page = screen.page
    section = page.locator("#relations")
    expect(section.get_by_text("No relation is known.")).to_be_visible()
    section.get_by_role("button", name="Add").click()
    dialog = page.get_by_role("dialog", name="Relate to somebody")
    dialog.get_by_label("Kind of relation").select_option(label="Referred by")
    dialog.get_by_label("The other person").fill(other)
    expect(dialog.get_by_role("radio", name=other)).to_be_checked()
    screen.expect_in_order(f"relation-add-{width}")
    dialog.get_by_role("button", name="Relate them").click()
    expect(section.get_by_text("The relation is saved.")).to_be_visible()
    expect(section.get_by_role("link", name=other)).to_be_visible()
    screen.expect_in_order(f"relations-{width}", whole=True)


def _remove_and_undo(screen: Screen, other: str) -> None:
    section = screen.page.locator("#relations")
    section.get_by_role("button", name=f"Remove: Referred by {other}").click()
    expect(section.get_by_text("The relation is removed.")).to_be_visible()
    expect(section.get_by_role("link", name=other)).to_have_count(0)
    screen.expect_in_order()
    section.get_by_role("button", name="Undo").click()
    expect(section.get_by_role("link", name=other)).to_be_visible()


def _erase(screen: Screen, name: str, width: int) -> None:
    page, card = screen.page, screen.page.url
    page.goto(f"{card}/erase")
    expect(page.get_by_role("row", name="Events of their history")).to_be_visible()
    screen.expect_in_order(f"erase-page-{width}")
    page.goto(card)
    page.get_by_role("button", name="Erase…").click()
    dialog = page.get_by_role("dialog", name="Erase this person for good?")
    expect(dialog.get_by_role("row", name="Events of their history")).to_be_visible()
    screen.expect_in_order(f"erase-dialog-{width}")
    dialog.get_by_label("Reason").fill("ticket 4711")
    dialog.get_by_label(f"Type “{name}” to confirm").fill(name)
    dialog.get_by_role("button", name="Erase for good").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Report of an erasure")
    expect(page.get_by_role("row", name="Events of their history")).to_contain_text("6")
    assert name not in page.content()
    screen.expect_in_order(f"erasure-{width}", whole=True)
    page.get_by_role("link", name="Erasures").first.click()
    expect(page.get_by_role("cell", name="ticket 4711").first).to_be_visible()
    screen.expect_in_order(f"erasures-{width}")


def _ask_whether_they_are_kept_out(screen: Screen, name: str) -> None:
    page, email = screen.page, f"{name.replace(' ', '.').upper()}@example.com"
    page.get_by_role("link", name="Contacts kept out").click()
    page.get_by_label("Kind").select_option(label="E-mail")
    page.get_by_label("Contact").fill(email)
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_text("This contact is kept out.")).to_be_visible()
    screen.expect_in_order(f"suppressions-{page.viewport_size['width']}")  # type: ignore[index]
    page.get_by_role("button", name="Let it in again").click()
    expect(page.get_by_text("The contact may come in again.")).to_be_visible()
    screen.expect_in_order()
