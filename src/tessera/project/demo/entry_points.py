"""The demo world's way in: its brands, sources and write keys, and the rows of the inbox."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import psycopg

from tessera.events import inbox, rejections
from tessera.events.messages import Envelope, decode_message, encode_envelope
from tessera.events.rejections import Rejection
from tessera.foundation.clock import iso
from tessera.project.demo.brands import ALDER, BRANDS, CALL_CENTRE, KITE, Brand
from tessera.project.demo.calls import Call

Connection = psycopg.Connection[Any]

_encode = msgspec.json.Encoder().encode
_REFUSED: Final = (
    (ALDER.web, "missing_event_name", "a track call needs an event name", '{"type":"track","anonymousId":"c0ffee"}'),
    (ALDER.app, "invalid_timestamp", "'yesterday' is not an ISO 8601 date or time", '{"timestamp":"yesterday"}'),
    (KITE.web, "missing_identity", "userId or anonymousId is required", '{"type":"page","name":"Home"}'),
    (KITE.till, "unknown_type", "type must be one of alias, group, identify, page, screen, track", '{"type":"sale"}'),
)
"""(source, code, why, what was sent): calls of clients with a mistake in them, for the live debugger to show."""


def make_sources() -> tuple[int, dict[str, int]]:
    """The workspace, and the ids of the demo's entry points by name; makes what is missing."""
    from tessera.project.migrate import MAIN_WORKSPACE
    from tessera.workspaces import queries

    workspace = queries.workspace_by_slug(MAIN_WORKSPACE)
    assert workspace is not None, "migrate makes it"
    sources = {CALL_CENTRE: _make_source(workspace.id, CALL_CENTRE, "call_centre", (), None)}
    for brand in BRANDS:
        sources |= _make_sources_of(brand, workspace.id)
    return workspace.id, sources


def _make_sources_of(brand: Brand, workspace_id: int) -> dict[str, int]:
    from tessera.workspaces import actions

    brand_id = actions.ensure_brand(workspace_id=workspace_id, slug=brand.slug, name=brand.name)
    wanted: dict[str, tuple[str, Sequence[str]]] = {
        brand.web: ("site", [f"https://{brand.host}"]),
        brand.app: ("app", []),
        brand.till: ("till", []),
    }
    return {name: _make_source(workspace_id, name, kind, origins, brand_id) for name, (kind, origins) in wanted.items()}


def _make_source(workspace_id: int, name: str, kind: str, origins: Sequence[str], brand_id: int | None) -> int:
    from tessera.workspaces import actions, queries

    source = queries.source_by_name(workspace_id, name) or actions.create_source(
        workspace_id=workspace_id, name=name, kind=kind, allowed_origins=origins, brand_id=brand_id
    )
    if not queries.write_keys(workspace_id, source_id=source.id):
        actions.create_write_key(source.id, workspace_id=workspace_id, name="demo")
    return source.id


def refuse_some(connection: Connection, workspace_id: int, sources: Mapping[str, int]) -> None:
    """A few calls that the edge would have refused."""
    rejections.store(
        connection,
        [
            Rejection(workspace_id, sources[source], "collect", code, why, excerpt)
            for source, code, why, excerpt in _REFUSED
        ],
    )


def row_of(call: Call, workspace_id: int, source_id: int) -> bytes:
    """The call as the edge copies it into the inbox."""
    body = _encode(call.body)
    envelope = encode_envelope(Envelope(sent_at=iso(call.at), ip=call.ip, user_agent=call.user_agent))
    return inbox.copy_row(
        lane=inbox.lane_of_message(decode_message(body)),
        workspace_id=workspace_id,
        source_id=source_id,
        received_at=call.at,
        key=inbox.message_key(source_id, call.body["messageId"]),
        envelope=envelope,
        body=body,
    )
