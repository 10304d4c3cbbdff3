"""The decisions of identity, as tables."""

from uuid import UUID

import pytest

from tessera.foundation.clock import DAY
from tessera.identity.rules import (
    Known,
    Link,
    PersonFacts,
    is_blocked,
    priority,
    roots_after,
    union_forbidden_by,
)

A, B, C, D = (UUID(int=number) for number in range(1, 5))
NOW = 20_000 * DAY


def person(*members: UUID, ids: tuple[Known, ...] = (), merges: int = 0, apart: tuple[tuple[UUID, UUID], ...] = ()):
    return PersonFacts(frozenset(members), ids, merges, frozenset(frozenset(pair) for pair in apart))


def known(kind: str, value: str, days_ago: int = 0) -> Known:
    return Known(kind, value, NOW - days_ago * DAY)


@pytest.mark.parametrize(
    ("value", "blocked"),
    [
        ("", True), ("0", True), ("0000-0000", True), ("-1", True), ("null", True), ("NULL", True), ("Anonymous", True),
        ("undefined", True), ("1", False), ("-2", False), ("nullable", False), ("00a", False), ("ana", False),
    ],
)  # fmt: skip
def test_values_that_name_nobody(value: str, blocked: bool):
    assert is_blocked(value) is blocked


def test_the_user_id_is_strongest_then_the_email_then_the_alphabet():
    kinds = ["phone", "external:crm", "email", "device_token", "user_id", "anonymous_id", "profile_id"]
    ranked = sorted(((kind, "x") for kind in kinds), key=priority)
    assert [kind for kind, _ in ranked] == [
        "profile_id", "user_id", "email", "anonymous_id", "device_token", "external:crm", "phone",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("people", "new", "rule"),
    [
        ([person(A)], [("user_id", "u1")], None),
        ([person(A, ids=(known("user_id", "u1"),))], [("user_id", "u2")], "limit:user_id"),
        ([person(A, ids=(known("user_id", "u1", 9_000),))], [("user_id", "u2")], "limit:user_id"),
        ([person(A, ids=(known("user_id", "u1"),)), person(B, ids=(known("user_id", "u2"),))], [], "limit:user_id"),
        ([person(A, ids=(known("user_id", "u1"),)), person(B)], [], None),
        ([person(A, ids=tuple(known("email", f"{n}@x.org") for n in range(5)))], [("email", "6@x.org")], "limit:email"),
        ([person(A, ids=tuple(known("email", f"{n}@x.org", 366) for n in range(5)))], [("email", "6@x.org")], None),
        ([person(A, ids=tuple(known("anonymous_id", str(n), 6) for n in range(5)))], [("anonymous_id", "x")],
         "limit:anonymous_id"),
        ([person(A, ids=tuple(known("anonymous_id", str(n), 7) for n in range(5)))], [("anonymous_id", "x")], None),
        ([person(A, ids=tuple(known("external:crm", str(n), 900) for n in range(5)))], [("external:crm", "x")],
         "limit:external:crm"),
        ([person(A, merges=50), person(B, merges=49)], [], None),
        ([person(A, merges=50), person(B, merges=50)], [], "cap:merges"),
        ([person(A, ids=tuple(known("anonymous_id", str(n), 30) for n in range(1000)))], [("email", "a@x.org")],
         "cap:identifiers"),
        ([person(A, apart=((A, B),)), person(B, apart=((A, B),))], [], "kept_apart"),
        ([person(A, C, apart=((A, C),)), person(B)], [], None),
        ([person(A, apart=((A, B),)), person(C)], [], None),
    ],
)  # fmt: skip
def test_which_unions_are_forbidden(people: list[PersonFacts], new: list[tuple[str, str]], rule: str | None):
    assert union_forbidden_by(people, new, at=NOW) == rule


@pytest.mark.parametrize(
    ("links", "roots"),
    [
        ([], {A: A, B: B, C: C}),
        ([Link(A, B)], {A: A, B: A, C: C}),
        ([Link(A, B), Link(A, C)], {A: A, B: A, C: A}),
        ([Link(A, B), Link(C, B)], {A: C, B: C, C: C}),
        ([Link(C, B), Link(A, B)], {A: A, B: A, C: A}),
        ([Link(A, B), Link(A, B)], {A: A, B: A, C: C}),
    ],
)
def test_roots_are_what_the_standing_merges_make(links: list[Link], roots: dict[UUID, UUID]):
    assert roots_after([A, B, C], links) == roots
