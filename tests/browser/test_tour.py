"""Every page with the demo world in it: in both languages, wide and narrow, light and dark."""

from collections.abc import Callable
from uuid import UUID

import pytest
from playwright.sync_api import expect

from browser.conftest import DESKTOP, PHONE, Installation, Screen

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def world(installation: Installation) -> UUID:
    """Gives the person with the most merges."""
    from tessera.project.demo import load

    load(people=60, days=30, seed=7, progress=None)
    installation.settle()
    key = installation.write_key("Somebody’s site", kind="site")
    while installation.send(key, "track", userId="tour") == 401:
        pass
    ((person,),) = installation.rows(
        "SELECT p.root_id FROM identity_merge m JOIN identity_profile p ON p.id = m.kept_id"
        " WHERE m.undone_at IS NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    )
    return UUID(str(person))


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize("language", ["en", "es"])
def test_every_page_is_in_order(
    open_screen: Callable[[str, int], Screen], world: UUID, language: str, width: int
) -> None:
    screen = open_screen(language, width)
    suffix = "" if (language, width) == ("en", DESKTOP) else "-phone" if (language, width) == ("en", PHONE) else None

    def look(path: str, name: str = "") -> None:
        screen.open(path)
        expect(screen.page.locator("html")).to_have_attribute("lang", language)
        expect(screen.page.get_by_role("heading", level=1)).to_have_count(1)
        screen.expect_in_order(f"{name}{suffix}" if name and suffix is not None else "")

    screen.open("/login")
    screen.expect_in_order()
    screen.log_in()
    look("/")
    look("/people")
    look("/people?q=nobody-of-that-name")
    look(f"/people/{world}")
    look(f"/people/{world}/merge?q=a")
    look("/sources", "sources")
    look("/sources/1", "source")
    look("/sources/1/edit")
    look("/sources/new")
    look("/brands")
    look("/catalogue")
    look("/catalogue?kind=attribute&q=nothing-of-that-name")
    look("/catalogue/entry?kind=attribute&name=email", "catalogue-entry")
    look("/catalogue/entry?kind=event&name=Order%20Completed")
    look("/catalogue/problems")
    look("/live", "live")
    look("/sources/1/live")
    look("/password")


def test_times_are_the_readers_own(open_screen: Callable[[str, int], Screen], world: UUID) -> None:
    screen = open_screen("en", DESKTOP)
    screen.log_in()
    screen.open(f"/people/{world}")

    moment = screen.page.locator("#history time").first

    expect(moment).to_have_attribute("data-local", "")
    shown, utc = moment.inner_text(), moment.get_attribute("title") or ""
    assert utc.endswith(" UTC")
    assert int(shown[-5:-3]) == (int(utc[11:13]) + 1) % 24  # Madrid in winter
    assert shown[-2:] == utc[14:16]
