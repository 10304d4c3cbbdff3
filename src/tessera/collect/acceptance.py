"""From a request's body to rows of the inbox: each message judged on its own, none silently dropped."""

from typing import Any, Final, NamedTuple

import msgspec

from tessera.collect.answers import Problem
from tessera.collect.keys import Source
from tessera.events.inbox import copy_row, lane_of_message, message_key
from tessera.events.messages import (
    MAX_BATCH_EVENTS,
    MAX_DEPTH,
    MAX_EVENT_BYTES,
    MAX_MESSAGE_ID,
    BatchBody,
    Envelope,
    Message,
    Rejected,
    SingleBody,
    check_message,
    cut_depths,
    depth_of,
    encode_envelope,
    has_nul,
    mend_lone_surrogates,
    parse_time,
    read_message,
)
from tessera.foundation.clock import Micros, now_micros
from tessera.foundation.ids import uuid7

_decode_batch = msgspec.json.Decoder(BatchBody).decode
_decode_single = msgspec.json.Decoder(SingleBody).decode
_BATCH_DEPTH: Final = MAX_DEPTH + 8
"""Cut deeper than the limit for one message inside a batch, so that the cut message is still refused."""


MAX_SHARED_BYTES = 4 * 1024 * 1024
"""What a batch says once is stored with each of its messages; together at most this much."""


class _Named(msgspec.Struct, rename="camel"):
    message_id: Any = None


_decode_name = msgspec.json.Decoder(_Named).decode


class RejectedItem(msgspec.Struct, rename="camel"):
    """Why one message of a batch was not taken."""

    index: int
    message_id: str | None
    code: str
    detail: str


class Judged(NamedTuple):
    """A batch taken apart: rows to store, where each stood in the batch, and what was refused."""

    rows: list[bytes]
    indexes: list[int]
    rejected: list[RejectedItem]
    messages: list[msgspec.Raw]


def row_of_call(raw: bytes, kind: str, *, source: Source, envelope: bytes) -> bytes:
    """The inbox row of a single call (`/v1/track`): its path says the type. Raises `Rejected`."""
    message, raw = _read(raw)
    if message.type != kind:
        message.type = kind
        raw = _with_field(raw, b'"type":"%s"' % kind.encode())
    return _row(message, raw, source, envelope, now_micros())


def judge_batch(raw: bytes, *, source: Source, ip: str | None, user_agent: str | None) -> Judged:
    """Take a batch apart. Raises `Problem` only where the batch as a whole cannot be understood."""
    batch = _read_batch(raw)
    if len(batch.batch) > MAX_BATCH_EVENTS:
        raise Problem(400, "too_many_events", f"a batch may have {MAX_BATCH_EVENTS} events, not {len(batch.batch)}")
    envelope = _envelope_of(batch, ip, user_agent)
    if len(envelope) * len(batch.batch) > MAX_SHARED_BYTES:
        raise Problem(400, "context_too_large", "what a batch says for all its messages is too much for so many")
    received_at = now_micros()
    judged = Judged([], [], [], batch.batch)
    for index, item in enumerate(batch.batch):
        try:
            message, text = _read(bytes(item))
            judged.rows.append(_row(message, text, source, envelope, received_at))
            judged.indexes.append(index)
        except Rejected as refusal:
            judged.rejected.append(RejectedItem(index, message_id_of(item), refusal.code, refusal.detail))
    return judged


def write_key_in(raw: bytes) -> str | None:
    """The `writeKey` that a body carries. Raises `Problem` if the body is not JSON at all."""
    try:
        found = _decode_single(raw).write_key
    except msgspec.ValidationError:
        return None
    except RecursionError:
        return _write_key_again(cut_depths(raw, below=_BATCH_DEPTH))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        mended = mend_lone_surrogates(raw)
        if mended == raw:
            raise Problem(400, "malformed_json", str(error)) from None
        return _write_key_again(mended)
    return found if isinstance(found, str) else None


def _write_key_again(mended: bytes) -> str | None:
    try:
        found = _decode_single(mended).write_key
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, "malformed_json", str(error)) from None
    return found if isinstance(found, str) else None


def message_id_of(item: msgspec.Raw) -> str | None:
    """The id that a refused message calls itself by, if it says one."""
    try:
        found = _decode_name(item).message_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found[:MAX_MESSAGE_ID] if isinstance(found, str) else None


def _read(raw: bytes) -> tuple[Message, bytes]:
    """Read one message; halves of surrogate pairs are mended when they turn out to be in the way."""
    try:
        return read_message(raw), raw
    except Rejected as refusal:
        if refusal.code != "malformed_json":
            raise
        mended = mend_lone_surrogates(raw)
        if mended == raw:
            raise
        return read_message(mended), mended


def _row(message: Message, raw: bytes, source: Source, envelope: bytes, received_at: Micros) -> bytes:
    check_message(message)
    message_id = message.message_id
    if not message_id:
        message_id = str(uuid7())
        raw = _with_field(raw, b'"messageId":"%s"' % message_id.encode())
    return copy_row(
        lane=lane_of_message(message),
        workspace_id=source.workspace_id,
        source_id=source.id,
        received_at=received_at,
        key=message_key(source.id, message_id),
        envelope=envelope,
        body=raw,
    )


def _with_field(raw: bytes, field: bytes) -> bytes:
    """Add a field to a JSON object that has others. At the end, because the last of two equal names counts."""
    return b"%s,%s}" % (raw.rstrip()[:-1], field)


def _read_batch(raw: bytes) -> BatchBody:
    try:
        return _decode_batch(raw)
    except RecursionError:
        raw = cut_depths(raw, below=_BATCH_DEPTH)
    except msgspec.ValidationError as error:
        raise Problem(400, "invalid_batch", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raw = mend_lone_surrogates(raw)
    try:
        return _decode_batch(raw)
    except msgspec.ValidationError as error:
        raise Problem(400, "invalid_batch", str(error)) from None
    except RecursionError:
        raise Problem(400, "nested_too_deep", "the batch is nested too deep to be read") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, "malformed_json", str(error)) from None


def _envelope_of(batch: BatchBody, ip: str | None, user_agent: str | None) -> bytes:
    """What the batch says for all its messages. It is stored with each of them, so it obeys a message's limits."""
    if batch.sent_at is not None:
        try:
            parse_time(batch.sent_at)
        except Rejected as refusal:
            raise Problem(400, refusal.code, f"sentAt: {refusal.detail}") from None
    integrations = batch.integrations if isinstance(batch.integrations, dict) else None
    said = Envelope(
        sent_at=batch.sent_at, ip=ip, user_agent=user_agent, context=batch.context, integrations=integrations
    )
    try:
        envelope = encode_envelope(said)
    except RecursionError:
        raise Problem(400, "nested_too_deep", "the batch's context is nested too deep") from None
    if envelope.count(b"{") + envelope.count(b"[") > MAX_DEPTH and depth_of(envelope) > MAX_DEPTH:
        raise Problem(400, "nested_too_deep", f"the batch's context may be nested {MAX_DEPTH} deep")
    if len(envelope) > MAX_EVENT_BYTES:
        raise Problem(400, "context_too_large", f"what a batch says for all its messages may have {MAX_EVENT_BYTES} B")
    if b"\\u0000" in envelope and has_nul(envelope):
        raise Problem(400, "nul_character", "text may not contain U+0000")
    return envelope
