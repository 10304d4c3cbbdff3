"""A workspace that has one of everything, and the ids by which every address of the console can be opened."""

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from browser.conftest import OWNER, Installation
from factories.imports import csv_file
from factories.pictures import picture

MARK = "zqxjkv"
"""Stands in every personal value of one person, and of their double at the till."""

SECRETS = (MARK, "600777888", "600 777 888", "1985-07-09")
_EMAIL = f"ana.{MARK}@example.com"
_TRAITS = {
    "firstName": f"Ana{MARK}",
    "lastName": f"Garcia{MARK}",
    "birthday": "1985-07-09",
    "home_city": "Madrid",
    "country": "ES",
    "address": {"street": f"Calle {MARK} 7", "city": "Madrid", "postalCode": "28019"},
}
_FILE = [["email", "plan"], [f"one.{MARK}@example.com", "pro"], ["nobody", "pro"]]


class Everything(NamedTuple):
    """`ids` has all the values of each parameter of an address, by the parameter's name."""

    ids: dict[str, list[Any]]
    marked: UUID
    invitation: str


def make_everything(installation: Installation, *, people: int = 60) -> Everything:
    """Loads the demo world and puts beside it what it lacks. Call it before there is a browser."""
    from tessera.project.demo import load
    from tessera.workspaces import queries

    (workspace,) = queries.workspaces()
    load(people=people, days=30, seed=7, progress=None)
    marked, till = _marked_person_twice(installation)
    invitation_id, token = _invitation(workspace.id)
    erasure = _erasure(installation, workspace.id)  # before the export, whose file it would drop
    ids: dict[str, list[Any]] = {
        "erasure_id": [erasure],
        "profile_id": [marked],
        "other_id": [till],
        "source_id": [1],
        "brand_id": [1],
        "tab": ["main"],
        "size": ["large"],
        "number": [1],
        "key_id": [1],
        "account_id": [_of(installation, "SELECT account_id FROM access_staff LIMIT 1")],
        "invitation_id": [invitation_id],
        "passkey_id": [invitation_id],
        "merge_id": [
            _of(
                installation,
                "SELECT merge_id FROM identity_merge WHERE undone_at IS NULL AND %s IN (kept_id, absorbed_id)",
                marked,
            )
        ],
        "digest": [_avatar(workspace.id, marked)],
        "import_id": _imports(workspace.id),
        "export_id": [_export(workspace.id)],
        "pair_id": [_pair(installation, workspace.id, marked)],
        "report_id": [_report(workspace.id)],
        "token": [token],
        "segment_id": (segments := _segments(workspace.id)),
        "segment_export_id": [_segment_export(workspace.id, segments[1])],
    }
    return Everything(ids, marked, token)


def _of(installation: Installation, statement: str, *values: Any) -> Any:
    ((found,), *_others) = installation.rows(statement, *values)
    return found


def _marked_person_twice(installation: Installation) -> tuple[UUID, UUID]:
    """Who is known to the shop and was a visitor before, and the same one at the till."""
    key = installation.write_key("Somebody’s site", kind="site")
    shop = {**_TRAITS, "email": _EMAIL, "phone": "+34600777888"}
    till = {**_TRAITS, "email": f"anna.{MARK}@example.com"}
    while installation.send(key, "identify", userId="u-marked", traits=shop) == 401:
        pass
    product = {"sku": "s-1", "gift_note": f"for Ana{MARK}", "phone": "+34600777888"}
    installation.send(key, "track", userId="u-marked", event="Order Completed", properties=product)
    installation.send(key, "track", userId="u-marked")  # refused: it has no name
    installation.send(key, "page", anonymousId="visitor-marked", name="Home")
    installation.send(key, "identify", anonymousId="till-marked", traits=till)
    installation.settle()
    installation.send(key, "identify", userId="u-marked", anonymousId="visitor-marked")
    installation.send(key, "track", anonymousId="to-be-erased", event="Signed Up")
    installation.settle()
    held = "SELECT p.root_id FROM identity_identifier i JOIN identity_profile p ON p.id = i.profile_id WHERE value = %s"
    return UUID(str(_of(installation, held, "u-marked"))), UUID(str(_of(installation, held, "till-marked")))


def _invitation(workspace_id: int) -> tuple[UUID, str]:
    from tessera.access import staffing

    made = staffing.invite_staff(
        workspace_id=workspace_id,
        email="cy@example.com",
        role="support",
        by=staffing.COMMAND_LINE,
        now=datetime.now(UTC),
    )
    return made.invitation.id, made.token


