"""Second factors in a real browser, a support agent's masked card, and axe on every screen about access."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pyotp
import pytest
from playwright.sync_api import Page, expect

from browser.conftest import DESKTOP, OWNER, PASSWORD, PHONE, Installation, Screen

pytestmark = pytest.mark.browser
Opened = Callable[[str, int], Screen]
SUPPORT = "sam.support@example.com"


@pytest.fixture(scope="module")
def installation(
    module_database: str, free_ports: Callable[[], int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Under the name localhost: browsers allow passkeys there without TLS, and on bare addresses never."""
    from tessera.access import actions
    from tessera.workspaces import queries

    (workspace,) = queries.workspaces()
    for email, role in ((OWNER, "owner"), (SUPPORT, "support")):
        actions.create_staff(email=email, role=role, workspace_id=workspace.id, password=PASSWORD)
    stack = Installation(module_database, free_ports(), tmp_path_factory.mktemp("home"))
    stack.console = stack.console.replace("127.0.0.1", "localhost")
    stack._environment["TESSERA_CONSOLE_URL"] = stack.console
    with stack.running("collect", "console", "worker"):
        yield stack


def log_in_as(screen: Screen, email: str, *, password: str = PASSWORD) -> None:
    screen.open("/login")
    screen.page.get_by_label("E-mail").fill(email)
    screen.page.get_by_label("Password").fill(password)
    screen.page.get_by_role("button", name="Log in").click()


def new_colleague(installation: Installation, name: str, role: str = "admin") -> str:
    from tessera.access import actions

    email = f"{name}@example.com"
    actions.create_staff(email=email, role=role, workspace_id=1, password=PASSWORD)
    return email


def open_menu(page: Page, item: str) -> None:
    page.get_by_text("Your account").locator("xpath=ancestor::summary").click()
    page.get_by_role("link", name=item).click()


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_an_app_is_set_up_and_asked_for(open_screen: Opened, installation: Installation, width: int) -> None:
    screen, email = open_screen("en", width), new_colleague(installation, f"totp{width}")
    page = screen.page
    log_in_as(screen, email)
    page.wait_for_url(installation.console + "/")
    open_menu(page, "Security")
    screen.expect_in_order("security" if width == DESKTOP else "security-phone")
    page.get_by_role("button", name="Set up an app").click()
    app = pyotp.TOTP(page.locator("#totp-secret").inner_text().replace(" ", ""))
    screen.expect_in_order("totp" if width == DESKTOP else "totp-phone")
    page.get_by_label("Code", exact=True).fill(app.now())
    page.get_by_role("button", name="Turn it on").click()
    codes = page.locator("#recovery-codes").inner_text().split()
    assert len(codes) == 10
    screen.expect_in_order()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("button", name="Remove the app")).to_be_visible()
    screen.expect_in_order()

    other = open_screen("en", width)
    log_in_as(other, email)
    expect(other.page.get_by_role("heading", name="One more step")).to_be_visible()
    other.expect_in_order("second-step" if width == DESKTOP else "second-step-phone")
    other.open("/people")
    expect(other.page.get_by_role("heading", name="Log in to Tessera")).to_be_visible()
    log_in_as(other, email)
    other.page.get_by_label("Code").fill(codes[0])
    other.page.get_by_role("button", name="Go on").click()
    other.page.wait_for_url("**/")
    other.open("/people")
    expect(other.page.get_by_role("heading", level=1, name="People")).to_be_visible()


def test_a_passkey_opens_the_door(open_screen: Opened, installation: Installation) -> None:
    screen, email = open_screen("en", DESKTOP), new_colleague(installation, "passkey")
    page = screen.page
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    authenticator = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": authenticator})
    log_in_as(screen, email)
    page.wait_for_url(installation.console + "/")
    screen.open("/security")
    page.get_by_label("Name of the passkey").fill("Finger")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.locator("#recovery-codes")).to_be_visible()
    screen.open("/security")
    expect(page.locator("b", has_text="Finger")).to_be_visible()
    screen.expect_in_order()

    page.context.clear_cookies()
    screen.open("/people")
    screen.expect_in_order("login")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(installation.console + "/people")

    page.context.clear_cookies()
    log_in_as(screen, email)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(installation.console + "/")


