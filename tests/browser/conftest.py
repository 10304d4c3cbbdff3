"""A whole installation and a real browser in front of it."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connections
from django.utils import translation
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from proof.stack import Stack

PASSWORD = "correct horse battery staple"
OWNER = "ana.owner@example.com"
DESKTOP, PHONE = 1280, 390
PICTURES = Path(__file__).parents[2] / "docs" / "images"
LANGUAGES = {"en": "English", "es": "Español", "ru": "Русский", "th": "ไทย"}
"""Each language with its name on the door."""
_STILL = """() => Promise.allSettled(document.getAnimations()
    .filter((one) => one.effect.getComputedTiming().endTime !== Infinity).map((one) => one.finished))"""
_taken_by: dict[str, str] = {}
"""Which test took the picture of each name."""

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Installation(Stack):
    """A running stack with an owner who may log in."""

    def send(self, key: str, call: str, **body: Any) -> int:
        """What a client says to collect; returns the status of the answer."""
        return httpx.post(f"{self.collect}/v1/{call}", json=body, auth=(key, "")).status_code


@pytest.fixture(scope="module")
def installation(
    module_database: str, free_ports: Callable[[], int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    from tessera.access import actions
    from tessera.workspaces import queries

    (workspace,) = queries.workspaces()
    actions.create_staff(email=OWNER, role="owner", workspace_id=workspace.id, password=PASSWORD)
    stack = Installation(module_database, free_ports(), tmp_path_factory.mktemp("home"))
    with stack.running("collect", "console", "worker", "jobs"):
        yield stack


@pytest.fixture(scope="module")
def chromium(installation: Installation) -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        reason = "no Chromium on this machine (install the package chromium)"
        if os.environ.get("TESSERA_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread, where Django would refuse to touch the database.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=found, args=list(_QUIET))
        yield browser
        connections.close_all()  # opened beside Playwright's loop: nobody else finds and closes them
        browser.close()


_GIVEN_UP = frozenset({"htmx:sendAbort", "htmx:afterRequest"})
"""What htmx says where a newer question took the place of an older one; of other failures it says more."""


def _is_complaint(said: ConsoleMessage) -> bool:
    return said.type in {"error", "warning"} and said.text not in _GIVEN_UP


class Screen:
    """A tab of the console. Notes what a user would not see: errors in the console, requests to elsewhere."""

    def __init__(self, page: Page, stack: Installation, language: str) -> None:
        self.page = page
        self.language = language
        self.home = stack.console
        self._complaints: list[str] = []
        page.on("console", lambda said: self._note(said.text) if _is_complaint(said) else None)
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("request", lambda sent: None if self._ours(sent.url) else self._note(f"request to {sent.url}"))

    def _note(self, text: str) -> None:
        self._complaints.append(text)

    def _ours(self, url: str) -> bool:
        return url.startswith((self.home, "data:"))

    def open(self, path: str = "/") -> None:
        self.page.goto(self.home + path)

    def say(self, text: str) -> str:
        """The console's words for `text` in the language of this tab."""
        with translation.override(self.language):
            return translation.gettext(text)

    def log_in(self, email: str = OWNER) -> None:
        """Choose the language at the door and get in."""
        self.open("/login")
        self.page.get_by_role("button", name=LANGUAGES[self.language]).click()
        self.page.get_by_label(self.say("E-mail")).fill(email)
        self.page.get_by_label(self.say("Password")).fill(PASSWORD)
        self.page.get_by_role("button", name=self.say("Log in")).click()
        self.page.wait_for_url(self.home + "/")

    def go(self, place: str) -> None:
        """By the menu, as people do; on a phone some places are under “More”."""
        menu = self.page.get_by_role("navigation", name=self.say("Main"))
        link = menu.get_by_role("link", name=self.say(place))
        if not link.count():
            menu.get_by_text(self.say("More"), exact=True).click()
        link.click()

    def complaints(self) -> list[str]:
        """What the page complained of since one asked last."""
        said, self._complaints[:] = list(self._complaints), []
        return said

    def picture(self, name: str, *, whole: bool = False) -> None:
        """With `TESSERA_SCREENSHOTS=1` docs/images has the screen under this name, which one test alone may use."""
        if os.environ.get("TESSERA_SCREENSHOTS"):
            test = os.environ["PYTEST_CURRENT_TEST"]
            assert (name, _taken_by.setdefault(name, test)) == (name, test)
            PICTURES.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=PICTURES / f"{name}.png", full_page=whole)

    def disorder(self) -> list[str]:
        """What is wrong with the page: what displeases axe (WCAG 2 A and AA and its own best practices), how much wider
        than the screen it is, and what it complained of."""
        self.page.evaluate(_STILL)  # a message that is still rising has no contrast yet
        violations = Axe().run(self.page).response["violations"]
        found = [f"{one['id']}: {node['html']}" for one in violations for node in one["nodes"]]
        too_wide = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if too_wide > 0:
            found.append(f"{self.page.url} is {too_wide} pixels too wide")
        return found + self._complaints

    def expect_in_order(self, name: str = "", *, whole: bool = False) -> None:
        """There is no disorder. With `TESSERA_SCREENSHOTS=1` the page's picture goes to docs/images under this name."""
        assert self.disorder() == []
        if name:
            self.picture(name, whole=whole)


@pytest.fixture
def open_screen(chromium: Browser, installation: Installation) -> Iterator[Callable[[str, int], Screen]]:
    """`open_screen("es", PHONE)` is a tab of a browser of its own, in Madrid."""
    contexts: list[BrowserContext] = []

    def opened(language: str, width: int) -> Screen:
        context = chromium.new_context(
            viewport={"width": width, "height": 900 if width > 700 else 844},
            locale={"en": "en-GB", "es": "es-ES", "ru": "ru-RU", "th": "th-TH"}[language],
            timezone_id="Europe/Madrid",
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(20_000)
        contexts.append(context)
        return Screen(context.new_page(), installation, language)

    yield opened
    for context in contexts:
        context.close()
