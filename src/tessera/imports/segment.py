"""Files of Segment messages: what they say goes the way of any message, deduplicated by messageId, joined by the rules.

An archive tells when things happened (`timestamp`); when its messages were sent means nothing any more, so `sentAt` is
used once, to correct a client's clock, and then left out.
"""

from contextlib import suppress
from typing import Any, Final

import msgspec
import psycopg

from tessera.events import inbox, seen
from tessera.events.event import Event, Identifier
from tessera.events.inbox import InboxRow
from tessera.events.messages import Rejected, mend_lone_surrogates, parse_message, parse_time
from tessera.foundation.clock import iso
from tessera.foundation.errors import Outdated
from tessera.identity.suppression import KEPT_OUT, SUPPRESSED, suppressed_among
from tessera.imports import store, writing
from tessera.imports.batching import MOST_TRIES, Reading
from tessera.imports.parsing import BadRecord, Batch
from tessera.imports.records import Counts, ImportView, RowProblem
from tessera.imports.rows import event_id_of
from tessera.imports.writing import Checkpoint, lane_of_step
from tessera.intake import pipeline
from tessera.intake.named import named_by
from tessera.intake.normalise import normalise
from tessera.intake.one_by_one import is_passing

Connection = psycopg.Connection[Any]
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.json.Encoder().encode
_MOST_PROBLEMS: Final = 10_000
Problem = tuple[RowProblem, str]


def carry_out(ahead: Reading, connection: Connection, found: ImportView, step: int) -> str:
    """Take in what is left of the file; returns what ended it. A batch is one transaction with its checkpoint."""
    counts, noted = found.counts, store.count_problems(connection, found.id, dry=False)
    for batch in ahead.batches():
        checkpoint = Checkpoint(
            found.id, step, batch.lines, batch.first + len(batch.records) - 1, ahead.source.bytes_read
        )
        wanted, came, problems = _written(ahead, connection, batch, checkpoint, counts, noted)
        counts.add(came)
        noted += problems
        step += 1
        if wanted:
            return wanted
    return ""


def try_out(ahead: Reading, connection: Connection, found: ImportView) -> Counts | None:
    """The same, each batch taken back again: repetition across batches is not seen."""
    counts, noted = Counts(), 0
    for batch in ahead.batches():
        came, problems = Counts(), list[Problem]()
        with connection.transaction():
            came, problems = _take_in(ahead, connection, batch, 0, None)
            raise psycopg.Rollback
        counts.add(came)
        store.add_problems(connection, found.id, problems[: max(0, _MOST_PROBLEMS - noted)], dry=True)
        noted += len(problems)
        if store.beat(connection, found.id, ahead.source.bytes_read):
            return None
    return counts


def _written(
    ahead: Reading, connection: Connection, batch: Batch, checkpoint: Checkpoint, before: Counts, noted: int
) -> tuple[str, Counts, int]:
    for _ in range(MOST_TRIES):
        try:
            with connection.transaction():
                inbox.claim_lane(connection, lane_of_step(checkpoint.step), wait=True)
                wanted = writing.advance(connection, checkpoint, before)
                came, problems = _take_in(ahead, connection, batch, checkpoint.step, checkpoint)
                total = Counts()
                total.add(before)
                total.add(came)
                store.change(connection, checkpoint.import_id, counts=store.encode(total))
                kept = problems[: max(0, _MOST_PROBLEMS - noted)]
                store.add_problems(connection, checkpoint.import_id, kept, dry=False)
        except psycopg.Error as error:
            ahead.context.gate.forget_fresh()
            if not is_passing(error):
                raise
            continue
        ahead.context.gate.keep_fresh()
        return wanted, came, len(problems)
    raise Outdated


def _take_in(
    ahead: Reading, connection: Connection, batch: Batch, step: int, checkpoint: Checkpoint | None
) -> tuple[Counts, list[Problem]]:
    lane = lane_of_step(step)
    events, problems, seen_rows = _events(ahead, batch, lane)
    counts = Counts(rows=seen_rows, errors=len(problems))
    positions = inbox.claim_lane(connection, lane, wait=True)
    before = positions[lane]
    events, kept_out = _let_in(ahead, connection, events)
    events, blocked = _admitted(ahead, connection, events, dry=checkpoint is None)
    problems += kept_out + blocked
    counts.errors = len(problems)
    new = seen.remember(connection, {event.event_id for event in events}) if events else set()
    first = {event.event_id: event for event in reversed(events) if event.event_id in new}
    fresh = [event for event in events if first.get(event.event_id) is event]
    counts.repeated = len(events) - len(fresh)
    if fresh:
        plan = pipeline.apply_events(connection, ahead.context, fresh, positions=positions)
        counts.updated, counts.created = len(fresh), len(plan.new_profiles)
    if checkpoint is not None:
        writing.note_step(connection, checkpoint, lane, before + 1, positions[lane])
    return counts, problems


