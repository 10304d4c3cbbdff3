"""Writing to a person at once, where a screen or a caller must read its own write: the same pipeline, no queue."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from tessera.events import history, inbox
from tessera.events.history import SystemRecord
from tessera.events.inbox import InboxRow
from tessera.events.lanes import lane_of
from tessera.events.messages import Json
from tessera.foundation.clock import now_micros, to_micros
from tessera.foundation.errors import Outdated, TesseraError
from tessera.foundation.ids import uuid7
from tessera.identity.directory import NoSuchProfile
from tessera.identity.queries import root_of
from tessera.identity.rules import PROFILE
from tessera.identity.suppression import KEPT_OUT, Suppressed, suppressed_among
from tessera.intake import pipeline
from tessera.intake.context import load_context
from tessera.intake.named import named_by
from tessera.intake.normalise import normalise
from tessera.intake.pipeline import Context
from tessera.profiles import store as profile_store
from tessera.profiles.facts import fold_fact
from tessera.profiles.state import decode_state, encode_state
from tessera.profiles.store import Stored

Connection = psycopg.Connection[Any]


class InvalidAttributes(TesseraError):
    """Some attributes do not fit; the message names them. Nothing was changed."""

    code = "invalid_attributes"


class EventBlocked(TesseraError):
    """Staff blocked events of this name; nothing was recorded."""

    code = "event_blocked"


def change_attributes(
    connection: Connection, *, workspace_id: int, profile_id: UUID, changes: Json, actor: str, now: datetime
) -> None:
    """Change a person's attributes by hand: set, remove (None), `inc`, `add`, `remove` (as in an identify call).

    An e-mail or phone becomes an identifier too. All or nothing. Raises `InvalidAttributes`, `NoSuchProfile`,
    `IdentifierTaken`, `IdentifierRefused`, `Suppressed`.
    """
    body = {
        "type": "identify",
        "messageId": str(uuid7()),
        "traits": changes,
        "context": {"channel": "server", "actor": actor},
    }
    apply(connection, workspace_id=workspace_id, profile_id=profile_id, body=body, now=now)


def apply(
    connection: Connection,
    *,
    workspace_id: int,
    profile_id: UUID,
    body: Json,
    now: datetime,
    context: Context | None = None,
) -> None:
    """Act on one message about a profile that is named directly, in one transaction, and wait for it.

    Raises `InvalidAttributes`, `EventBlocked`, and `Suppressed` where it carries a contact that is kept out: where
    somebody waits for the answer, nothing is dropped in silence.
    """
    context = context or load_context(connection, workspace_id=workspace_id)
    lane = lane_of(str(profile_id))
    encoded = msgspec.json.encode(body)
    row = InboxRow(lane, 0, workspace_id, None, to_micros(now), uuid7(), b"", encoded)
    rules = context.rules.get(workspace_id, pipeline.WorkspaceRules())
    event = normalise(row, region=rules.region, blocked=rules.blocked)
    if not context.gate.judge(event):
        raise EventBlocked(f"{event.name!r} is blocked in the catalogue")
    if event.misfits:
        raise InvalidAttributes(f"these do not fit: {', '.join(event.misfits)}")
    if event.judged is not None and event.judged.removed:
        names = ", ".join(name for _kind, _parent, name in event.judged.removed)
        raise InvalidAttributes(f"these are blocked in the catalogue: {names}")
    event.identifiers.insert(0, (PROFILE, str(profile_id)))
    with connection.transaction():
        positions = inbox.claim_lane(connection, lane, wait=True)
        if suppressed_among(connection, workspace_id, named_by(event, region=rules.region)):
            raise Suppressed(KEPT_OUT)
        pipeline.apply_events(connection, context, [event], positions=positions)


def record_fact(
    connection: Connection, *, workspace_id: int, profile_id: UUID, name: str, body: Json, actor: str, now: datetime
) -> SystemRecord:
    """Record what staff or the house say about a person: an event of kind `system`, folded and kept like any other.

    No client can say such a thing: the edge takes the calls of the tracking API only, and none of them is of this
    kind. `now` is the moment it counts from. Raises `NoSuchProfile`.
    """
    with connection.transaction():
        lane = lane_of(str(profile_id))
        positions = inbox.claim_lane(connection, lane, wait=True)
        if root_of(connection, workspace_id, profile_id) is None:
            raise NoSuchProfile(f"there is no profile {profile_id}")
        said = {**body, "actor": actor}
        record = SystemRecord(lane, uuid7(), workspace_id, profile_id, name, to_micros(now), said)
        _fold_into_its_profile(connection, record)
        history.append(connection, [record], positions=positions, now=now_micros())
    return record


def _fold_into_its_profile(connection: Connection, record: SystemRecord) -> None:
    """Again when a worker, who may hold another lane, wrote the same state meanwhile. Raises `RivalsTooFast`."""

    def refold(_profile: UUID, stored: Stored | None) -> Stored:
        workspace, version, encoded = stored or Stored(record.workspace_id, 0, b"{}")
        state = decode_state(encoded)
        fold_fact(state, record)
        return Stored(workspace, version + 1, encode_state(state))

    for _ in range(pipeline.MOST_TRIES):
        try:
            with connection.transaction():
                profile_store.rewrite(connection, [record.profile_id], refold)
        except Outdated:
            continue
        return
    raise pipeline.RivalsTooFast(f"a profile changed {pipeline.MOST_TRIES} times in a row")
