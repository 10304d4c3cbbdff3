"""What is wrong is said as a problem document, whatever is sent."""

import json
import re
from pathlib import Path

import pytest
from django.test import Client

from tessera.api.problems import KINDS

DEEP = b'{"attributes":{"a":' + b"[" * 100 + b"]" * 100 + b"}}"
DEEPER_THAN_PYTHON = b'{"attributes":{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}}"

BODIES = [
    (b"", 422, "invalid_request"),
    (b"{", 400, "malformed_json"),
    (b"[1]", 422, "invalid_request"),
    (b"null", 422, "invalid_request"),
    (b'{"attributes": NaN}', 400, "malformed_json"),
    (b'{"attributes": {"a": "\\ud800"}}', 400, "malformed_json"),
    (b'{"attributes": {"a": "\xff"}}', 400, "malformed_json"),
    (b'{"attributes": {"a": "\\u0000"}}', 422, "nul_character"),
    (b'{"attributes": {"a\\u0000": 1}}', 422, "nul_character"),
    (DEEP, 422, "nested_too_deep"),
    (DEEPER_THAN_PYTHON, 422, "nested_too_deep"),
    (b'{"attributes": {"a": 1e999}}', 400, "malformed_json"),
    (b'{"attributes": {"a": "' + b"x" * 40_000 + b'"}}', 422, "event_too_large"),
    (b'{"attributes": {' + b",".join(b'"a%d":1' % n for n in range(301)) + b"}}", 422, "invalid_request"),
    (b'{"attributes": {"' + b"n" * 300 + b'": 1}}', 422, "invalid_attributes"),
    (b'{"attributes": {"a": {"inc": "x"}}}', 422, "invalid_attributes"),
    (b'{"attributes": {"email": "a@localhost"}}', 422, "invalid_attributes"),
    (b'{"attributes": {"a": "' + b"x" * 1_000_000 + b'"}}', 413, "body_too_large"),
]

STORED = [
    123456789012345678901234567890,
    -(2**63),
    10**400 // 10**100,
    1.7976931348623157e308,
    "\U0010ffff\u202e\ufeff zalgo̷",
    {"": {"\n": [None, True, {"inc": 1, "x": 2}]}},
    [[[[]]]],
    "'; DROP TABLE identity_profile; --",
    "<script>alert(1)</script>",
]


@pytest.mark.parametrize(("body", "status", "code"), BODIES, ids=range(len(BODIES)))
def test_an_edit_that_cannot_be_is_refused_and_changes_nothing(api, ana, body, status, code):
    answer = api.send("patch", "profiles/user_id:u-1", body)
    assert (answer.status_code, answer.data["code"]) == (status, code)
    assert api.get("profiles/user_id:u-1").data == ana


@pytest.mark.parametrize("name", ["note", "name", "website", "vip\u202e\U0001f600", "address.street"])
def test_odd_values_are_kept_or_refused_but_never_break(api, ana, name):
    for value in STORED:
        assert api.patch("profiles/user_id:u-1", attributes={name: value}).status_code in (200, 422), value
        assert api.get("profiles/user_id:u-1").status_code == 200, value
        assert api.get("profiles", search="ana").status_code == 200, value


@pytest.mark.parametrize("name", ["email", "phone", "first_name", "name", "dob", "country", "created_at", "age"])
def test_no_kind_of_value_of_a_standard_attribute_breaks_the_card(api, ana, name):
    for value in ({"inc": 1}, {"add": ["x"]}, {"remove": ["x"]}, [], {}, 1, True, "", None, "x"):
        assert api.patch("profiles/user_id:u-1", attributes={name: value}).status_code in (200, 422), value
        for address in ("profiles/user_id:u-1", "profiles", "profiles/user_id:u-1/export"):
            assert api.get(address).status_code == 200, value


REFERENCES = [
    "%00", "merge", "nobody", "a/b/c", "email:", ":x", "email:x%00", "email:%ED%A0%80", "xxh:zz", "md5:é",
    "profile_id:x", "phone:+" + "9" * 400, "phone:abc", "user_id:" + "9" * 501, "external:x", "external::x",
    "é:x", "x" * 601, "00000000-0000-0000-0000-000000000000", "email:a@b@c", "%", "%F0%9F",
    "user_id:' OR 1=1", "anonymous_id:null",
]  # fmt: skip


