"""The people and the traffic that intake is measured with.

`populate` fills a database with people by SQL, far faster than through intake, so its statements name columns of
tables that other rooms own; `Traffic` writes what they then do, as rows of the inbox and as rows of a bare COPY.
"""

from collections.abc import Sequence
from hashlib import md5
from random import Random
from struct import Struct as Packer
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
import psycopg

from tessera.events import inbox
from tessera.events.inbox import InboxRow
from tessera.events.messages import Envelope, Json, decode_message, encode_envelope
from tessera.events.vocabulary import name_of
from tessera.foundation.clock import DAY, MINUTE, SECOND, Micros, iso, now_micros
from tessera.intake.normalise import normalise
from tessera.profiles.fold import fold_event
from tessera.profiles.state import State, encode_state

Connection = psycopg.Connection[Any]

TEMPLATES: Final = 200
PER_INSERT: Final = 50_000
_BORN: Final = 1_760_000_000_000
"""The first person's moment of birth in the ids, in milliseconds: UUIDv7, so that they sort by age as real ones do."""

_ID: Final = """
(lpad(to_hex(%(born)s::bigint + n), 12, '0') || '7' || substr(md5(n::text), 1, 3)
 || '8' || substr(md5(n::text), 4, 15))::uuid
"""
_PROFILES: Final = f"""
INSERT INTO identity_profile (id, workspace_id, root_id, xxh, created_at)
SELECT {_ID}, 1, {_ID}, substr(decode(md5(n::text), 'hex'), 9, 8), now() - interval '200 days'
  FROM generate_series(%(first)s::int, %(last)s::int) n
"""  # noqa: S608 -- constants
_IDENTIFIERS: Final = f"""
INSERT INTO identity_identifier (workspace_id, kind, value, profile_id, first_seen, event_id)
SELECT 1, kind, prefix || lpad(n::text, 8, '0') || suffix, {_ID}, now() - interval '200 days', {_ID}
  FROM (VALUES ('user_id', 'user-', ''), ('anonymous_id', 'anon-', ''), ('email', 'person', '@example.com'))
       AS kinds (kind, prefix, suffix),
       generate_series(%(first)s::int, %(last)s::int) n
"""  # noqa: S608 -- constants
_STATES: Final = f"""
INSERT INTO profiles_state (profile_id, workspace_id, version, state, updated_at)
SELECT {_ID}, 1, 1,
       replace((%(templates)s::text[])[1 + n %% {TEMPLATES}], '00000000', lpad(n::text, 8, '0'))::json, now()
  FROM generate_series(%(first)s::int, %(last)s::int) n
"""  # noqa: S608 -- constants

_AGENTS: Final = tuple(
    f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 {mobile}Safari/537.36"
    for version in range(134, 140)
    for system, mobile in (
        ("Windows NT 10.0; Win64; x64", ""),
        ("Macintosh; Intel Mac OS X 10_15_7", ""),
        ("X11; Linux x86_64", ""),
        ("Linux; Android 15; SM-S921B", "Mobile "),
    )
)
_ENDINGS: Final = ("Product Viewed", "Product Viewed", "Product Viewed", "Product Added", "Order Completed")
_encode: Final = msgspec.json.Encoder().encode


def populate(connection: Connection, *, people: int) -> None:
    """Make the people 0 to `people` - 1, with three identifiers and a state of about 1 KB each."""
    templates = [encode_state(_grown_up(Random(number))).decode() for number in range(TEMPLATES)]  # noqa: S311
    for first in range(0, people, PER_INSERT):
        numbers = {"born": _BORN, "first": first, "last": min(first + PER_INSERT, people) - 1}
        connection.execute(_PROFILES, numbers)
        connection.execute(_IDENTIFIERS, numbers)
        connection.execute(_STATES, numbers | {"templates": templates})


def profile_id(number: int) -> UUID:
    """As `populate` makes it."""
    digest = md5(str(number).encode(), usedforsecurity=False).hexdigest()
    return UUID(f"{_BORN + number:012x}7{digest[:3]}8{digest[3:18]}")


def _grown_up(rnd: Random) -> State:
    """The state of somebody who came by a few times in half a year: the fold of a few dozen events."""
    state, now = State(), now_micros()
    envelope = encode_envelope(Envelope(ip="86.3.17.4", user_agent=rnd.choice(_AGENTS)))
    for visit in range(rnd.randint(3, 8)):
        began = now - rnd.randint(2 * DAY, 180 * DAY)
        for step in range(rnd.randint(2, 6)):
            at = began + step * MINUTE
            body = _body(rnd, 0, at, kind="identify" if visit == step == 0 else None)
            body["messageId"] = f"old-{visit}-{step}"
            row = InboxRow(0, step, 1, 1, at + SECOND, UUID(int=rnd.getrandbits(128)), envelope, _encode(body))
            fold_event(state, normalise(row, region="US"))
    return state


