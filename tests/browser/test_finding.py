"""A person is found by whatever one has of them, wide and narrow; in Spanish their card is worked on too."""

from collections.abc import Callable
from uuid import UUID

import pytest
from playwright.sync_api import expect

from browser.conftest import DESKTOP, PHONE, Installation, Screen

pytestmark = pytest.mark.browser
Opened = Callable[[str, int], Screen]
NAME, EMAIL = "Quetzal Ibáñez", "quetzal.ibanez@example.com"


@pytest.fixture(scope="module")
def person(installation: Installation) -> UUID:
    key = installation.write_key("Shop")
    traits = {"firstName": "Quetzal", "lastName": "Ibáñez", "email": EMAIL, "phone": "+34600123987"}
    while installation.send(key, "identify", userId="crm-77", traits=traits) == 401:
        pass
    for number in range(3):
        installation.send(key, "identify", userId=f"o-{number}", traits={"name": f"Other {number}"})
    installation.settle()
    ((found,),) = installation.rows("SELECT profile_id FROM identity_identifier WHERE value = 'crm-77'")
    return UUID(str(found))


@pytest.mark.parametrize(("language", "width"), [("en", DESKTOP), ("en", PHONE), ("es", DESKTOP), ("es", PHONE)])
def test_by_name_address_number_and_identifier(open_screen: Opened, person: UUID, language: str, width: int) -> None:
    screen = open_screen(language, width)
    page, say = screen.page, screen.say
    screen.log_in()
    for known in ("quetz", "ibanez", "quetzal.ibanez@exa", "+34 600 123 987", "crm-77"):
        screen.go("People")
        page.get_by_label(say("Search people")).fill(known)
        expect(page.get_by_role("link", name="Other")).to_have_count(0)
        expect(page.get_by_role("link", name=NAME).first, f"nobody is found by {known}").to_be_visible()
        page.get_by_role("link", name=NAME).first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(NAME)
        assert str(person) in page.url, known

    page.get_by_role("button", name=say("Search or jump to")).click()
    page.get_by_role("dialog").get_by_role("combobox").fill("quetzal.ibanez@")
    page.get_by_role("option", name=NAME).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(NAME)


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_the_card_is_worked_on_in_spanish(open_screen: Opened, person: UUID, width: int) -> None:
    screen = open_screen("es", width)
    page, say = screen.page, screen.say
    screen.log_in()
    screen.open(f"/people/{person}")

    page.get_by_role("button", name=say("Change the status")).first.click()
    dialog = page.get_by_role("dialog", name=say("Change the status"))
    dialog.get_by_label(say("Status")).select_option("suspended")
    dialog.get_by_label(say("Reason")).fill(f"de viaje {width}")
    screen.expect_in_order()
    dialog.get_by_role("button", name=say("Change the status")).click()
    expect(page.get_by_text(say("The status is changed."))).to_be_visible()
    expect(page.get_by_text(f"de viaje {width}").first).to_be_attached()

    page.get_by_role("link", name=say("Make a tab of your own")).first.click()
    arrange = page.get_by_role("dialog", name=say("Arrange the card"))
    arrange.get_by_label(say("Name")).fill(f"Zapatos {width}")
    screen.expect_in_order()
    arrange.get_by_role("button", name=say("Save")).last.click()
    page.get_by_role("button", name=say("Pin first")).click()
    first = page.get_by_role("navigation", name=say("Parts of the card")).get_by_role("link").first
    expect(first).to_contain_text(f"Zapatos {width}")
    screen.expect_in_order()
