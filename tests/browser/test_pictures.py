"""Pictures for the documentation: `TESSERA_SCREENSHOTS=1 scripts/test tests/browser/test_pictures.py` renews them."""

import os
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from browser.conftest import DESKTOP, PHONE, Installation, Screen
from browser.everything import Everything, make_everything

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not os.environ.get("TESSERA_SCREENSHOTS"), reason="TESSERA_SCREENSHOTS=1 makes pictures"),
]
Opened = Callable[[str, int], Screen]


@pytest.fixture(scope="module")
def everything(installation: Installation) -> Everything:
    return make_everything(installation, people=300)


@pytest.fixture(scope="module")
def person(installation: Installation, everything: Everything) -> str:
    """Of the demo world: the one with the most merges."""
    ((found,),) = installation.rows(
        "SELECT p.root_id FROM identity_merge m JOIN identity_profile p ON p.id = m.kept_id"
        " WHERE m.undone_at IS NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    )
    return str(found)


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_main_screens(open_screen: Opened, everything: Everything, person: str, width: int) -> None:
    screen = open_screen("en", width)
    suffix = "" if width == DESKTOP else "-phone"
    screen.log_in()
    ids = everything.ids
    screens = {
        "home": "/",
        "people": "/people?q=mar",
        "person": f"/people/{person}",
        "catalogue": "/catalogue",
        "erasure": f"/erasures/{ids['erasure_id'][0]}",
        "staff": "/staff",
    }
    for name, path in screens.items():
        screen.open(path)
        screen.page.wait_for_load_state("networkidle")
        screen.picture(f"{name}{suffix}")
    screen.open(f"/people/{person}")
    screen.page.locator("#why").scroll_into_view_if_needed()
    screen.page.wait_for_load_state("networkidle")
    screen.page.locator("#why").evaluate("part => part.scrollIntoView()")
    screen.picture(f"evidence{suffix}")
    screen.open("/")
    screen.page.get_by_role("button", name="Search or jump to").click()
    screen.page.get_by_role("combobox").fill("mar")
    expect(screen.page.get_by_role("option").nth(2)).to_be_visible()
    screen.page.wait_for_load_state("networkidle")
    screen.picture(f"palette{suffix}")


@pytest.mark.parametrize("language", ["ru", "th"])
def test_the_card_in_other_scripts(open_screen: Opened, person: str, language: str) -> None:
    screen = open_screen(language, DESKTOP)
    screen.log_in()
    screen.open(f"/people/{person}")
    screen.page.wait_for_load_state("networkidle")
    screen.picture(f"person-{language}")

    assert screen.page.locator("html").get_attribute("lang") == language
    assert screen.disorder() == []
