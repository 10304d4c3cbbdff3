"""The builder: form and text are two sides of one condition; rows that are not finished; answers of the analyst."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings

from console.test_segments import made, people
from factories.analysis import Analysis
from factories.conditions import conditions
from factories.people import ingest, message
from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.registry import to_json
from tessera.audience.segments import queries
from tessera.audience.text.reader import from_text
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.console.segments.choices import Names
from tessera.console.segments.drafts import NodeDraft, draft_of
from tessera.console.segments.making import condition_of
from tessera.console.segments.posting import draft_sent, pressed
from tessera.console.segments.texts import pretty
from tessera.events import catalogue

Live = psycopg.Connection[Any]
Desk = Callable[..., Client]
NOTHING = Names({}, [], {}, {})


def fields_of(draft: NodeDraft, path: str = "r") -> Iterator[tuple[str, str]]:
    """The form as a browser sends it."""
    said = {"kind": draft.kind, "not": "1" if draft.negated else "", "name": draft.name, "was": draft.name}
    said |= {"of": draft.of, "relation": draft.relation, "number": draft.number, "text": draft.text}
    said |= {"parts": str(len(draft.parts)), "where": str(len(draft.where))}
    yield from ((f"{path}:{name}", value) for name, value in said.items())
    for at, test in ((path, draft.test), (f"{path}.when", draft.when)):
        yield from ((f"{at}:{name}", getattr(test, name)) for name in ("op", "type", "value", "other"))
    for number, ask in enumerate(draft.where):
        at = f"{path}.w{number}"
        yield from {f"{at}:name": ask.name, f"{at}:was": ask.name, f"{at}:not": "1" if ask.negated else ""}.items()
        yield from ((f"{at}:{name}", getattr(ask.test, name)) for name in ("op", "type", "value", "other"))
    for number, part in enumerate(draft.parts):
        yield from fields_of(part, f"{path}.{number}")


def meaning(condition: Condition) -> Condition:
    """As the form may write it: a group of one is what it holds."""
    from tessera.audience.conditions.groups import All, AnyOf, Not

    if isinstance(condition, All | AnyOf):
        parts = tuple(meaning(part) for part in condition.of)
        return parts[0] if len(parts) == 1 else type(condition)(of=parts)
    return Not(of=meaning(condition.of)) if isinstance(condition, Not) else condition


@given(conditions)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_condition_goes_through_the_form_and_back(condition: Condition) -> None:
    drawn = draft_of(condition)
    sent = draft_sent(dict(fields_of(drawn)), NOTHING)
    again = condition_of(sent)
    assert again is not None, sent
    assert to_json(meaning(again)) == to_json(meaning(condition))


@given(conditions)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_text_by_lines_is_the_same_condition(condition: Condition) -> None:
    assert from_text(pretty(condition)) == condition


def build(client: Client, **sent: str) -> Any:
    return client.post("/segments/build", sent, headers={"HX-Request": "true"})


def form_of(answer: Any) -> dict[str, str]:
    """What the form sends that an answer shows."""
    return dict(fields_of(answer.context["root"].draft)) | {"side": "form"}


def test_a_condition_is_built_row_by_row(live: Live, workspace_id: int, desk: Desk) -> None:
    order = {"total": 5, "color": "red"}
    ingest(live, workspace_id, [message(userId="ana", event="Order Completed", properties=order)])
    people(live, workspace_id, "ana")
    while catalogue.add_up(live):
        pass
    client = desk("analyst")
    answer = build(client, side="form", **{"r:kind": "and", "do": "add:r:attribute"})
    row = answer.context["root"].parts[0]
    assert (row.draft.name, row.test.draft.op, row.focus) == ("country", "equals", True)

    answer = build(client, **form_of(answer) | {"r.0:value": "ES"})
    assert answer.context["text"] == 'country = "ES"'
    answer = build(client, **form_of(answer) | {"do": "add:r:event"})
    answer = build(client, **form_of(answer) | {"do": "where:r.1"})
    asks = {"r.1.w0:name": "total", "r.1.w0:was": "color", "r.1.w0:op": "contains", "r.1.w0:value": "3"}
    answer = build(client, **form_of(answer) | asks)
    assert answer.context["root"].parts[1].asks[0].draft.test.op == "equals"  # total is a number
    answer = build(client, **form_of(answer) | {"r.1.w0:op": "more", "r.1.when:op": "in_last", "r.1.when:value": "30"})
    assert answer.context["text"] == 'country = "ES"\nand did("Order Completed", total > 3) in 30 days'
    answer = build(client, **form_of(answer) | {"do": "add:r:or"})
    answer = build(client, **form_of(answer) | {"do": "add:r.2:fact", "r.2:not": "1"})
    assert answer.context["text"].endswith("and not @last_seen_at in last 30 days")
    answer = build(client, **form_of(answer) | {"do": "remove:r.0"})
    assert [part.draft.kind for part in answer.context["root"].parts] == ["event", "or"]
    assert answer.context["sentence"]


def test_rows_that_are_not_finished_say_so_and_leave_the_text(live: Live, desk: Desk) -> None:
    row = {"r:kind": "and", "r:parts": "1", "r.0:kind": "attribute", "r.0:name": "age", "r.0:op": "more"}
    row |= {"text": "age > 3", "text_was": "age > 3", "side": "form", "part": "values"}
    answer = build(desk(), **row | {"r.0:value": "many"})
    assert "A number is expected." in answer.text
    assert 'id="text-box"' not in answer.text
    assert "hx-trigger" not in answer.text  # nobody is asked
    assert "The count stands here as soon as" in answer.text  # and no number stands beside what it was not counted of
    good = build(desk("analyst"), **row | {"r.0:value": "4,5"})
    assert "age &gt; 4.5" in good.text


def test_a_text_that_is_none_is_marked_at_its_place(live: Live, desk: Desk) -> None:
    row = {"r:kind": "and", "r:parts": "1", "r.0:kind": "attribute", "r.0:name": "age", "r.0:op": "is_set"}
    answer = build(desk(), side="text", text='country = "ES"\nand age >', **row)
    wrong = answer.context["wrong"]
    assert wrong.said.startswith("Line 2, column 10: ")
    assert wrong.at == len('country = "ES"\nand age >')
    assert answer.context["root"].parts[0].draft.name == "age"  # the form is as it was
    assert wrong.hint == "and age >\n         ^"
    far = build(desk("analyst"), side="text", text='country = "ES" and ' * 20 + "age > and city is set").context[
        "wrong"
    ]
    shown, mark = far.hint.split("\n")
    assert (len(shown) < 40, shown[len(mark) - 1 :].startswith("and city")) == (True, True)
    assert 'hx-swap-oob="true" class="field"' not in answer.text  # and nothing is written over what one types


def test_the_side_that_was_changed_is_saved(live: Live, workspace_id: int, desk: Desk) -> None:
    client = desk("marketer")
    both = {"name": "Spain", "text": 'country = "ES"', "text_was": "", "do": "save", "tags": "a, b", "keep_fresh": "on"}
    assert client.post("/segments/new", both | {"every_minutes": "60"}).status_code == 302
    (segment,) = queries.all_segments(live, workspace_id)
    assert (segment.freshness, segment.every_minutes, segment.tags) == ("kept", 60, ("a", "b"))

    page = client.get(f"/segments/{segment.id}/edit")
    sent = dict(fields_of(page.context["root"].draft)) | {"r.0:value": "MX", "name": "Mexico", "do": "save"}
    sent |= {"text": page.context["text"], "text_was": page.context["text"]}
    client.post(f"/segments/{segment.id}/edit", sent)
    now = queries.segment_by_id(live, workspace_id, segment.id)
    assert (now.name, now.condition, now.version) == ("Mexico", to_json(from_text('country = "MX"')), 2)


SPAIN = {"r:kind": "and", "r:parts": "1", "r.0:kind": "attribute", "r.0:name": "country", "r.0:was": "country"} | {
    "r.0:op": "equals", "r.0:type": "text", "r.0:value": "ES"
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
      "", "age", "age >", "age > x", 'age > "x', "and", "age > 3 )", "age > 3 age", 'did("A"', "did(", "did(A)",
      "age in ()", 'did("A") in 3', 'did("A") > 1.5', 'did("A") < 0', "age between 3 and 1", "dob before 3",
      "dob in last 3", "dob anniversary in 3", "dob from 2026-02-01 to 2026-01-01", "reachable(fax)", "foo(bar)",
      'segment("none")', "@nothing = 3", 'device(none = "x")', "age ? 3", "age > " + "9" * 400,
      "(" * 90 + "age > 3", "app_version < version 3", 'app_version < version "x"', 'sum("A", total) = ',
      'sum("A") > 3', "home within 3", "x" * 21_000, "city =",
      "dob in last 5000 days", 'city contains ""', 'city = "' + "x" * 5_000 + '"', "home within 0 km of (1, 2)",
      "home within 3 km of (100, 2)", "home within 3 km of (1, -200)", 'did("A") in 9000 hours',
      f"city in ({','.join(['1'] * 5_001)})",
    ],
)  # fmt: skip
def test_every_mistake_in_a_text_is_told_in_the_readers_language(text: str) -> None:
    from django.utils.translation import override

    from tessera.console.segments.texts import read

    with override("th"):
        wrong = read(text, NOTHING)[1]
    assert wrong is not None
    told = wrong.said.partition(" มีแต่ ")[0]  # the words of the text form follow
    told = re.sub(r"""'[^']*'|"[^"]*"|\(.*\)|\w+\(…\)|…""", "", told)
    assert re.findall(r"\b[a-z]{3,}\b", told.replace("none", "")) == [], wrong.said


