"""Every page there is, found by its address: in four languages, wide and narrow, light and dark, for every eye."""

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import URLPattern

from browser.conftest import DESKTOP, LANGUAGES, PASSWORD, PHONE, Installation, Screen
from browser.everything import MARK, SECRETS, Everything, make_everything
from console.addresses import OPEN_TO_ALL, console_patterns

pytestmark = pytest.mark.browser
Opened = Callable[[str, int], Screen]
SUPPORT, STRANGER = "sam.support@example.com", "zoe.stranger@example.com"
ASKING = {
    "catalogue_entry": "kind=attribute&name=email",
    "rehearse_entry": "kind=attribute&name=email",
    "merge": "q=a",
    "relation_candidates": "q=a",
    "attribute": "name=plan",
    "people": "q=a",
    "segment_candidates": "q=a",
}
"""What an address is asked for when it says nothing of use by itself."""

LEAD_ELSEWHERE = {
    *("login", "second_step", "totp", "history", "attributes", "saved_csv"),
    *("csv_funnel", "csv_retention", "csv_trend", "csv_rfm", "csv_lifecycle"),
}
"""They send on who is logged in, set up nothing, wants a part without its page, or a file where no analyst runs. A new
one needs a reason."""

FEWEST = 40


class Address(NamedTuple):
    name: str
    path: str


@pytest.fixture(scope="module")
def everything(installation: Installation) -> Everything:
    """With a support agent, and the owner of another workspace, who are to see less."""
    from tessera.access import actions
    from tessera.workspaces.actions import create_workspace

    made = make_everything(installation)
    other = create_workspace(slug="other", name="Other")
    actions.create_staff(email=SUPPORT, role="support", workspace_id=1, password=PASSWORD)
    actions.create_staff(email=STRANGER, role="owner", workspace_id=other.id, password=PASSWORD)
    return made


def addresses(everything: Everything) -> Iterator[Address]:
    """Of everything the console serves, once for each of the ids that fit."""
    for pattern in console_patterns():
        yield from (Address(str(pattern.name), path) for path in _paths(pattern, everything))


def _paths(pattern: URLPattern, everything: Everything) -> Iterator[str]:
    route = str(pattern.pattern)
    names = re.findall(r"<\w+:(\w+)>", route)
    unknown = set(names) - set(everything.ids)
    assert not unknown, f"{pattern.name}: say in browser/everything.py what {unknown} is"
    asking = f"?{ASKING[pattern.name]}" if pattern.name in ASKING else ""
    for values in itertools.product(*(everything.ids[name] for name in names)):
        path = route
        for value in values:
            path = re.sub(r"<\w+:\w+>", str(value), path, count=1)
        yield f"/{path}{asking}"


def get(screen: Screen, path: str) -> Any:
    return screen.page.request.get(screen.home + path, max_redirects=0)


def pages(screen: Screen, everything: Everything) -> list[Address]:
    """What is a page for who is logged in here; all else is a change, a file, a part of a page, or leads to one."""
    found, led = [], set()
    for address in addresses(everything):
        answer = get(screen, address.path)
        assert answer.status in {200, 204, 302, 405}, f"{address} gives {answer.status}: is its world made?"
        if answer.status == 302:
            led.add(address.name)
        elif answer.status == 200 and "<html" in answer.text()[:500]:
            found.append(address)
    assert led - {one.name for one in found} <= LEAD_ELSEWHERE
    assert len(found) > FEWEST
    return found


def faults_of(screen: Screen, address: Address, *, thorough: bool) -> list[str]:
    """What is wrong with this page at both widths; thoroughly means by axe, in light and in dark."""
    page, found = screen.page, []
    page.set_viewport_size({"width": DESKTOP, "height": 900})
    answer = page.goto(screen.home + address.path)
    assert answer is not None
    if answer.status != 200:
        found.append(f"status {answer.status}")
    if not page.title().strip():
        found.append("no title")
    if page.locator("html").get_attribute("lang") != screen.language:
        found.append("another language")
    if page.get_by_role("heading", level=1).count() != 1:
        found.append("not one heading of level 1")
    for width in (DESKTOP, PHONE):
        page.set_viewport_size({"width": width, "height": 900 if width == DESKTOP else 844})
        wider = page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
        if wider > 0:
            found.append(f"{wider} pixels too wide at {width}")
        if thorough:
            found += axe(screen, f"at {width}")
    if thorough:
        page.set_viewport_size({"width": DESKTOP, "height": 900})
        page.evaluate("document.documentElement.classList.add('dark')")
        found += axe(screen, "in the dark")
    return found + screen.complaints()


