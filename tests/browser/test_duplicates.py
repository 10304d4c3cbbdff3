"""The review of likely duplicates, as a reviewer does it: by keys and by buttons, wide and narrow."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from browser.conftest import DESKTOP, PHONE, Installation, Screen

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def world(installation: Installation) -> int:
    """Gives how many people are there twice."""
    from tessera.project.demo import load

    report = load(people=500, days=30, seed=1)
    installation.settle()
    return report.twins


def states(installation: Installation) -> dict[str, int]:
    return dict(installation.rows("SELECT state, count(*) FROM duplicates_pair GROUP BY 1"))


def look_for_duplicates(screen: Screen) -> None:
    """Press the button and wait for the job, which this test's stack does not run by itself."""
    screen.page.get_by_role("button", name=screen.say("Look for duplicates")).click()
    expect(screen.page.get_by_role("main").get_by_role("status")).to_contain_text(
        screen.say("The search is about to begin.")
    )


def do_the_job(installation: Installation) -> None:
    from tessera.duplicates import actions
    from tessera.foundation.database import connect

    with connect(autocommit=True) as connection:
        ((workspace_id, run_id),) = installation.rows(
            "SELECT workspace_id, run_id FROM duplicates_run WHERE state = 'waiting'"
        )
        actions.carry_out_run(connection, workspace_id=workspace_id, run_id=run_id)


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_review(open_screen: Callable[[str, int], Screen], installation: Installation, world: int, width: int) -> None:
    name = "duplicates" if width == DESKTOP else "duplicates-phone"
    screen = open_screen("en", width)
    page = screen.page
    screen.log_in()
    screen.open("/duplicates")
    if width == DESKTOP:
        expect(page.get_by_role("heading", name="Is anybody here twice?")).to_be_visible()
        screen.expect_in_order()
        look_for_duplicates(screen)
        screen.expect_in_order()
        do_the_job(installation)
    expect(page.get_by_role("link", name="Review").first).to_be_visible(timeout=15_000)
    screen.expect_in_order(name)
    before = states(installation)

    page.get_by_role("link", name="Review").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Are these one person?")
    page.get_by_text("As a table").click()
    expect(page.get_by_role("columnheader", name="Points")).to_be_visible()
    page.get_by_text("As a table").click()
    screen.expect_in_order(f"{name}-pair")

    page.keyboard.press("a")
    expect(page.get_by_role("main").get_by_role("status")).to_contain_text("They are one person now.")
    assert states(installation).get("merged", 0) == before.get("merged", 0) + 1
    screen.expect_in_order()

    page.keyboard.press("r")
    expect(page.get_by_role("main").get_by_role("status")).to_contain_text("They stay two people")
    assert states(installation).get("rejected", 0) == before.get("rejected", 0) + 1

    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("region", name="Notes").get_by_role("status")).to_contain_text("The decision is undone")
    expect(page.get_by_role("button", name="Two people")).to_be_visible()
    screen.expect_in_order()
    assert states(installation).get("rejected", 0) == before.get("rejected", 0)


def test_the_newer_one_may_stand_for_both(
    open_screen: Callable[[str, int], Screen], installation: Installation, world: int
) -> None:
    screen = open_screen("en", DESKTOP)
    screen.log_in()
    ((pair_id, right),) = installation.rows(
        "SELECT pair_id, right_id FROM duplicates_pair WHERE state = 'open' ORDER BY bits LIMIT 1"
    )
    screen.open(f"/duplicates/{pair_id}")

    screen.page.get_by_label("the newer profile").check()
    screen.page.get_by_role("button", name="One person").click()
    expect(screen.page.get_by_role("main").get_by_role("status")).to_contain_text("They are one person now.")

    assert installation.rows("SELECT root_id FROM identity_profile WHERE id = %s", right) == [(right,)]
    screen.open(f"/duplicates/{pair_id}")
    expect(screen.page.get_by_role("main").get_by_role("status")).to_contain_text("said: one person")
    screen.expect_in_order()
