"""The card as people work with it, wide and on a phone: read, arranged, changed, narrowed, merged, split."""

from collections.abc import Callable
from io import BytesIO
from typing import NamedTuple

import pytest
from PIL import Image
from playwright.sync_api import expect

from browser.conftest import DESKTOP, PHONE, Installation, Screen
from factories.pictures import picture

pytestmark = pytest.mark.browser
MESSAGES = ("Email Sent", "Email Delivered", "Email Opened", "Push Notification Received")


class World(NamedTuple):
    """Keys of people: those of one width are not those of the other."""

    key: str

    def ana(self, width: int) -> str:
        return f"ana-{width}"


@pytest.fixture(scope="module")
def world(installation: Installation) -> World:
    key = installation.write_key("Corner shop", kind="site")
    while installation.send(key, "track", userId="tour", event="Ping") == 401:
        pass
    for width in (DESKTOP, PHONE):
        user, context = f"ana-{width}", {"ip": "8.8.8.8", "page": {"url": "https://shop.example/join"}}
        traits = {"email": f"{user}@example.com", "firstName": "Ana", "lastName": f"W{width}", "shoe size": 39}
        installation.send(key, "page", anonymousId=f"v-{user}", name="Home", context=context)
        installation.send(key, "identify", userId=user, traits=traits, context=context)
        installation.send(key, "identify", userId=user, anonymousId=f"v-{user}", context=context)
        for name in MESSAGES:
            installation.send(key, "track", userId=user, event=name, context={"channel": "server"})
        for number in range(45):
            installation.send(key, "track", userId=user, event="Product Viewed", properties={"name": f"P{number}"})
        till = {"lastName": f"T{width}", "phone": f"+3460000{width:04}"}
        installation.send(key, "identify", anonymousId=f"till-{width}", traits=till)
    installation.settle()
    return World(key)


def card_of(screen: Screen, name: str) -> None:
    screen.open(f"/people?q={name}")
    screen.page.locator("main table a, main .lines a").first.click()
    expect(screen.page.get_by_role("heading", level=1)).to_be_visible()


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def width(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def screen(open_screen: Callable[[str, int], Screen], world: World, width: int) -> Screen:
    opened = open_screen("en", width)
    opened.page.emulate_media(reduced_motion="reduce")  # axe would find a toast that fades in too pale
    opened.log_in()
    card_of(opened, world.ana(width))
    return opened


def test_tabs_are_read_by_clicks_and_by_the_way_back(screen: Screen) -> None:
    page = screen.page
    tabs = page.get_by_role("navigation", name="Parts of the card")

    tabs.get_by_role("link", name="Registration").click()
    expect(page.get_by_text("https://shop.example/join")).to_be_visible()
    tabs.get_by_role("link", name="Additional fields").click()
    expect(page.get_by_text("shoe size", exact=True)).to_be_visible()
    assert page.url.endswith("?tab=additional")
    screen.expect_in_order()
    page.go_back()
    expect(page.get_by_role("heading", name="Registration")).to_be_visible()


def test_main_is_arranged_by_keyboard(screen: Screen, width: int) -> None:
    page, field = screen.page, {DESKTOP: "shoe size", PHONE: "Job title"}[width]  # one layout, whatever the screen
    page.get_by_role("link", name="Choose fields").press("Enter")
    dialog = page.get_by_role("dialog", name="Arrange the card")
    expect(dialog.get_by_role("heading", name="Fields of “Main”")).to_be_visible()
    dialog.get_by_label("Field", exact=True).select_option(label=field)
    dialog.get_by_role("button", name="Add the field").press("Enter")
    up = dialog.get_by_role("button", name=f"Move {field} up")
    expect(up).to_be_visible()
    count = dialog.get_by_role("listitem").count()
    for place in range(count - 1, 0, -1):
        expect(dialog.get_by_role("listitem").nth(place)).to_contain_text(field)
        up.press("Enter")
    expect(dialog.get_by_role("listitem").first).to_contain_text(field)
    expect(up).to_be_focused()
    screen.expect_in_order()
    dialog.get_by_role("button", name="Save").last.click()
    expect(page.locator("#tabs dt").first).to_have_text(field)

    page.get_by_role("link", name="Make a tab of your own").first.click()
    dialog.get_by_label("Name").fill(f"Feet {width}")
    dialog.get_by_role("button", name="Save").last.click()
    own = page.get_by_role("link", name="Feet").first
    expect(own).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="Pin first").click()
    expect(page.get_by_role("navigation", name="Parts of the card").get_by_role("link").first).to_contain_text("Feet")
    screen.expect_in_order()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete the tab").click()
    expect(own).to_have_count(0)


