"""Reading the catalogue page by page, and deciding about names."""

from typing import Any

import psycopg
import pytest

from factories.people import ingest, message
from tessera.events import catalogue, dictionary, problems, rehearsal
from tessera.events.dictionary import (
    BUILT_IN,
    Change,
    ChangedMeanwhile,
    InvalidCursor,
    InvalidName,
    TooManyNames,
    Wanted,
    settings_of,
)
from tessera.events.event import Field
from tessera.events.fitting import Declaration, InvalidDeclaration
from tessera.events.rules import CannotBlock
from tessera.foundation.clock import now_micros, to_datetime
from tessera.foundation.errors import NotFound

Connection = psycopg.Connection[Any]
CLERK = "clerk@example.com"
PLAN: Field = ("attribute", "", "plan")


def change(live: Connection, workspace_id: int, field: Field, **wanted: Any) -> dictionary.Changed:
    with live.transaction():
        return dictionary.change_entry(
            live, workspace_id=workspace_id, field=field, change=Change(**wanted), actor=CLERK
        )


@pytest.fixture
def shop(live: Connection, workspace_id: int) -> int:
    """Some names: seen often, seldom, from two sources."""
    for n in range(3):
        ingest(live, workspace_id, [message(userId="u1", event="Viewed", properties={"sku": str(n)})], source_id=1)
    ingest(live, workspace_id, [message(userId="u1", event="Bought", properties={"total": 5})], source_id=2)
    ingest(live, workspace_id, [message("identify", userId="u1", traits={"plan": "pro", "visits": 3})], source_id=2)
    while catalogue.add_up(live):
        pass
    return workspace_id


def names(live: Connection, workspace_id: int, **wanted: Any) -> list[str]:
    return [entry.name for entry in dictionary.find(live, workspace_id, Wanted(**wanted)).entries]


def test_built_in_types_are_those_of_the_standard_attributes() -> None:
    from tessera.profiles import attributes

    assert set(attributes._READ) | {"phone"} == BUILT_IN


def test_filters_find_what_they_say(live: Connection, shop: int) -> None:
    change(live, shop, PLAN, declared_type="text", personal=True)
    assert names(live, shop, kind="event") == ["Viewed", "Bought", "Identified"]
    assert names(live, shop, kind="event", sort="name") == ["Bought", "Identified", "Viewed"]
    assert names(live, shop, search="OUGH") == ["Bought"]
    assert names(live, shop, kind="property", parent="Bought") == ["total"]
    assert names(live, shop, status="declared") == ["plan"]
    assert names(live, shop, type="number", sort="name") == ["visits", "total"]
    assert names(live, shop, personal=True) == ["plan"]
    assert names(live, shop, source_id=1, kind="event") == ["Viewed"]
    assert names(live, shop, search="100%_") == []


@pytest.mark.parametrize("sort", ["volume", "name", "newest", "misfits"])
def test_pages_follow_each_other_without_gaps_or_repeats(live: Connection, shop: int, sort: Any) -> None:
    whole = [entry.field for entry in dictionary.find(live, shop, Wanted(sort=sort)).entries]
    found: list[Field] = []
    after = None
    while True:
        page = dictionary.find(live, shop, Wanted(sort=sort), after=after, limit=2)
        found += [entry.field for entry in page.entries]
        after = page.next
        if after is None:
            break
    assert found == whole
    assert len(set(found)) == len(found) == 7