def _avatar(workspace_id: int, person: UUID) -> str:
    from tessera.foundation.database import connect
    from tessera.profiles.avatars import put_avatar
    from tessera.profiles.pictures import read_picture

    read = read_picture(picture(color="teal"))
    with connect() as connection:
        put_avatar(connection, workspace_id, person, read, now=datetime.now(UTC))
    return read.digest


def _imports(workspace_id: int) -> list[UUID]:
    """One that waits for its columns, one that was tried, one that is done."""
    from factories.imports import carried_out, tried_out, upload
    from tessera.foundation.database import connect

    with connect(autocommit=True) as connection:
        made = [upload(connection, workspace_id, csv_file(_FILE)) for _ in range(3)]
        tried_out(connection, made[1])
        carried_out(connection, made[2])
    return [one.id for one in made]


def _export(workspace_id: int) -> UUID:
    from tessera.exports import actions
    from tessera.exports.wanted import Wanted
    from tessera.foundation.database import connect

    with connect() as connection:
        asked = actions.request_export(
            connection, workspace_id=workspace_id, wanted=Wanted(what="people"), actor=OWNER, now=datetime.now(UTC)
        )
    actions.run_export(asked.export_id)
    return asked.export_id


def _segments(workspace_id: int) -> list[UUID]:
    """One by a condition, and a list with the marked person."""
    from tessera.audience.conditions.registry import to_json
    from tessera.audience.segments import actions
    from tessera.audience.segments.records import NewSegment
    from tessera.audience.text.reader import from_text
    from tessera.foundation.database import connect

    said: dict[str, Any] = {"workspace_id": workspace_id, "actor": OWNER, "now": datetime.now(UTC)}
    condition = to_json(from_text('country = "ES" and (did("Order Completed") in 90 days or @last_seen_at is set)'))
    with connect() as connection:
        spain = actions.create(connection, new=NewSegment(name="Spain", condition=condition, tags=("south",)), **said)
        friends = actions.create(connection, new=NewSegment(name="Friends", folder="By hand"), **said)
        actions.add_people(connection, segment_id=friends.id, items=["u-marked"], **said)
    return [spain.id, friends.id]


def _segment_export(workspace_id: int, segment_id: UUID) -> UUID:
    """What is carried away of the list: a delivery waits for a receiver that is never called."""
    from tessera.deliveries import actions
    from tessera.deliveries.records import NewSegmentExport, Webhook
    from tessera.deliveries.run import run as deliver
    from tessera.foundation.database import connect

    said: dict[str, Any] = {"workspace_id": workspace_id, "actor": OWNER, "now": datetime.now(UTC)}
    new = NewSegmentExport(
        name="Lake", destination=Webhook(url="https://127.0.0.1/in"), identifiers=("email",), everybody=True
    )
    with connect() as connection:
        made = actions.create(connection, segment_id=segment_id, new=new, **said).export
    deliver(made.id)
    return made.id


def _pair(installation: Installation, workspace_id: int, person: UUID) -> UUID:
    from tessera.duplicates import actions
    from tessera.foundation.database import connect

    with connect(autocommit=True) as connection:
        run = actions.ask_for_run(
            connection, workspace_id=workspace_id, actor=OWNER, now=datetime.now(UTC), deferred=False
        )
        actions.carry_out_run(connection, workspace_id=workspace_id, run_id=run.run_id)
    found = "SELECT pair_id FROM duplicates_pair WHERE %s IN (left_id, right_id) AND state = 'open'"
    return UUID(str(_of(installation, found, person)))


def _report(workspace_id: int) -> UUID:
    from tessera.audience.insight.saved import NewReport, save
    from tessera.foundation.database import connect

    asked = b'{"report": "lifecycle", "period": {"op": "in_last", "days": 84}}'
    with connect() as connection:
        new = NewReport(name="Lifecycle of all", request=asked)
        return save(connection, workspace_id=workspace_id, new=new, actor=OWNER, now=datetime.now(UTC)).id


def _erasure(installation: Installation, workspace_id: int) -> UUID:
    from tessera.foundation.database import connect
    from tessera.privacy.actions import erase_person

    person = _of(installation, "SELECT profile_id FROM identity_identifier WHERE value = 'to-be-erased'")
    with connect(autocommit=True) as connection:
        return erase_person(
            connection,
            workspace_id=workspace_id,
            profile_id=person,
            actor=OWNER,
            reason="asked for it",
            suppress=True,
            now=datetime.now(UTC),
        ).erasure_id