def test_status_test_mark_and_picture_are_changed(screen: Screen) -> None:
    page = screen.page
    page.get_by_role("button", name="Change the status").first.click()
    dialog = page.get_by_role("dialog", name="Change the status")
    dialog.get_by_label("Status").select_option(label="Suspended")
    dialog.get_by_label("Reason").fill("on holiday")
    screen.expect_in_order()
    dialog.get_by_role("button", name="Change the status").click()
    expect(page.locator(".head__chips")).to_contain_text("Suspended")
    page.locator("summary", has_text="More actions").click()
    page.get_by_role("button", name="Mark as a test subscriber").click()
    expect(page.locator(".head__chips")).to_contain_text("Test subscriber")
    page.get_by_role("button", name="Change the picture").first.click()
    chosen = {"name": "me.png", "mimeType": "image/png", "buffer": picture(color="teal")}
    page.get_by_label("Picture", exact=True).set_input_files(chosen)  # type: ignore[arg-type]
    page.get_by_role("button", name="Use this picture").click()
    face = page.locator("img.avatar")
    expect(face).to_be_visible()
    assert face.evaluate("image => image.complete && image.naturalWidth") == 256
    screen.expect_in_order()


def test_a_photo_of_a_phone_is_made_small_before_it_is_sent(screen: Screen) -> None:
    """Of 12 million pixels and more than 5 MB, of which the server takes 2; red in the middle, noise around it."""
    photo, taken = Image.effect_noise((4000, 3000), 90).convert("RGB"), BytesIO()
    photo.paste("red", (1500, 1000, 2500, 2000))
    photo.save(taken, "JPEG", quality=92)
    assert len(taken.getvalue()) > 5_000_000
    page = screen.page
    before = page.locator("img.avatar").get_attribute("src") if page.locator("img.avatar").count() else None
    page.get_by_role("button", name="Change the picture").first.click()
    chosen = {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": taken.getvalue()}
    page.get_by_label("Picture", exact=True).set_input_files(chosen)  # type: ignore[arg-type]
    expect(page.get_by_role("button", name="Use this picture")).to_be_enabled()
    page.get_by_role("button", name="Use this picture").click()
    face = page.locator(f'img.avatar:not([src="{before}"])')
    expect(face).to_be_visible()
    assert face.evaluate("image => image.complete && image.naturalWidth") == 256
    colour = face.evaluate(
        "image => { const c = document.createElement('canvas').getContext('2d'); c.drawImage(image, 0, 0);"
        " return [...c.getImageData(128, 128, 1, 1).data]; }"
    )
    assert colour[0] > 200 > 60 > max(colour[1:3])
    screen.expect_in_order()


def test_signs_tell_what_happened_without_a_mouse(screen: Screen) -> None:
    sign = screen.page.locator(".sign--lit").first
    sign.focus()
    expect(sign.locator(".sign__tip")).to_be_visible()
    expect(sign).to_contain_text("once, last")
    assert screen.page.locator(".sign--lit").count() == len(MESSAGES)


def test_history_goes_on_by_scrolling_and_is_narrowed(screen: Screen) -> None:
    page = screen.page
    lines = page.locator("#history > li:not(.timeline__more)")
    assert lines.count() == 20
    page.locator(".timeline__more").scroll_into_view_if_needed()
    expect(lines).not_to_have_count(20)
    page.get_by_label("Event name").fill("opened")
    expect(lines).to_have_count(1)
    lines.first.locator("summary").click()
    expect(lines.first.locator("pre")).to_contain_text('"event": "Email Opened"')
    screen.expect_in_order()
    page.get_by_label("Event name").fill("")
    page.locator("summary", has_text="All kinds").click()
    page.get_by_label("Email Sent").check()
    expect(lines).to_have_count(1)
    page.get_by_label("From", exact=True).fill("2020-01-01")
    page.get_by_label("To", exact=True).fill("2020-01-02")
    expect(page.get_by_text("Nothing of this kind has happened.")).to_be_visible()
    screen.expect_in_order()


def test_merged_and_split_from_the_picture_and_taken_back(screen: Screen, width: int) -> None:
    page = screen.page
    why = page.locator("#why")
    edge = why.get_by_role("link", name="Merge 1", exact=True)
    edge.focus()
    expect(edge).to_be_focused()
    expect(why.get_by_role("link", name=f"User ID ana-{width}, first seen on profile")).to_have_count(1)

    why.get_by_role("link", name="Merge with…").click()
    page.get_by_label("Search people").fill(f"T{width}")
    page.locator("#candidates a").first.click()
    page.get_by_label("Reason").fill("same shoes")
    page.get_by_role("button", name="Merge them").click()
    expect(page.get_by_text("They are one person now.")).to_be_visible()
    screen.expect_in_order()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The merge is undone")).to_be_visible()
    screen.expect_in_order()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("They are one person now.")).to_be_visible()

    page.locator("#why").get_by_role("link", name="Split").first.click()
    expect(page.get_by_role("heading", name="Becomes a person of their own")).to_be_visible()
    screen.expect_in_order()
    page.get_by_role("button", name="Split them").click()
    expect(page.get_by_text("The merge is undone")).to_be_visible()
    expect(page.locator(".graph__profile--outside").first).to_be_visible()
    screen.expect_in_order()
