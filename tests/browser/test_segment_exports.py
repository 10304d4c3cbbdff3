"""An automatic export from its form to its first delivery, through the real jobs, on a desk and on a phone."""

from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
import pytest
from playwright.sync_api import expect

from browser.conftest import DESKTOP, PHONE, Installation, Screen
from factories.people import ingest, message
from tessera.audience.segments import actions
from tessera.audience.segments.records import NewSegment, Segment
from tessera.foundation.database import connect

pytestmark = pytest.mark.browser
Connection = psycopg.Connection[tuple[object, ...]]
JOB = 90_000
"""Milliseconds a job may take to be begun and done on a busy machine."""


def a_segment(live: Connection, name: str) -> Segment:
    ingest(live, 1, [message("identify", userId=f"u-{name}", traits={"email": f"{name.lower()}@example.com"})])
    with live.transaction():
        return actions.create(live, workspace_id=1, new=NewSegment(name=name), actor="ana", now=datetime.now(UTC))


@pytest.mark.parametrize(("language", "width"), [("en", DESKTOP), ("es", PHONE)])
def test_from_a_form_to_a_delivery(
    language: str, width: int, open_screen: Callable[[str, int], Screen], installation: Installation
) -> None:
    screen = open_screen(language, width)
    screen.log_in()
    page, say = screen.page, screen.say
    screen.open("/segment-exports")
    screen.expect_in_order()
    with connect(autocommit=True) as live:
        segment = a_segment(live, f"Friends{width}")
        screen.open("/segment-exports/new")
        page.get_by_label(say("Segment")).select_option(segment.name)
        page.get_by_label(say("Name")).fill("To the lake")
        page.get_by_label(say("Address of the webhook")).fill("https://127.0.0.1/in")
        screen.expect_in_order(f"segment-export-form-{width}", whole=True)
        page.get_by_label(say("A bucket (S3)")).check()
        page.get_by_label(say("Every day")).check()
        expect(page.get_by_label(say("Access key ID"))).to_be_visible()
        screen.expect_in_order(f"segment-export-bucket-{width}", whole=True)
        page.get_by_label(say("A webhook")).check()
        page.get_by_label(say("Within seconds of every change")).check()
        page.get_by_role("button", name=say("Begin to deliver")).click()
        expect(page.get_by_text("tws_")).to_be_visible()
        screen.expect_in_order()
        page.get_by_role("link", name=say("I have copied it")).click()
        screen.expect_in_order()

        said = {"workspace_id": 1, "segment_id": segment.id, "actor": "ana", "now": datetime.now(UTC)}
        actions.add_people(live, items=[f"user_id:u-{segment.name}"], **said)  # type: ignore[arg-type]
        told = page.get_by_text(say("We may not call that address: it is none of the web, or has no https.")).first
        for _ in range(JOB // 1_000):
            if told.is_visible():
                break
            page.wait_for_timeout(1_000)
            page.reload()
    expect(told).to_be_visible()
    screen.expect_in_order(f"segment-export-{width}", whole=True)
    screen.open("/segment-exports")
    screen.expect_in_order(f"segment-exports-{width}", whole=True)
