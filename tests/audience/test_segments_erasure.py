"""Segments and who is erased: nobody enters after it, and what is left of a condition means nobody."""

import threading
import time
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from audience.test_segments import condition, identified, made, members, told
from factories.analysis import Analysis
from factories.people import ingest, root
from tessera.audience.changes import Changes
from tessera.audience.conditions.registry import from_json
from tessera.audience.redacting import without_contacts
from tessera.audience.segments import membership, queries
from tessera.audience.text.writer import to_text
from tessera.foundation.database import connect
from tessera.foundation.redaction import Redactor
from tessera.privacy.actions import erase_person

Connection = psycopg.Connection[Any]


def test_who_was_erased_enters_nothing_while_the_warehouse_still_has_them(
    live: Connection, workspace_id: int, analysis: Analysis
) -> None:
    ingest(live, workspace_id, [identified("ana", country="ES"), identified("luis", country="ES")])
    known = made(live, workspace_id, "Known", 'country = "ES" and @bucket >= 0', kept=True)
    analysis.settle()
    ana, luis = root(live, "user_id", "ana"), root(live, "user_id", "luis")
    assert ana is not None
    whole = made(live, workspace_id, "Whole", 'country = "ES"', kept=True)
    erase_person(
        live, workspace_id=workspace_id, profile_id=ana, actor="eva", reason="", suppress=False, now=datetime.now(UTC)
    )
    changes = Changes()
    changes.anything = {ana}
    analysis.freshness.note({workspace_id: changes})
    analysis.freshness._listed_at = 0.0
    analysis.freshness.turn()

    assert (members(live, known), members(live, whole)) == ({luis}, {luis})
    left = live.execute("SELECT count(*) FROM audience_member WHERE profile_id = %s", (ana,)).fetchone()
    assert left == (0,)
    assert ana not in [person for _, person in told(live)], "history speaks of who is erased"


@pytest.mark.parametrize(
    ("text", "called", "after"),
    [
        ('email matches "ana@example.com"', "ana@example.com", r'email matches "\\[erased\\]"'),
        ('email matches "^[ana@example.com]"', "ana@example.com", r'email matches "\\[erased\\]"'),
        ('email in ("ana@example.com", "b@example.com")', "ana@example.com", 'email in ("[erased]", "b@example.com")'),
        ('device(app_version < version "4.10.2")', "4.10.2", None),
        ('did("Order Completed", total > 10000)', "Order Completed", None),
        ('related("household") and sum("Order", total) > 5', "household", None),
        ('related("household") and sum("Order", amount) > 5', "amount", None),
        ('did("Wrote to ana@example.com")', "ana@example.com", 'did("Wrote to [erased]")'),
    ],
)
def test_a_condition_without_who_is_erased_can_be_read_and_means_nobody_by_them(
    text: str, called: str, after: str | None
) -> None:
    form = without_contacts(condition(text).decode(), Redactor([called]))
    assert (None if form is None else to_text(from_json(form))) == after


def test_an_erasure_and_an_evaluation_do_not_wait_for_each_other(
    live: Connection, workspace_id: int, analysis: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The segment names who is erased, so both write its row; one of them holds it, the other one every lane."""
    ingest(live, workspace_id, [identified("ana", email="ana@example.com")])
    segment = made(live, workspace_id, "Ana", 'email = "ana@example.com"', kept=True)
    while analysis.analyst.step().rows:
        pass
    analysis.worlds.show(workspace_id, analysis.analyst.warehouse(workspace_id))
    ana = root(live, "user_id", "ana")
    failed: list[Exception] = []

    def erase() -> None:
        with connect(autocommit=True) as theirs:
            try:
                erase_person(
                    theirs, workspace_id=workspace_id, profile_id=ana, actor="eva", reason="", suppress=False,
                    now=datetime.now(UTC),
                )  # fmt: skip
            except psycopg.Error as error:
                failed.append(error)

    erasing = threading.Thread(target=erase)
    become = membership.become

    def slowly(*about: Any, **said: Any) -> Any:
        erasing.start()
        time.sleep(0.7)
        return become(*about, **said)

    monkeypatch.setattr(membership, "become", slowly)
    analysis.freshness.turn()
    erasing.join()
    assert failed == []
    assert queries.segment_by_id(live, workspace_id, segment.id).problem == ""
    monkeypatch.undo()
    analysis.settle()
    assert members(live, segment) == set()
