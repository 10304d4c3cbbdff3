"""What an erasure leaves to everybody else: their messages, their answers, the audit trail."""

from typing import Any
from uuid import UUID

import psycopg
import pytest

from factories.people import NOON, drain, ingest, message, put_in_inbox, root
from tessera.access.actions import create_api_key
from tessera.access.audit import record_audit_on
from tessera.access.requests import AnswerErased, Claim, RememberedAnswer, claim_request, remember_answer
from tessera.foundation.redaction import ERASED
from tessera.foundation.sealed import seal
from tessera.identity.suppression import Suppressed
from tessera.intake.relations import add_relation
from tessera.privacy.actions import erase_person

Connection = psycopg.Connection[Any]


def erase(live: Connection, workspace_id: int, user: str, *, suppress: bool = False) -> None:
    person = root(live, "user_id", user)
    assert person is not None
    erase_person(
        live, workspace_id=workspace_id, profile_id=person, actor="eva", reason="", suppress=suppress, now=NOON
    )


def answered(live: Connection, workspace_id: int, *bodies: bytes) -> int:
    """An API key with these answers remembered under the keys k0, k1, …; returns its id."""
    api_key = create_api_key(workspace_id=workspace_id, name="crm", scopes=["profiles:write"]).id
    for number, body in enumerate(bodies):
        claim = claim_request(live, api_key_id=api_key, key=f"k{number}", digest=b"d", now=NOON)
        assert isinstance(claim, Claim)
        remember_answer(live, claim, status=200, body=body)
    return api_key


def again(live: Connection, api_key: int, number: int) -> Claim | RememberedAnswer:
    return claim_request(live, api_key_id=api_key, key=f"k{number}", digest=b"d", now=NOON)


def test_a_sealed_answer_stops_no_erasure_and_stays(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"email": "ana@example.com"})])
    sealed = seal(b'{"token":"tsk_x"}', context="1:k0")
    api_key = answered(live, workspace_id, sealed, b"{\xff\xfe}")
    erase(live, workspace_id, "ana")
    assert root(live, "user_id", "ana") is None
    assert again(live, api_key, 0) == RememberedAnswer(200, sealed)


def test_an_answer_that_names_the_person_is_emptied_and_never_carried_out_again(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message("identify", userId="100", traits={"email": "ana@example.com"})])
    others = b'{"profile_id":"01997100-aaaa","points":5,"note":"100 of them"}'
    api_key = answered(live, workspace_id, b'{"email":"ANA\\u0040example.com"}', others, b'{"user_id":"100"}')
    erase(live, workspace_id, "100")
    assert again(live, api_key, 1) == RememberedAnswer(200, others)
    for number in (0, 2):
        with pytest.raises(AnswerErased):
            again(live, api_key, number)
    kept = live.execute("SELECT status, body FROM access_rememberedreply WHERE idempotency_key IN ('k0', 'k2')")
    assert kept.fetchall() == [(200, None), (200, None)]


def test_who_is_called_like_a_field_of_an_answer_empties_nothing(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message("identify", userId="profile_id", traits={"name": "points"})])
    others = b'{"profile_id":"01997100-aaaa","points":5}'
    api_key = answered(live, workspace_id, others)
    erase(live, workspace_id, "profile_id")
    assert again(live, api_key, 0) == RememberedAnswer(200, others)


@pytest.mark.parametrize("user", ["mallory", "profile", "scopes", "edited"])
def test_nobody_wipes_the_audit_trail_by_what_they_are_called(live: Connection, workspace_id: int, user: str):
    traits = {"name": "profile", "username": "scopes", "website": "edited"}
    ingest(live, workspace_id, [message("identify", userId=user, traits=traits)])
    target = f"profile:{UUID(int=7)}"
    record_audit_on(
        live, workspace_id=workspace_id, actor="adm", action="edit", target=target, detail={"scopes": ["edited"]}
    )
    erase(live, workspace_id, user)
    kept = live.execute("SELECT target, detail FROM access_auditentry WHERE actor = 'adm'").fetchall()
    assert kept == [(target, {"scopes": ["edited"]})]