def test_a_text_that_is_none_is_not_passed_over(live: Live, workspace_id: int, desk: Desk) -> None:
    client, wrong = desk("marketer"), 'country = "ES" and language = '
    said = build(client, side="text", text=wrong, text_was='country = "ES"', **SPAIN)
    (was,) = re.findall(r'name="text_was" value="([^"]*)"', said.text)
    sent = SPAIN | {"text": wrong, "text_was": unescape(was)}
    page = client.post("/segments/new", sent | {"name": "Mine", "do": "save"})
    assert (page.status_code, page.context["text"]) == (400, wrong)
    assert queries.all_segments(live, workspace_id) == []
    pressed_since = build(client, side="form", do="add:r:event", **sent)
    assert (pressed_since.context["text"], len(pressed_since.context["root"].parts)) == (wrong, 1)
    assert "Write it again from the form" in pressed_since.text
    given_up = build(client, side="form", do="form", **sent)
    assert (given_up.context["text"], given_up.context["agreed"]) == ('country = "ES"', 'country = "ES"')


def test_a_button_goes_on_from_what_was_just_written(live: Live, desk: Desk) -> None:
    answer = build(desk(), side="form", do="add:r:fact", text="age > 3", text_was='country = "ES"', **SPAIN)
    assert answer.context["text"] == "age > 3\nand @last_seen_at in last 30 days"
    emptied = build(desk("analyst"), side="form", do="add:r:fact", text="", text_was='country = "ES"', **SPAIN)
    assert emptied.context["text"] == 'country = "ES"\nand @last_seen_at in last 30 days'