def _events(ahead: Reading, batch: Batch, lane: int) -> tuple[list[Event], list[Problem], int]:
    events: list[Event] = []
    problems: list[Problem] = []
    seen_rows = 0
    for number, record in enumerate(batch.records, batch.first):
        if not record:
            continue
        seen_rows += 1
        try:
            if isinstance(record, BadRecord):
                raise Rejected(record.code, record.detail)
            assert isinstance(record, bytes)
            events.append(_event(ahead, record, number, lane))
        except Rejected as error:
            problem = _refused(number, error.code, error.detail)
            raw = record[:500].decode("utf-8", "replace") if isinstance(record, bytes) else ""
            problems.append((problem, raw))
    return events, problems, seen_rows


def _let_in(ahead: Reading, connection: Connection, events: list[Event]) -> tuple[list[Event], list[Problem]]:
    """Without the messages of those who asked to be kept out; nothing of these is repeated. Ask under the lane."""
    origin = ahead.origin
    named = [(event, frozenset(named_by(event, region=origin.region))) for event in events]
    carried = frozenset[Identifier]().union(*(names for _, names in named))
    suppressed = suppressed_among(connection, origin.workspace_id, carried)
    if not suppressed:
        return events, []
    out = [event for event, names in named if not suppressed.isdisjoint(names)]
    problems = [(_refused(_number_of(event), SUPPRESSED, KEPT_OUT), "") for event in out]
    return [event for event, names in named if suppressed.isdisjoint(names)], problems


def _admitted(
    ahead: Reading, connection: Connection, events: list[Event], *, dry: bool
) -> tuple[list[Event], list[Problem]]:
    """Without the events that the catalogue blocks; what it blocks of the others is taken out of them."""
    kept, dropped, problems = [], [], list[Problem]()
    for event in events:
        if ahead.context.gate.judge(event):
            kept.append(event)
        else:
            dropped.append(event)
            problems.append((_refused(_number_of(event), pipeline.EVENT_BLOCKED, f"{event.name!r} is blocked"), ""))
    if dropped and not dry:
        pipeline.drop_blocked(connection, ahead.context, dropped)
    return kept, problems


def _number_of(event: Event) -> int:
    """The row that the message was."""
    return int(event.context["import"]["row"])


def _refused(number: int, code: str, detail: str) -> RowProblem:
    return RowProblem(row=number, severity="error", field="", value="", code=code, detail=detail[:300])


def _event(ahead: Reading, raw: bytes, number: int, lane: int) -> Event:
    """Raises `Rejected`."""
    origin = ahead.origin
    message = parse_message(mend_lone_surrogates(raw) if b"\\u" in raw else raw)
    row_id = event_id_of(origin.import_id, number)
    said = message.message_id
    key = row_id.bytes if said is None else inbox.message_key(origin.source_id or 0, said)
    row = InboxRow(
        lane=lane,
        seq=number,
        workspace_id=origin.workspace_id,
        source_id=origin.source_id,
        received_at=origin.occurred_at,
        message_key=type(row_id)(bytes=key),
        envelope=b"",
        body=_archived(raw, str(origin.import_id), number, skip_triggers=ahead.plan.skip_triggers),
    )
    event = normalise(row, region=origin.region, blocked=origin.blocked)
    if not event.identifiers:
        raise Rejected("blocked_identifier", pipeline.NOBODY)
    return event


def _archived(raw: bytes, import_id: str, number: int, *, skip_triggers: bool) -> bytes:
    """The message as history keeps it: dated by itself, and saying where it comes from."""
    body = _decode(raw)
    sent, original = body.pop("sentAt", None), body.get("originalTimestamp")
    if body.get("timestamp") is None and type(original) is str:
        body["timestamp"] = _corrected(original, sent, body.get("receivedAt"))
    context = body.get("context")
    context = dict(context) if type(context) is dict else {}
    context["import"] = {"id": import_id, "row": number}
    if skip_triggers:
        context["skipTriggers"] = True
    body["context"] = context
    return _encode(body)


def _corrected(original: str, sent: Any, received: Any) -> str:
    """`receivedAt - (sentAt - originalTimestamp)` (reference semantics §5.1), or the client's word alone."""
    if type(sent) is str and type(received) is str:
        with suppress(Rejected):
            return iso(parse_time(received) - (parse_time(sent) - parse_time(original)))
    return original