def test_the_audit_trail_of_others_loses_the_contact(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"email": "ana@example.com"})])
    record_audit_on(
        live, workspace_id=workspace_id, actor="adm", action="suppress", target="email:ana@example.com",
        detail={"note": "as ana@example.com asked", "type": "household"},
    )  # fmt: skip
    erase(live, workspace_id, "ana")
    kept = live.execute("SELECT target, detail FROM access_auditentry WHERE actor = 'adm'").fetchall()
    assert kept == [(f"email:{ERASED}", {"note": f"as {ERASED} asked", "type": "household"})]


@pytest.mark.parametrize("user", ["50%_off", "back\\slash", 'the "club"', "under_score"])
def test_the_audit_trail_loses_a_name_whatever_signs_are_in_it(live: Connection, workspace_id: int, user: str):
    ingest(live, workspace_id, [message("identify", userId=user)])
    for note in (f"as {user} asked", "as 50 people off asked", "as underscore asked"):
        record_audit_on(
            live, workspace_id=workspace_id, actor="adm", action="edit", target="source:1", detail={"note": note}
        )
    erase(live, workspace_id, user)
    kept = live.execute("SELECT detail->>'note' FROM access_auditentry WHERE actor = 'adm'").fetchall()
    assert {note for (note,) in kept} == {f"as {ERASED} asked", "as 50 people off asked", "as underscore asked"}


OFFICE = {"ip": "203.0.113.7"}


@pytest.mark.parametrize(
    "traits", [{}, {"name": "messageId"}, {"username": "Order Completed"}, {"website": "https://x.example"}]
)
def test_a_neighbour_keeps_the_message_that_waits(live: Connection, workspace_id: int, traits: dict[str, str]):
    told = traits | {"email": "ana@example.com"}
    ingest(live, workspace_id, [message("identify", userId="Order Completed", traits=told, context=OFFICE)])
    said = {"revenue": 99, "note": "a gift for ana@example.com", "url": "https://x.example"}
    put_in_inbox(live, workspace_id, [message(userId="bob", event="Order Completed", properties=said, context=OFFICE)])
    erase(live, workspace_id, "Order Completed")
    drain(live)
    bob = root(live, "user_id", "bob")
    kept = live.execute("SELECT name, body->'properties' FROM events_history WHERE profile_id = %s", (bob,)).fetchall()
    assert kept == [("Order Completed", said | {"note": f"a gift for {ERASED}"})]


def test_namesakes_who_wait_are_taken_in(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"name": "Maria"})])
    put_in_inbox(live, workspace_id, [message("identify", userId="bob", traits={"firstName": "Maria"})])
    erase(live, workspace_id, "ana")
    drain(live)
    assert root(live, "user_id", "bob") is not None


def test_a_relation_that_waits_forgets_whom_it_was_with(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message(userId="ana", event="X")])
    to_ana = {"type": "household", "to": "user_id:ana", "note": "her sister"}
    put_in_inbox(live, workspace_id, [message(userId="bob", event="Relation Added", properties=to_ana)])
    erase(live, workspace_id, "ana")
    drain(live)
    assert live.execute("SELECT count(*) FROM profiles_relation").fetchall() == [(0,)]
    bob = root(live, "user_id", "bob")
    kept = live.execute("SELECT body->'properties' FROM events_history WHERE profile_id = %s", (bob,)).fetchall()
    assert kept == [({"type": "household", "to": ERASED, "note": ERASED},)]


def test_no_relation_brings_a_contact_back_that_is_kept_out(live: Connection, workspace_id: int):
    traits = {"email": "ana@example.com"}
    ingest(live, workspace_id, [message("identify", userId="ana", traits=traits), message(userId="bob", event="X")])
    erase(live, workspace_id, "ana", suppress=True)
    to_ana = {"type": "household", "to": "email:ANA@example.com"}
    to_eve = {"type": "household", "to": "email:eve@example.com"}
    told = [message(userId="bob", event="Relation Added", properties=said) for said in (to_ana, to_eve)]
    ingest(live, workspace_id, told)
    bob = root(live, "user_id", "bob")
    assert bob is not None
    with pytest.raises(Suppressed):
        add_relation(
            live, workspace_id=workspace_id, profile_id=bob, type="household", to="email:ana@example.com",
            properties={}, actor="eva", now=NOON,
        )  # fmt: skip
    kept = live.execute("SELECT other_kind, other_value FROM profiles_relation").fetchall()
    assert kept == [("email", "eve@example.com")]
    refused = live.execute("SELECT code, excerpt FROM events_rejection").fetchall()
    assert refused == [("suppressed", "")]