def test_without_scripts_the_buttons_draw_the_page_anew(live: Live, desk: Desk) -> None:
    client = desk()
    sent = {"r:kind": "and", "name": "Mine", "do": "add:r:fact", "text": "", "text_was": ""}
    page = client.post("/segments/new", sent)
    assert (page.status_code, page.context["root"].parts[0].draft.kind) == (200, "fact")
    assert page.context["text"] == "@last_seen_at in last 30 days"
    assert 'value="Mine"' in page.text
    looked = client.post("/segments/new", {"text": "age > 3", "text_was": "", "do": "look"})
    assert looked.context["root"].parts[0].draft.name == "age"


def test_what_is_not_finished_is_not_saved(live: Live, workspace_id: int, desk: Desk) -> None:
    client = desk()
    for sent in ({"text": "age >", "name": "x"}, {"text": "age > 3", "name": " "}, {"name": "x"}):
        assert client.post("/segments/new", sent | {"do": "save"}).status_code == 400
    assert queries.all_segments(live, workspace_id, archived=None) == []


def test_segments_are_named_in_the_text_and_chosen_in_the_form(live: Live, workspace_id: int, desk: Desk) -> None:
    spain = made(live, workspace_id, 'The "South"', 'country = "ES"')
    answer = build(desk(), side="text", text=r'not segment("the \"south\"") and age > 3')
    row = answer.context["root"].parts[0]
    assert (row.draft.kind, row.draft.name, row.draft.negated) == ("segment", str(spain.id), True)
    back = build(desk("analyst"), **form_of(answer))
    assert back.context["text"] == 'not segment("The \\"South\\"")\nand age > 3'