def _body(rnd: Random, number: int, at: Micros, *, kind: str | None = None, stranger: bool = False) -> Json:
    """One call: 85 of a hundred are tracks, 10 pages, 5 identifies."""
    chance = rnd.random()
    kind = kind or ("track" if chance < 0.85 else "page" if chance < 0.95 or stranger else "identify")
    product = rnd.randrange(500)
    url = f"https://www.shop.example/p/{product}"
    body: Json = {
        "type": kind,
        "anonymousId": f"{'new' if stranger else 'anon'}-{number:08d}",
        "timestamp": iso(at),
        "context": {
            "library": {"name": "analytics.js", "version": "npm:next-1.84.3"},
            "page": {"path": f"/p/{product}", "url": url, "title": f"Product {product}", "referrer": "", "search": ""},
            "locale": "en-GB",
            "timezone": "Europe/London",
        },
    }
    if not stranger and (kind == "identify" or rnd.random() < 0.6):
        body["userId"] = f"user-{number:08d}"
    if kind == "track":
        body["event"] = rnd.choice(_ENDINGS)
        body["properties"] = _properties(rnd, product, body["event"])
    elif kind == "identify":
        body["traits"] = {"email": f"person{number:08d}@example.com", "firstName": "Ana", "plan": rnd.choice("abc")}
    else:
        body["properties"] = {"url": url, "title": f"Product {product}"}
    return body


def _properties(rnd: Random, product: int, event: str) -> Json:
    price = 5 + product / 10
    item = {"product_id": f"p{product}", "name": f"Product {product}", "category": f"c{product % 12}", "price": price}
    if event != "Order Completed":
        return {**item, "currency": "EUR", "quantity": 1}
    return {"order_id": f"{rnd.getrandbits(40):x}", "revenue": price, "currency": "EUR", "products": [item]}


class Call(NamedTuple):
    lane: int
    number: int
    at: Micros
    key: bytes
    kind: str
    name: str
    envelope: bytes
    body: bytes


class Traffic:
    """What `people` do, one visit after the other. One visit in twenty is by a device never seen before.

    A visit is `burst` calls in a row on average (one to twice that less one): what an SDK sends when it flushes, or
    a page when it opens. With a burst of 1 nobody's calls come in a row, which is the hardest there is.
    """

    def __init__(self, *, people: int, seed: int, burst: int = 3) -> None:
        self._burst = burst
        self._left = 0
        self._visitor = (0, False)
        self._people = people
        self._random = Random(seed)  # noqa: S311
        self._seed = seed
        self._written = 0
        self._positions: dict[int, int] = {}

    def calls(self, count: int) -> list[Call]:
        """The next `count` calls, all of them within the last minute."""
        start = now_micros() - MINUTE
        return [self._call(start + index * MINUTE // count) for index in range(count)]

    def _call(self, at: Micros) -> Call:
        rnd = self._random
        self._written += 1
        if not self._left:
            self._left = rnd.randint(1, 2 * self._burst - 1)
            stranger = rnd.random() < 0.05
            self._visitor = (self._written if stranger else rnd.randrange(self._people), stranger)
        self._left -= 1
        number, stranger = self._visitor
        body = _body(rnd, number, at, stranger=stranger)
        if stranger:
            body["anonymousId"] = f"new-{self._seed}-{number}"
        body["messageId"] = f"bench-{self._seed}-{self._written}"
        raw = _encode(body)
        message = decode_message(raw)
        address = f"86.3.{number % 250}.{number // 250 % 250}"
        envelope = Envelope(sent_at=iso(at + 5_000), ip=address, user_agent=_AGENTS[number % len(_AGENTS)])
        return Call(
            lane=inbox.lane_of_message(message),
            number=number % self._people,
            at=at,
            key=inbox.message_key(1, body["messageId"]),
            kind=message.type,
            name=name_of(message),
            envelope=encode_envelope(envelope),
            body=raw,
        )

    def numbered(self, calls: Sequence[Call]) -> list[bytes]:
        """The calls as rows of `events_history` for a binary COPY, with positions of their own."""
        now = now_micros()
        return [self._history_row(call, now) for call in calls]

    def _history_row(self, call: Call, now: Micros) -> bytes:
        position = self._positions[call.lane] = self._positions.get(call.lane, 0) + 1
        texts = (call.kind.encode(), call.name.encode())
        head = _HEAD.pack(
            13, 2, call.lane, 8, position, 8, now - _EPOCH_2000, 16, call.key, 4, 1, 4, 1, 16,
            profile_id(call.number).bytes,
        )  # fmt: skip
        times = _TIMES.pack(8, call.at - _EPOCH_2000, 8, call.at + 10_000 - _EPOCH_2000)
        documents = (call.envelope, call.body)
        return b"".join((head, *map(_sized, texts), times, *map(_sized, documents)))


_EPOCH_2000: Final[Micros] = 946_684_800 * SECOND
_HEAD = Packer(">hihiqiqi16siiiii16s")
_TIMES = Packer(">iqiq")
_SIZE = Packer(">i")


def _sized(value: bytes) -> bytes:
    return _SIZE.pack(len(value)) + value


def inbox_row(call: Call) -> bytes:
    """The call as the edge would have copied it into the inbox."""
    return inbox.copy_row(
        lane=call.lane,
        workspace_id=1,
        source_id=1,
        received_at=call.at + 10_000,
        key=call.key,
        envelope=call.envelope,
        body=call.body,
    )