def axe(screen: Screen, where: str) -> list[str]:
    violations = Axe().run(screen.page).response["violations"]
    return [f"{one['id']} {where}: {node['html'][:200]}" for one in violations for node in one["nodes"]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_in_order(open_screen: Opened, everything: Everything, language: str) -> None:
    screen = open_screen(language, DESKTOP)
    screen.page.emulate_media(reduced_motion="reduce")
    screen.log_in()

    found = {
        address: faults
        for address in pages(screen, everything)
        if (faults := faults_of(screen, address, thorough=language == "en"))
    }

    assert found == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_before_the_door_is_in_order(open_screen: Opened, everything: Everything, language: str) -> None:
    screen = open_screen(language, DESKTOP)
    screen.page.emulate_media(reduced_motion="reduce")
    screen.open("/login")
    screen.page.get_by_role("button", name=LANGUAGES[language]).click()
    open_pages = [
        one
        for one in addresses(everything)
        if one.name in OPEN_TO_ALL and (said := get(screen, one.path)).status == 200 and "<html" in said.text()[:500]
    ]

    found = {one: faults for one in open_pages if (faults := faults_of(screen, one, thorough=language == "en"))}

    assert {one.name for one in open_pages} == {"login", "join"}
    assert found == {}


@pytest.mark.parametrize(("language", "width"), [("en", DESKTOP), ("es", PHONE)])
def test_a_support_agent_reads_no_personal_data_anywhere(
    open_screen: Opened, everything: Everything, language: str, width: int
) -> None:
    """In what is answered to each address, and in what its page shows after its scripts have run."""
    screen = open_screen(language, width)
    screen.log_in(SUPPORT)
    refused, leaks, walked = set(), {}, 0
    for address in addresses(everything):
        answer = get(screen, address.path)
        text = answer.text() if answer.status == 200 else ""
        if answer.status == 403:
            refused.add(address.name)
        if "<html" in text[:500]:
            screen.open(address.path)
            text += screen.page.content()
            walked += 1
        if told := {secret for secret in SECRETS if secret in text.lower()}:
            leaks[address] = told

    assert leaks == {}
    assert walked > 20
    assert refused >= {"exports", "new_export", "imports", "export", "staff", "audit", "erase"}


def test_a_support_agent_finds_by_the_whole_address_only(open_screen: Opened, everything: Everything) -> None:
    screen = open_screen("en", DESKTOP)
    page = screen.page
    screen.log_in(SUPPORT)
    for part in (MARK, f"Ana{MARK}", f"ana.{MARK}@", "60077788"):
        screen.open(f"/people?q={part}")
        assert page.locator(f"a[href*='{everything.marked}']").count() == 0, part

    owner = open_screen("en", DESKTOP)
    owner.log_in()
    owner.open(f"/people?q=Ana{MARK}")
    assert owner.page.locator(f"a[href*='{everything.marked}']").count() > 0
    for whole in (f"ana.{MARK}@example.com", "+34 600 777 888", "u-marked"):
        screen.open("/people")
        page.get_by_role("searchbox").fill(whole)
        page.locator(f"main a[href*='{everything.marked}']").first.click()
        page.wait_for_url(f"**/people/{everything.marked}*")
        assert [secret for secret in SECRETS if secret in page.content().lower()] == []


def test_a_stranger_sees_nothing_of_it(open_screen: Opened, everything: Everything) -> None:
    """The owner of another workspace: what has an id of the first is not found, and no other page tells of it."""
    screen = open_screen("en", DESKTOP)
    screen.log_in(STRANGER)
    with_ids = {str(pattern.name) for pattern in console_patterns() if "<" in str(pattern.pattern)} - {"join"}
    for address in addresses(everything):
        answer = get(screen, address.path)
        if address.name in with_ids:
            assert answer.status in {404, 405}, address
        else:
            assert not [secret for secret in SECRETS if secret in answer.text().lower()], address

    screen.open(f"/people/{everything.marked}")
    screen.complaints()  # the browser's own note of the 404
    screen.expect_in_order()
    for text in (f"ana.{MARK}@example.com", MARK, str(everything.marked)):
        screen.open("/people")
        screen.page.get_by_role("searchbox").fill(text)
        screen.page.get_by_text("Nobody found").first.wait_for(state="attached")
        assert str(everything.marked) not in screen.page.locator("main a").evaluate_all(
            "all => all.map(a => a.href).join()"
        )
    screen.page.keyboard.press("Escape")
    screen.page.keyboard.press("Control+k")
    screen.page.get_by_role("combobox").fill(f"ana.{MARK}@example.com")
    screen.page.wait_for_load_state("networkidle")
    assert screen.page.get_by_role("option", name=MARK).count() == 0
