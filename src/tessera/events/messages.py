"""What a client says: the messages of Segment's HTTP tracking API, decoded and judged one by one.

Shared by the edge, which answers for each message, and by intake, which acts on them. Knows no Django.
Limits and required fields: reference Segment spec, "Common fields" and "HTTP API".
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tessera.foundation.clock import Micros, to_micros
from tessera.foundation.errors import TesseraError

MAX_EVENT_BYTES: Final = 32 * 1024
MAX_BATCH_BYTES: Final = 500 * 1024
MAX_BATCH_EVENTS: Final = 2_500
MAX_MESSAGE_ID: Final = 100
MAX_ID: Final = 500
MAX_WHOLE_ID: Final = 10**MAX_ID
MAX_NAME: Final = 255
MAX_FIELDS: Final = 300
MAX_DEPTH: Final = 64
"""Objects and arrays inside each other. Far above any real event, far below what Python's own stack can bear."""

TYPES: Final = frozenset({"identify", "track", "page", "screen", "group", "alias"})

Json = dict[str, Any]


class Rejected(TesseraError):
    """One message is refused. `code` is stable; the text is for the developer who sent it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail, code=code)
        self.detail = detail


class Message(Struct, rename="camel", omit_defaults=True, gc=False):
    """One call of the tracking API. Only the fields that the house reads are named; the stored body keeps all."""

    type: str = ""
    message_id: str | None = None
    user_id: str | int | None = None
    anonymous_id: str | int | None = None
    previous_id: str | int | None = None
    group_id: str | int | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    properties: Json | None = None
    traits: Json | None = None
    context: Json | None = None
    integrations: Any = None
    timestamp: str | None = None
    original_timestamp: str | None = None
    sent_at: str | None = None


class Envelope(Struct, rename="camel", omit_defaults=True, gc=False):
    """What the request says for all its messages: merged under each of them (the message's own word wins)."""

    sent_at: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    context: Json | None = None
    integrations: Json | None = None


class BatchBody(Struct, rename="camel"):
    """The body of `/v1/batch` and `/v1/import`; messages stay raw so that one bad one spoils nothing."""

    batch: list[msgspec.Raw]
    write_key: str | None = None
    sent_at: str | None = None
    context: Json | None = None
    integrations: Any = None


class SingleBody(Struct, rename="camel"):
    """What the edge reads of a single call beside the message itself."""

    write_key: str | UnsetType = UNSET


decode_message: Callable[[bytes | msgspec.Raw], Message] = msgspec.json.Decoder(Message).decode
decode_envelope: Callable[[bytes], Envelope] = msgspec.json.Decoder(Envelope).decode
encode_envelope: Callable[[Envelope], bytes] = msgspec.json.Encoder().encode

_LONE_SURROGATE = re.compile(
    rb"(?<!\\)((?:\\\\)*)\\u(?:[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|[dD][c-fC-F][0-9a-fA-F]{2})"
)
_PAIR = re.compile(rb"(?<!\\)((?:\\\\)*)\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
# A string that is never closed reaches to the end: otherwise every quote in it would be tried as a beginning.
_STRING_OR_BRACKET = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_HUGE_NUMBER = re.compile(rb"\d{300}|[eE]\+?\d{3}")
_TOO_DEEP: Final = f"objects and arrays may be nested {MAX_DEPTH} deep"
_EARLIEST: Final = to_micros(datetime.min)
_LATEST: Final = to_micros(datetime.max)


def has_nul(raw: bytes) -> bool:
    """Whether JSON text escapes U+0000, which PostgreSQL's text cannot hold."""
    return _NUL.search(raw) is not None


def depth_of(raw: bytes) -> int:
    """How deep objects and arrays are nested in valid JSON."""
    depth = deepest = 0
    for token in _STRING_OR_BRACKET.finditer(raw):
        match token.group():
            case b"{" | b"[":
                depth += 1
                deepest = max(deepest, depth)
            case b"}" | b"]":
                depth -= 1
    return deepest


def cut_depths(raw: bytes, *, below: int) -> bytes:
    """The same JSON with everything nested more than `below` deep replaced by `null`.

    Lets a batch be taken apart when one of its messages is nested deeper than the decoder can bear: that message is
    still too deep afterwards and refused on its own. Text that is not JSON comes out as some other text.
    """
    out: list[bytes] = []
    depth = last = 0
    for token in _STRING_OR_BRACKET.finditer(raw):
        match token.group():
            case b"{" | b"[":
                depth += 1
                if depth == below + 1:
                    out.append(raw[last : token.start()])
            case b"}" | b"]":
                depth -= 1
                if depth == below:
                    out.append(b"null")
                    last = token.end()
    if depth <= below:
        out.append(raw[last:])
    return b"".join(out)


def mend_lone_surrogates(body: bytes) -> bytes:
    """Replace half surrogate pairs by U+FFFD, as browsers cut emoji in two and send the halves.

    Whole pairs are left alone. JSON with lone surrogates has no text (RFC 8259 §8.2), so it would be refused otherwise.
    """
    out: list[bytes] = []
    last = 0
    for pair in _PAIR.finditer(body):
        out.append(_LONE_SURROGATE.sub(rb"\1\\ufffd", body[last : pair.start()]))
        out.append(pair.group())
        last = pair.end()
    out.append(_LONE_SURROGATE.sub(rb"\1\\ufffd", body[last:]))
    return b"".join(out)


def read_message(raw: bytes) -> Message:
    """Decode one message and check what concerns its text, not its meaning.

    What passes is storable: valid UTF-8 and JSON to the last byte, also in the fields that nobody here reads.
    Raises `Rejected`; never anything else, whatever the bytes.
    """
    if len(raw) > MAX_EVENT_BYTES:
        raise Rejected("event_too_large", f"a message may have {MAX_EVENT_BYTES} bytes, this one has {len(raw)}")
    try:
        message = decode_message(raw)
        # msgspec steps over fields that nobody named without looking at their text or the size of their numbers.
        if not raw.isascii():
            raw.decode()
        if _HUGE_NUMBER.search(raw):
            msgspec.json.decode(raw)
    except msgspec.ValidationError as error:
        raise Rejected("invalid_field", str(error)) from None
    except RecursionError:
        raise Rejected("nested_too_deep", _TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected("malformed_json", str(error)) from None
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and depth_of(raw) > MAX_DEPTH:
        raise Rejected("nested_too_deep", _TOO_DEEP)
    if b"\\" in raw and b"\\u0000" in raw and has_nul(raw):
        raise Rejected("nul_character", "text may not contain U+0000")
    return message


def parse_message(raw: bytes, *, expected_type: str | None = None) -> Message:
    """Decode and judge one message.

    `expected_type` is the call's own type where the path names it (`/v1/track`); a batch names it per message.
    Raises `Rejected`; never anything else, whatever the bytes.
    """
    message = read_message(raw)
    if expected_type is not None:
        message.type = expected_type
    check_message(message)
    return message


def parse_time(text: str) -> Micros:
    """An ISO-8601 date or moment as microseconds since 1970; UTC where it names no zone.

    Digits beyond microseconds are cut off. Raises `Rejected` (`invalid_timestamp`) for anything else and for
    moments outside the years 1 to 9999 of UTC.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = _parse_sloppy_time(text)
    micros = to_micros(moment)
    if not _EARLIEST <= micros <= _LATEST:
        raise Rejected("invalid_timestamp", f"{text[:64]!r} is outside the years 1 to 9999")
    return micros


def _parse_sloppy_time(text: str) -> datetime:
    """RFC 3339 §5.6 allows a lower-case `t` and `z`; some clients leave blanks around."""
    try:
        return datetime.fromisoformat(text.strip().upper())
    except ValueError:
        raise Rejected("invalid_timestamp", f"{text[:64]!r} is not an ISO 8601 date or time") from None


def check_message(message: Message) -> None:
    """The rules every message must keep, whoever made it. Raises `Rejected`."""
    kind = message.type
    if kind not in TYPES:
        raise Rejected("unknown_type", f"type must be one of {', '.join(sorted(TYPES))}")
    if message.user_id in (None, "") and message.anonymous_id in (None, ""):
        raise Rejected("missing_identity", "userId or anonymousId is required")
    if kind == "track":
        if not message.event:
            raise Rejected("missing_event_name", "a track call needs an event name")
        if len(message.event) > MAX_NAME:
            raise Rejected("name_too_long", f"an event name may have {MAX_NAME} characters")
    elif kind == "group" and message.group_id in (None, ""):
        raise Rejected("missing_group_id", "a group call needs a groupId")
    elif kind == "alias" and message.previous_id in (None, ""):
        raise Rejected("missing_previous_id", "an alias call needs a previousId")
    _check_lengths(message)
    if message.timestamp is not None:
        _check_time(message.timestamp)
    if message.sent_at is not None:
        _check_time(message.sent_at)
    if message.original_timestamp is not None:
        _check_time(message.original_timestamp)


def _check_time(text: str) -> None:
    """`parse_time` for those who only want to know; most moments are plainly in order."""
    try:
        if 1 < datetime.fromisoformat(text).year < 9999:
            return
    except ValueError:
        pass
    parse_time(text)


def _check_lengths(message: Message) -> None:
    message_id = message.message_id
    if message_id is not None and len(message_id) > MAX_MESSAGE_ID:
        raise Rejected("message_id_too_long", f"a messageId may have {MAX_MESSAGE_ID} characters")
    _check_id(message.user_id)
    _check_id(message.anonymous_id)
    if message.previous_id is not None:
        _check_id(message.previous_id)
    if message.group_id is not None:
        _check_id(message.group_id)
    for name in (message.name, message.category):
        if name is not None and len(name) > MAX_NAME:
            raise Rejected("name_too_long", f"a name may have {MAX_NAME} characters")
    for fields in (message.properties, message.traits):
        if fields is not None and len(fields) > MAX_FIELDS:
            raise Rejected("too_many_fields", f"a message may have {MAX_FIELDS} properties or traits")


def _check_id(value: str | int | None) -> None:
    if (type(value) is str and len(value) > MAX_ID) or (type(value) is int and abs(value) >= MAX_WHOLE_ID):
        raise Rejected("id_too_long", f"an id may have {MAX_ID} characters")