def test_hidden_names_are_not_offered(live: Live, workspace_id: int, desk: Desk) -> None:
    from tessera.console.segments.choices import names_of
    from tessera.events.dictionary import Change, change_entry

    traits = {"secret_plan": "x", "plan": "y"}
    ingest(live, workspace_id, [message("identify", userId="ana", traits=traits), message(userId="ana", event="Odd")])
    while catalogue.add_up(live):
        pass
    for field in (("attribute", "", "secret_plan"), ("event", "", "Odd")):
        change_entry(live, workspace_id=workspace_id, field=field, change=Change(status="hidden"), actor="ana")
    names = names_of(live, workspace_id)
    assert ("plan" in names.attributes, "secret_plan" in names.attributes, list(names.events)) == (True, False, [])


@pytest.mark.parametrize(
    "do", ["add:r:nothing", "add:x:event", "remove:r", "remove:r.9", "where:r.0.0", "unwhere:r:x", "add:r.", ":"]
)
def test_buttons_nobody_has_do_nothing(do: str) -> None:
    draft = draft_of(from_text("age > 3 and age < 9"))
    before = condition_of(draft_of(from_text("age > 3 and age < 9")))
    pressed(draft, do, NOTHING)
    assert condition_of(draft) == before


def test_a_form_that_nests_without_end_is_cut(live: Live, desk: Desk) -> None:
    deep = {f"r{'.0' * n}:kind": "and" for n in range(60)} | {f"r{'.0' * n}:parts": "9999" for n in range(60)}
    assert build(desk(), side="form", **deep).status_code == 200


@pytest.fixture
def analysis(live: Live) -> Iterator[Analysis]:
    engine = DuckEngine(None)
    yield Analysis(live, engine)
    engine.close()


def test_the_analyst_counts_follows_and_samples(live: Live, workspace_id: int, desk: Desk, analysis: Analysis) -> None:
    people(live, workspace_id, "ana", "luis", "eva")
    ingest(live, workspace_id, [message("identify", userId="kim", traits={"country": "MX"})])
    analysis.settle()
    text = {"text": 'country = "ES" and identifier("user_id") != "eva"'}
    client, masked = desk("marketer"), desk("analyst")
    with analysis.answering():
        counted = client.post("/segments/count", text)
        seen = client.post("/segments/preview", text).context
        hidden = masked.post("/segments/preview", text)
    assert (counted.context["size"].people, counted.context["size"].total) == (2, 4)
    assert [(step.left, step.gone, step.alone) for step in seen["steps"]] == [(3, 1, 3), (2, 1, 3)]
    assert [number for _channel, number in seen["reach"]] == [2, 0, 0]
    assert {one.email for one in seen["people"]} == {"ana@example.com", "luis@example.com"}
    assert "luis@example.com" not in hidden.text


