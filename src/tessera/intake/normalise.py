"""From an acknowledged message to an event: whose word counts, when it happened, which identifiers it carries.

Time: `timestamp = receivedAt - (sentAt - originalTimestamp)`, which cancels the skew of the client's clock
(reference semantics §5.1); never later than the moment it was received (§1.3: future time → now).
"""

from functools import lru_cache
from typing import Any, Final

from tessera.events.bodies import WRITE_KEY, without_write_key
from tessera.events.event import Event, Identifier, tie_of
from tessera.events.inbox import InboxRow
from tessera.events.messages import (
    MAX_ID,
    Envelope,
    Json,
    Message,
    decode_envelope,
    decode_message,
    parse_time,
)
from tessera.events.vocabulary import name_of
from tessera.foundation.clock import EARLIEST, Micros
from tessera.identity.rules import is_blocked
from tessera.profiles.attributes import Misfit, normal_email, normal_phone, read_traits
from tessera.profiles.fold import from_server_library

_SHARED_KINDS: Final = frozenset({"user_id", "email", "phone", "anonymous_id", "device_token"})
_NOTHING: Final[Json] = {}


def _envelope(raw: bytes) -> Envelope:
    """One request's messages share an envelope: decode it once, unless it is too large to be worth keeping."""
    if not raw:
        return _NO_ENVELOPE
    return _cached_envelope(raw) if len(raw) <= 1024 else decode_envelope(raw)


_NO_ENVELOPE: Final = Envelope()
_cached_envelope = lru_cache(maxsize=4096)(decode_envelope)


def normalise(row: InboxRow, *, region: str, blocked: frozenset[Identifier] = frozenset()) -> Event:
    """Read one inbox row. `region` is the country assumed for phone numbers without one.

    The event has no identifiers when every one it carries is blocked: it then names nobody.
    """
    message = decode_message(row.body)
    envelope = _envelope(row.envelope)
    context = _context(message, envelope)
    traits, misfits = _traits(message, context, region)
    by_server = context.get("channel") == "server" or from_server_library(context)
    return Event(
        event_id=row.message_key,
        tie=tie_of(row.message_key),
        lane=row.lane,
        workspace_id=row.workspace_id,
        source_id=row.source_id,
        kind=message.type,
        name=name_of(message),
        occurred_at=occurred_at(message, envelope, row.received_at),
        received_at=row.received_at,
        message=message,
        context=context,
        ip=_text(context.get("ip")) or (None if by_server else envelope.ip),
        user_agent=_text(context.get("userAgent")) or (None if by_server else _browser(envelope.user_agent)),
        identifiers=_identifiers(message, context, traits, region, blocked),
        traits=traits,
        misfits=misfits,
        envelope_json=row.envelope or b"{}",
        body_json=without_write_key(row.body) if WRITE_KEY in row.body else row.body,
    )


def occurred_at(message: Message, envelope: Envelope, received_at: Micros) -> Micros:
    """When it happened, by our clock."""
    sent = message.sent_at or envelope.sent_at
    said = (message.original_timestamp if sent else None) or message.timestamp or message.original_timestamp
    if said is None:
        return received_at
    moment = parse_time(said)
    if sent is not None:
        moment = received_at - (parse_time(sent) - moment)
    return max(EARLIEST, min(moment, received_at))


def _context(message: Message, envelope: Envelope) -> Json:
    own = message.context
    if envelope.context is None:
        return own or _NOTHING
    return {**envelope.context, **own} if own else envelope.context


def _traits(message: Message, context: Json, region: str) -> tuple[dict[str, Any], list[str]]:
    told = context.get("traits")
    told = told if type(told) is dict else None
    own = message.traits if message.type == "identify" else None
    if not own and not told:
        return {}, []
    return read_traits({**told, **own} if own and told else own or told or {}, region=region)


def _identifiers(
    message: Message, context: Json, traits: dict[str, Any], region: str, blocked: frozenset[Identifier]
) -> list[Identifier]:
    found: list[Identifier] = []
    if message.user_id is not None:
        found.append(("user_id", str(message.user_id).strip()))
    if message.anonymous_id is not None:
        found.append(("anonymous_id", str(message.anonymous_id).strip()))
    for kind in ("email", "phone"):
        value = traits.get(kind)
        if type(value) is str:
            found.append((kind, value))
    device = context.get("device")
    if type(device) is dict:
        token = _text(device.get("token"))
        if token:
            found.append(("device_token", token))
    for key in ("externalIds", "externalId"):
        external = context.get(key)
        if type(external) is list:
            found.extend(_external(external, region))
    if message.type == "alias" and message.previous_id is not None:
        found.append(("previous_id", str(message.previous_id).strip()))
    return [
        identifier
        for identifier in dict.fromkeys(found)
        if identifier[1] and not is_blocked(identifier[1]) and identifier not in blocked
    ]


def _external(entries: list[Any], region: str) -> list[Identifier]:
    """`context.externalIds`: those of users only (an account is not a person); known kinds are normalised."""
    found: list[Identifier] = []
    for entry in entries[:100]:
        if type(entry) is not dict or entry.get("collection", "users") != "users":
            continue
        kind, value = _text(entry.get("type")), entry.get("id")
        if kind is None or type(value) not in (str, int) or len(kind) > 64:
            continue
        text = str(value).strip()[:MAX_ID]
        try:
            if kind == "email":
                text = normal_email(text)
            elif kind == "phone":
                text = normal_phone(text, region)
        except Misfit:
            continue
        found.append((kind if kind in _SHARED_KINDS else f"external:{kind}", text))
    return found


def _text(value: Any) -> str | None:
    return value[:MAX_ID] if type(value) is str and value else None


def _browser(user_agent: str | None) -> str | None:
    """The request's own user agent, where it is a person's: SDKs on servers call themselves something else."""
    return user_agent if user_agent and user_agent.startswith(("Mozilla/", "Opera/")) else None