@pytest.mark.parametrize("cursor", ["", "x", "é", "W10", "WzEsMiwzLDRd", "////"])
def test_cursors_that_are_not_ours_are_refused(live: Connection, shop: int, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        dictionary.find(live, shop, Wanted(), after=cursor)
    with pytest.raises(InvalidCursor):
        problems.find(live, shop, problems.Wanted(), after=cursor)


def test_declaring_blocking_and_going_back(live: Connection, shop: int) -> None:
    from tessera.access.queries import audit_entries

    declared = change(live, shop, PLAN, declared_type="text", allowed=["free", "pro"]).entry
    assert (declared.status, declared.declared_type, declared.allowed) == ("declared", "text", ["free", "pro"])
    assert change(live, shop, PLAN, status="blocked").entry.status == "blocked"
    with live.transaction():
        back = dictionary.unblock(live, workspace_id=shop, field=PLAN, actor=CLERK).entry
    assert (back.status, back.declared_type, back.allowed) == ("declared", "text", ["free", "pro"])
    seen = change(live, shop, PLAN, status="seen").entry
    assert (seen.status, seen.declared_type, seen.allowed) == ("seen", None, None)

    newest, *_ = audit_entries(shop)
    assert (newest.actor, newest.action, newest.target) == (CLERK, "change_catalogue", "attribute:plan")
    assert newest.detail["status"] == {"from": "declared", "to": "seen"}
    assert len(audit_entries(shop)) == 5


def test_an_undo_goes_back_unless_somebody_else_decided_meanwhile(live: Connection, shop: int) -> None:
    changed = change(live, shop, PLAN, status="hidden", description="What they pay for")
    now = settings_of(changed.entry)

    def undo() -> dictionary.Changed:
        with live.transaction():
            return dictionary.restore(live, workspace_id=shop, field=PLAN, now=now, to=changed.before, actor=CLERK)

    assert settings_of(undo().entry) == changed.before
    with pytest.raises(ChangedMeanwhile):
        undo()


def test_a_name_may_be_declared_before_it_comes_and_undone_without_a_trace(live: Connection, shop: int) -> None:
    field: Field = ("attribute", "", "loyalty_level")
    changed = change(live, shop, field, declared_type="number")
    assert (changed.entry.first_seen, changed.entry.volume) == (None, 0)
    with live.transaction():
        dictionary.restore(
            live, workspace_id=shop, field=field, now=settings_of(changed.entry), to=changed.before, actor=CLERK
        )
    assert dictionary.entry_of(live, shop, field) is None


@pytest.mark.parametrize(
    ("field", "wanted", "error"),
    [
        (("event", "", "Identified"), {"status": "blocked"}, CannotBlock),
        (("event", "", "Bought"), {"declared_type": "text"}, InvalidDeclaration),
        (("attribute", "", "email"), {"declared_type": "number"}, InvalidDeclaration),
        (("attribute", "", "firstName"), {"declared_type": "text"}, InvalidDeclaration),
        (PLAN, {"status": "declared"}, InvalidDeclaration),
        (PLAN, {"allowed": ["a"]}, InvalidDeclaration),
        (PLAN, {"declared_type": "number", "allowed": ["many"]}, InvalidDeclaration),
        (PLAN, {"declared_type": "colour"}, InvalidDeclaration),
        (PLAN, {"description": "x" * 1001}, InvalidDeclaration),
        (("property", "", "total"), {"personal": True}, InvalidName),
        (("attribute", "Bought", "total"), {"personal": True}, InvalidName),
        (("colour", "", "total"), {"personal": True}, InvalidName),
        (("attribute", "", ""), {"personal": True}, InvalidName),
        (("attribute", "", "a\0b"), {"personal": True}, InvalidName),
        (("attribute", "", "a" * 256), {"personal": True}, InvalidName),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    live: Connection, shop: int, field: Field, wanted: dict[str, Any], error: type[Exception]
) -> None:
    before = catalogue.entries(live, shop)
    with pytest.raises(error):
        change(live, shop, field, **wanted)
    assert catalogue.entries(live, shop) == before


def test_staff_cannot_go_beyond_the_limits(live: Connection, shop: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalogue.LIMITS, "attribute", 2)
    with pytest.raises(TooManyNames):
        change(live, shop, ("attribute", "", "one_more"), declared_type="text")
    assert change(live, shop, PLAN, declared_type="text").entry.status == "declared"


def test_another_workspace_has_its_own_names(live: Connection, shop: int) -> None:
    from tessera.workspaces.actions import create_workspace

    other = create_workspace(slug="other", name="Other").id
    change(live, shop, ("event", "", "Viewed"), status="blocked")
    assert dictionary.find(live, other, Wanted()).entries == []
    with pytest.raises(NotFound), live.transaction():
        dictionary.unblock(live, workspace_id=other, field=("event", "", "Viewed"), actor=CLERK)
    ingest(live, other, [message(userId="x", event="Viewed")], source_id=9)
    assert live.execute("SELECT count(*) FROM events_history WHERE workspace_id = %s", (other,)).fetchone() == (1,)


def test_a_rehearsal_says_how_much_would_fit(live: Connection, workspace_id: int) -> None:
    values: list[Any] = [1, "2", "three", None, {"inc": 1}]
    sent = [message("identify", userId="u1", traits={"visits": value}) for value in values]
    sent += [message(userId="u1", event="Bought", context={"traits": {"visits": 9}}, properties={"visits": "no"})]
    sent += [message("group", userId="u1", groupId="g", traits={"visits": "of a group"})]
    ingest(live, workspace_id, sent)

    found = rehearsal.rehearse(live, [1], ("attribute", "", "visits"), Declaration("number"))
    assert (found.events, found.values, found.fitting, found.misfits) == (7, 6, 5, ["three"])
    assert found.types == {"number": 3, "text": 2}
    other = rehearsal.rehearse(live, [1], ("property", "Bought", "visits"), Declaration("number"))
    assert (other.values, other.fitting) == (1, 0)
    assert rehearsal.rehearse(live, [1], ("event", "", "Bought"), None).values == 1
    assert rehearsal.rehearse(live, [2], ("attribute", "", "visits"), None).events == 0


def test_a_problem_is_acknowledged_and_opens_again_when_it_happens_again(live: Connection, workspace_id: int) -> None:
    from tessera.access.queries import audit_entries

    def misfit() -> None:
        ingest(live, workspace_id, [message("identify", userId="u1", traits={"gender": "blue"})])
        while catalogue.add_up(live):
            pass

    def acknowledge(**of: Any) -> None:
        known = {"field": ("attribute", "", "gender"), "code": "does_not_fit", "source_id": 1} | of
        with live.transaction():
            problems.acknowledge(
                live, workspace_id=workspace_id, actor=CLERK, **{"now": to_datetime(now_micros())} | known
            )

    misfit()
    acknowledge()
    (known,) = problems.find(live, workspace_id, problems.Wanted(open=False)).problems
    assert (known.acknowledged_by, problems.count_open(live, workspace_id)) == (CLERK, 0)
    assert audit_entries(workspace_id)[0].action == "acknowledge_problem"
    misfit()
    assert problems.count_open(live, workspace_id) == 1
    acknowledge()
    acknowledge(now=None)
    assert problems.count_open(live, workspace_id) == 1
    with pytest.raises(NotFound):
        acknowledge(source_id=2)


def test_problems_page_by_key(live: Connection, workspace_id: int) -> None:
    sent = [message("identify", userId="u1", traits={f"n{n}": {"inc": "x"} for n in range(k)}) for k in range(1, 8)]
    ingest(live, workspace_id, sent)
    while catalogue.add_up(live):
        pass
    found = []
    after = None
    while True:
        page = problems.find(live, workspace_id, problems.Wanted(sort="count"), after=after, limit=3)
        found += [(one.name, one.count) for one in page.problems]
        after = page.next
        if after is None:
            break
    assert found == [(f"n{n}", 7 - n) for n in range(7)]