def test_members_of_an_asked_segment_come_page_by_page(
    live: Live, workspace_id: int, desk: Desk, analysis: Analysis
) -> None:
    ingest(live, workspace_id, [message("identify", userId=f"u{n}", traits={"country": "ES"}) for n in range(60)])
    segment, client = made(live, workspace_id, "Spain", 'country = "ES"'), desk()
    analysis.settle(most=1000)
    with analysis.answering():
        first = client.get(f"/segments/{segment.id}/members").context
        rest = client.get(f"/segments/{segment.id}/members?after={first['next']}").context
        client.post(f"/segments/{segment.id}/refresh")
        client.post(f"/segments/{segment.id}/snapshot", {"name": "Then"})
    found = {line.person.profile_id for page in (first, rest) for line in page["members"]}
    assert (len(first["members"]), len(rest["members"]), len(found), rest["next"]) == (50, 10, 60, None)
    assert queries.segment_by_id(live, workspace_id, segment.id).size == 60
    then = next(one for one in queries.all_segments(live, workspace_id) if one.name == "Then")
    assert (then.kind, then.size) == ("static", 60)


def test_why_is_answered_for_what_is_not_saved(live: Live, workspace_id: int, desk: Desk) -> None:
    (ana,) = people(live, workspace_id, "ana")
    assert isinstance(ana, UUID)
    answer = desk("analyst").post(f"/segments/explain/{ana}", {"text": 'country = "ES" and age > 3'})
    assert [part.holds for part in answer.context["tree"].parts] == [True, False]
    assert "The condition is not finished." in desk().post(f"/segments/explain/{ana}", {"text": "age >"}).text
    same = {"text": 'country = "ES"', "text_was": 'country = "ES"'}
    unfinished = SPAIN | same | {"r.0:op": "more", "r.0:value": "many"}
    assert "The condition is not finished." in desk("marketer").post(f"/segments/explain/{ana}", unfinished).text


@pytest.mark.parametrize(
    ("text", "betrayed"),
    [
        ('email starts with "a"', "email"),
        ('not country = "ES" or (age > 3 and address.street contains "x")', "address.street"),
        ('identifier("user_id") ends with "1"', "user_id"),
        ('did("Order Completed", phone starts with "+34")', "phone"),
        ('did("Order Completed", secret > 3)', "secret"),
        ("dob before 1990-01-01", "dob"),
        ('device(name contains "Ana")', "name"),
        ('email = "ana@example.com" and identifier("phone") is set and dob is not set', None),
        ('country starts with "E" and did("Order Completed", total > 3)', None),
    ],
)
def test_personal_data_is_asked_for_by_whole_values_where_it_is_masked(text: str, betrayed: str | None) -> None:
    from tessera.audience.discretion import betrayed_by

    assert betrayed_by(from_text(text), frozenset({("property", "Order Completed", "secret")})) == betrayed


def test_who_sees_personal_data_masked_is_not_told_it_bit_by_bit(live: Live, workspace_id: int, desk: Desk) -> None:
    (ana,) = people(live, workspace_id, "ana")
    text, masked, seeing = {"text": 'email starts with "a"'}, desk("analyst"), desk("marketer")
    for address in ("/segments/count", "/segments/preview", f"/segments/explain/{ana}"):
        answer = masked.post(address, text)
        assert "Personal data is masked for you" in answer.text, address
        assert "Personal data is masked for you" not in seeing.post(address, text).text
    refused = masked.post("/segments/new", text | {"side": "text", "name": "A", "do": "save"})
    assert (refused.status_code, queries.all_segments(live, workspace_id)) == (400, [])

    segment = made(live, workspace_id, "A", text["text"])
    renamed = {"side": "text", "name": "B", "do": "save"} | text
    assert masked.post(f"/segments/{segment.id}/edit", renamed).status_code == 302
