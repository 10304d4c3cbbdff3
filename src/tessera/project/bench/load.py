"""The client that loads a server: keep-alive connections that each send the next event when the last is acknowledged.

Raw sockets on uvloop, because a library's client would be the slowest part. Run as a process of its own:
`python -m tessera.project.bench.load --port 8001 --key twk_… --seconds 5` prints one JSON object.
"""

import argparse
import asyncio
import sys
from base64 import b64encode
from secrets import token_hex
from time import perf_counter, process_time
from typing import Final, cast

import msgspec
import uvloop

_EVENT: Final = (
    b'{"type":"track","messageId":"ajs-next-%s","anonymousId":"0b1c7d2e-%s","event":"Product Viewed",'
    b'"properties":{"product_id":"4711","name":"Trail shoe","category":"Shoes","price":89.9,"currency":"EUR"},'
    b'"context":{"library":{"name":"analytics.js","version":"npm:next-1.84.3"},"page":{"path":"/p/4711",'
    b'"url":"https://shop.example/p/4711"},"locale":"en-GB"},"timestamp":"2026-11-21T22:20:30.123Z",'
    b'"sentAt":"2026-11-21T22:20:30.456Z"}'
)
GRACE: Final = 10.0
"""Seconds that answers may take after the last request was sent."""


class Measurement(msgspec.Struct):
    """`failures` counts answers that acknowledged nothing; their times are not in the percentiles."""

    requests: int
    failures: int
    seconds: float
    requests_per_second: float
    events_per_second: float
    p50_ms: float
    p99_ms: float
    client_cpu_seconds: float


class Requests:
    """Makes requests that differ in their message ids and, by `people`, in who sends them."""

    def __init__(self, *, key: str, events: int, people: int = 10_000) -> None:
        self._events = events
        self._people = people
        self._run = token_hex(4).encode()
        self._made = 0
        authorization = b64encode(f"{key}:".encode())
        path = b"/v1/track" if events == 1 else b"/v1/batch"
        self._head = (
            b"POST %s HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: tessera-bench\r\ncontent-type: application/json\r\n"
            b"authorization: Basic %s\r\ncontent-length: %d\r\n\r\n"
        ) % (path, authorization, len(self._body()))

    def _event(self) -> bytes:
        self._made += 1
        return _EVENT % (b"%s-%012x" % (self._run, self._made), b"%012x" % (self._made % self._people))

    def _body(self) -> bytes:
        if self._events == 1:
            return self._event()
        return b'{"batch":[%s]}' % b",".join([self._event() for _ in range(self._events)])

    def next(self) -> bytes:
        return self._head + self._body()


class Sender(asyncio.Protocol):
    """One connection: sends, waits for the whole answer, notes the time, sends again."""

    def __init__(self, requests: Requests, until: float, done: asyncio.Future[None]) -> None:
        self.requests = requests
        self.until = until
        self.done = done
        self.times: list[float] = []
        self.failures = 0
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own, which does not inherit
        self._send()

    def _send(self) -> None:
        self._sent = perf_counter()
        if self._sent >= self.until:
            self.transport.close()
        else:
            self.transport.write(self.requests.next())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or len(body) < _length_of(head):
            return
        if head.startswith(b"HTTP/1.1 200"):
            self.times.append(perf_counter() - self._sent)
        else:
            self.failures += 1
        self._buffer = b""
        self._send()

    def connection_lost(self, _: Exception | None) -> None:
        if perf_counter() < self.until:
            self.failures += 1
        if not self.done.done():
            self.done.set_result(None)


def _length_of(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)


async def load(*, port: int, key: str, connections: int, seconds: float, events: int) -> Measurement:
    """Load `127.0.0.1:port` for `seconds` with requests of `events` events each."""
    loop = asyncio.get_running_loop()
    requests = Requests(key=key, events=events)
    began, cpu = perf_counter(), process_time()
    senders: list[Sender] = []

    def sender() -> Sender:
        senders.append(Sender(requests, began + seconds, loop.create_future()))
        return senders[-1]

    await asyncio.gather(*(loop.create_connection(sender, "127.0.0.1", port) for _ in range(connections)))
    await asyncio.wait([sender.done for sender in senders], timeout=seconds + GRACE)
    took = perf_counter() - began
    times = sorted(time for sender in senders for time in sender.times)
    rate = len(times) / took
    return Measurement(
        requests=len(times),
        failures=sum(sender.failures for sender in senders),
        seconds=round(took, 3),
        requests_per_second=round(rate, 1),
        events_per_second=round(rate * events, 1),
        p50_ms=_percentile(times, 0.50),
        p99_ms=_percentile(times, 0.99),
        client_cpu_seconds=round(process_time() - cpu, 2),
    )


def _percentile(times: list[float], share: float) -> float:
    return round(times[int(share * (len(times) - 1))] * 1000, 2) if times else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description="Load a collect server and print what it did as JSON.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--events", type=int, default=1, help="events per request; more than one goes to /v1/batch")
    options = parser.parse_args()
    measured = uvloop.run(load(**vars(options)))
    sys.stdout.write(msgspec.json.encode(measured).decode() + "\n")


if __name__ == "__main__":
    main()