@pytest.mark.parametrize("part", ["", "/events", "/export", "/refusals"])
def test_a_name_nobody_has_is_nobody(api, ana, part):
    for reference in REFERENCES:
        assert api.get(f"profiles/{reference}{part}").status_code in (404, 405, 422), reference


QUERIES = [
    {"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"limit": "9" * 5000}, {"limit": "1.5"}, {"limit": ""},
    {"next": "x"}, {"next": "\0"}, {"next": "'"}, {"next": "é" * 36}, {"identifier": "email"}, {"identifier": ":"},
    {"identifier": "\0:x"}, {"identifier": "email:a", "search": "b"}, {"identifer": "email:a"}, {"search": "a\0"},
    {"search": "x" * 201},
]  # fmt: skip


def test_a_list_that_cannot_be_is_refused(api, ana):
    for query in QUERIES:
        answer = api.get("profiles", **query)
        assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json"), query


def test_a_search_for_anything_is_answered(api, ana):
    for text in ("%", "_", "\\", "'", "\U0010ffff", "\ud7ff", "+34", "0000", "a" * 200, "é è ê", "null"):
        assert api.get("profiles", search=text).status_code == 200, text


CURSORS = [
    "x", "1.2", "1.2.3.4", "9" * 30 + ".1.1", "-1.-1.-1", "1.99999999999.99999999999999999999999999", "é.1.1",
    "-62135596800000000.1.1", "253402300799999999.1.1", "1.1.-" + "9" * 60,
]  # fmt: skip


def test_a_cursor_that_is_not_ours_is_refused_or_harmless(api, ana):
    for cursor in CURSORS:
        assert api.get("profiles/user_id:u-1/events", before=cursor).status_code in (200, 422), cursor


def test_parameters_that_will_not_do_are_named(api):
    answer = api.get("profiles", limit=0)
    assert answer.data["errors"] == [
        {
            "place": "query",
            "field": "limit",
            "code": "greater_than_equal",
            "detail": "Input should be greater than or equal to 1",
        }
    ]
    body = api.post("profiles/merge", keep="user_id:u-1", reason="")
    assert [(one["place"], one["field"]) for one in body.data["errors"]] == [("body", "absorb"), ("body", "reason")]


def test_a_misspelt_filter_does_not_list_everybody(api, ana):
    answer = api.get("profiles", identifer="email:nobody@example.com")
    assert (answer.status_code, answer.data["code"]) == (422, "unknown_parameter")


def test_addresses_and_methods_that_are_not_ours_are_told_so(api):
    nowhere = api.get("nowhere")
    wrong = api.send("put", "profiles/user_id:u-1", b"")
    merge = api.get("profiles/merge")
    assert (nowhere.status_code, nowhere.data["code"]) == (404, "unknown_path")
    assert (wrong.status_code, wrong.data["code"]) == (405, "method_not_allowed")
    assert {method.strip() for method in wrong["Allow"].split(",")} == {"GET", "PATCH", "DELETE"}
    assert (merge.status_code, merge["Allow"]) == (405, "POST")
    outside = Client().get("/api/v2/profiles")
    assert (outside.status_code, outside["Content-Type"]) == (404, "application/problem+json")


def test_a_body_that_is_not_said_to_be_json_is_refused(api, ana):
    form = api.send("patch", "profiles/user_id:u-1", b"plan=pro", content_type="application/x-www-form-urlencoded")
    assert (form.status_code, form.data["code"]) == (415, "unsupported_media_type")


def test_without_a_database_the_api_says_when_to_come_back():
    """This test has no database: Django points at one that does not exist."""
    answer = Client(raise_request_exception=False).get("/api/v1/stats", headers={"Authorization": "Bearer tsk_x"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert json.loads(answer.content)["code"] == "database_unavailable"
    assert b"tessera" not in answer.content.replace(b"urn:tessera", b"")


def test_every_code_is_explained_to_people():
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    table = page[page.index("| status | codes |") :]
    assert set(re.findall(r"`([a-z_]+)`", table)) - {"Retry-After"} == set(KINDS)