@pytest.fixture(scope="module")
def person(installation: Installation) -> UUID:
    key = installation.write_key("Shop", kind="site")
    call = {"userId": "u-1", "traits": {"email": "zoe@quux.example", "firstName": "Zoe", "phone": "+34600777888"}}
    while installation.send(key, "identify", **call) == 401:
        pass
    installation.send(key, "track", userId="u-1", event="Signed Up", properties={"email": "zoe@quux.example"})
    installation.settle()
    ((found,),) = installation.rows("SELECT profile_id FROM identity_identifier WHERE value = 'u-1'")
    return UUID(str(found))


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_a_support_agent_reads_a_masked_card(
    open_screen: Opened, installation: Installation, person: UUID, width: int
) -> None:
    screen = open_screen("en", width)
    log_in_as(screen, SUPPORT)
    screen.page.wait_for_url(installation.console + "/")

    for path in (f"/people/{person}", "/people", "/live"):
        screen.open(path)
        text = screen.page.content()
        assert not [secret for secret in ("zoe@", "Zoe", "600777888") if secret in text], path
        screen.expect_in_order("person-masked" if width == DESKTOP and str(person) in path else "")
    screen.open("/people")
    screen.page.get_by_label("Search people").fill("zoe")
    expect(screen.page.get_by_text("Nobody found for “zoe”")).to_be_visible()
    screen.page.get_by_label("Search people").fill("zoe@quux.example")
    expect(screen.page.get_by_role("link", name="Z•••")).to_be_visible()


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_the_screens_about_access_are_in_order(open_screen: Opened, installation: Installation, width: int) -> None:
    screen, email = open_screen("en", width), f"invited{width}@example.com"
    page, suffix = screen.page, "" if width == DESKTOP else "-phone"
    screen.log_in()
    screen.open("/staff")
    page.get_by_role("link", name="Invite somebody").click()
    screen.expect_in_order(f"invite{suffix}")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Role").select_option("support")
    page.get_by_role("button", name="Make the link").click()
    link = page.locator("#invitation-link").inner_text()
    screen.expect_in_order()

    invited = open_screen("en", width)
    invited.page.goto(link)
    invited.expect_in_order(f"join{suffix}")
    invited.page.get_by_label("Your password", exact=True).fill(PASSWORD)
    invited.page.get_by_label("Your password again").fill(PASSWORD)
    invited.page.get_by_role("button", name="Join").click()
    expect(invited.page.get_by_text("Welcome. Log in with")).to_be_visible()
    invited.expect_in_order()
    invited.page.goto(link)
    expect(invited.page.get_by_role("heading", name="This link opens nothing")).to_be_visible()

    screen.open("/staff")
    screen.expect_in_order()
    page.get_by_role("link", name=email).click()
    screen.expect_in_order(f"member{suffix}", whole=True)
    page.get_by_role("button", name="Shut out").first.click()
    screen.expect_in_order()
    page.get_by_role("dialog").get_by_role("button", name="Shut out").click()
    expect(page.get_by_text("They are shut out")).to_be_visible()

    screen.open("/keys")
    screen.expect_in_order()
    page.get_by_role("link", name="New key").click()
    screen.expect_in_order(f"new-key{suffix}", whole=True)
    page.get_by_label("Name").fill("CRM sync")
    page.get_by_label("Read people, their history").check()
    page.get_by_role("button", name="Make the key").click()
    assert page.locator("#api-key").inner_text().startswith("tsk_")
    screen.expect_in_order()
    page.get_by_role("link", name="I have copied it").click()
    screen.expect_in_order(f"keys{suffix}")
    screen.open("/audit")
    screen.expect_in_order(f"audit{suffix}")
    screen.open("/prove?next=/staff")
    screen.expect_in_order(f"prove{suffix}")
