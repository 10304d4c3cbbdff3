"""Bringing people in by a file and taking them out again, as a marketer does it, on a desk and on a phone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from browser.conftest import DESKTOP, PHONE, Installation, Screen

pytestmark = pytest.mark.browser
JOB = 90_000
"""Milliseconds a job may take to be begun and done on a busy machine."""

ROWS = 2_000
BAD = {n * 250 for n in range(1, 8)}


def people(mark: str) -> str:
    """2,000 people, 7 of them with an address that is none."""
    lines = ["Correo;Nombre;Puntos;Nota"]
    for number in range(1, ROWS + 1):
        email = "nobody" if number in BAD else f"{mark}{number}@example.com"
        lines.append(f"{email};Person {number};{number % 90},5;=1+{number}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_from_a_file_to_people_and_back(
    width: int, open_screen: Callable[[str, int], Screen], installation: Installation, tmp_path: Path
) -> None:
    screen = open_screen("en", width)
    screen.log_in()
    page = screen.page
    file = tmp_path / "people.csv"
    file.write_text(people(f"w{width}-"))
    screen.open("/imports")
    screen.expect_in_order()

    screen.open("/imports/new")
    screen.expect_in_order(f"import-file-{width}", whole=True)
    page.get_by_label("Choose a file").set_input_files(file)
    page.get_by_role("button", name="Upload").press("Enter")

    expect(page.get_by_role("heading", name="What we found", level=1)).to_be_visible()
    expect(page.get_by_label("Delimiter")).to_have_value(";")
    expect(page.get_by_role("cell", name=f"w{width}-1@example.com")).to_be_visible()
    page.get_by_label("Delimiter").select_option("Comma")
    expect(page.get_by_role("columnheader", name="Correo;Nombre;Puntos;Nota")).to_be_visible()
    page.get_by_label("Delimiter").select_option("Semicolon")
    expect(page.get_by_role("columnheader", name="Correo", exact=True)).to_be_visible()
    screen.expect_in_order(f"import-found-{width}", whole=True)
    page.get_by_role("button", name="Go on to the columns").press("Enter")

    expect(page.get_by_label("Where Correo goes")).to_have_value("E-mail")
    expect(page.get_by_label("Where Nombre goes")).to_have_value("First name")
    page.get_by_label("Where Nota goes").fill("")
    expect(page.get_by_text("not imported").filter(visible=True)).to_have_count(1)
    screen.expect_in_order(f"import-columns-{width}", whole=True)
    page.get_by_role("button", name="Try it without importing").press("Enter")

    expect(page.get_by_role("button", name="Import now")).to_be_visible(timeout=JOB)
    expect(page.get_by_role("definition").filter(has_text="1,993")).to_be_visible()
    expect(page.get_by_text("row left out").first).to_be_visible()
    screen.expect_in_order(f"import-dry-run-{width}", whole=True)
    with page.expect_download() as downloading:
        page.get_by_role("link", name="All of it as CSV").click()
    assert len(Path(downloading.value.path()).read_text().splitlines()) == 1 + len(BAD)
    page.get_by_role("button", name="Import now").press("Enter")

    expect(page.get_by_role("button", name="Undo")).to_be_visible(timeout=JOB)
    screen.expect_in_order(f"import-done-{width}", whole=True)
    values = installation.rows("SELECT value FROM identity_identifier WHERE kind = 'email'")
    assert sum(value.startswith(f"w{width}-") for (value,) in values) == ROWS - len(BAD)
    screen.open("/imports")
    expect(page.get_by_role("row", name="people.csv").first).to_contain_text("1,993")
    screen.expect_in_order(f"imports-{width}", whole=True)

    take_out(screen, width)
    take_back(screen, installation, width)


def take_back(screen: Screen, installation: Installation, width: int) -> None:
    page = screen.page
    screen.open("/imports")
    page.get_by_role("link", name="people.csv").first.click()
    page.get_by_role("button", name="Undo").click()
    screen.expect_in_order()
    page.get_by_role("button", name="Undo the import").press("Enter")
    expect(page.get_by_role("heading", name="What undoing removed")).to_be_visible(timeout=JOB)
    screen.expect_in_order(f"import-undone-{width}", whole=True)
    values = installation.rows("SELECT value FROM identity_identifier WHERE kind = 'email'")
    assert not [value for (value,) in values if value.startswith(f"w{width}-")]


def take_out(screen: Screen, width: int) -> None:
    page = screen.page
    screen.open("/exports/new")
    expect(page.get_by_role("columnheader", name="first_name")).to_be_visible()
    page.get_by_label("History: one row for each event").check()
    expect(page.get_by_role("columnheader", name="occurred_at")).to_be_visible()
    page.get_by_label("People: one row for each").check()
    expect(page.get_by_role("columnheader", name="first_name")).to_be_visible()
    page.get_by_label("Only these people").fill(f"w{width}-1@example.com\nw{width}-2@example.com")
    expect(page.get_by_role("cell", name=f"w{width}-2@example.com").first).to_be_visible()
    screen.expect_in_order(f"export-new-{width}", whole=True)
    page.get_by_role("button", name="Make the file").press("Enter")

    link = page.get_by_role("link", name="Download people-").first
    expect(link).to_be_visible(timeout=JOB)
    screen.expect_in_order(f"exports-{width}", whole=True)
    with page.expect_download() as downloading:
        link.click()
    lines = Path(downloading.value.path()).read_text().splitlines()
    assert [f"w{width}-1@example.com" in line for line in lines] == [False, True, False]
    page.get_by_role("button", name="Delete people-").first.click()
    screen.expect_in_order()
    page.get_by_role("button", name="Delete the export").filter(visible=True).click()
    expect(page.get_by_text("The export and its file are deleted.")).to_be_visible()


def test_what_is_no_file_of_people_is_said_at_once(open_screen: Callable[[str, int], Screen], tmp_path: Path) -> None:
    screen = open_screen("en", PHONE)
    screen.log_in()
    screen.open("/imports/new")
    file = tmp_path / "people.csv"
    file.write_bytes(b"%PDF-1.7" + b"x" * 1_500_000)
    screen.page.get_by_label("Choose a file").set_input_files(file)
    screen.page.get_by_role("button", name="Upload").click()
    expect(screen.page.get_by_role("alert")).to_contain_text("This file cannot be taken in.")


def test_a_small_file_goes_without_scripts(
    chromium: Any, installation: Installation, tmp_path: Path, open_screen: Callable[[str, int], Screen]
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    try:
        page.goto(installation.console + "/login")
        page.get_by_label("E-mail").fill("ana.owner@example.com")
        page.get_by_label("Password").fill("correct horse battery staple")
        page.get_by_role("button", name="Log in").click()
        page.goto(installation.console + "/imports/new")
        file = tmp_path / "few.csv"
        file.write_text("email,plan\nfew@example.com,pro\n")
        page.get_by_label("Choose a file").set_input_files(file)
        page.get_by_role("button", name="Upload").click()
        expect(page.get_by_role("cell", name="few@example.com")).to_be_visible()
        page.get_by_role("button", name="Go on to the columns").click()
        page.get_by_role("button", name="Try it without importing").click()
        expect(page.get_by_role("heading", name="few.csv")).to_be_visible()
    finally:
        context.close()
