"""Clients that send until they are told to stop, and send again whatever was not acknowledged."""

import json
import threading
import time
from random import Random
from typing import Any

import httpx

PEOPLE = 120
THREADS = 4
_EVENTS = ("Product Viewed", "Product Added", "Order Completed")
_RETRY_AFTER = 0.05


class Clients:
    """Some threads. `acknowledged` holds the message ids that the edge said it has."""

    def __init__(self, url: str, write_key: str, *, seed: int, writer: "type[Writer] | None" = None) -> None:
        self.acknowledged: list[str] = []
        self.complaints: list[str] = []
        """Answers that no client should get: refusals of good messages, errors other than "come back later"."""
        self.repeated = 0
        self._url = url
        self._auth = (write_key, "")
        self._enough = threading.Event()
        self._give_up = threading.Event()
        make = writer or Writer
        self._threads = [threading.Thread(target=self._run, args=(make(seed, n),)) for n in range(THREADS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, *, seconds: float = 60.0) -> None:
        """Send no more; returns when everything that was begun has been acknowledged."""
        self._enough.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        if any(thread.is_alive() for thread in self._threads):
            self.complaints.append(f"requests were not acknowledged within {seconds:.0f} s of the last kill")
        self._give_up.set()
        for thread in self._threads:
            thread.join()

    def _run(self, writer: "Writer") -> None:
        with httpx.Client(base_url=self._url, auth=self._auth, timeout=15) as client:
            while not self._enough.is_set():
                self._deliver(client, writer.batch())

    def _deliver(self, client: httpx.Client, batch: list[dict[str, Any]]) -> None:
        """The same bytes again and again until they are acknowledged: what every SDK does."""
        content = json.dumps({"batch": batch, "sentAt": None}).encode()
        while not self._give_up.is_set():
            try:
                answer = client.post("/v1/batch", content=content)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == 200:
                if answer.json()["accepted"] != len(batch):
                    self.complaints.append(answer.text)
                self.acknowledged += [message["messageId"] for message in batch]
                return
            if answer is not None and answer.status_code not in (429, 503):
                self.complaints.append(f"{answer.status_code}: {answer.text[:300]}")
            self.repeated += 1
            time.sleep(_RETRY_AFTER)


class Writer:
    """Invents one client's messages: everything a person can do, also on a device that others use."""

    def __init__(self, seed: int, number: int) -> None:
        self._random = Random(f"{seed}/{number}")
        self._name = f"{seed}-{number}"
        self._written = 0

    def batch(self) -> list[dict[str, Any]]:
        return [self._message() for _ in range(self._random.randint(1, 12))]

    def _message(self) -> dict[str, Any]:
        rnd = self._random
        self._written += 1
        person = rnd.randrange(PEOPLE)
        message: dict[str, Any] = {
            "messageId": f"{self._name}-{self._written}",
            "anonymousId": f"device-{person if rnd.random() < 0.95 else rnd.randrange(PEOPLE)}-{rnd.randrange(3)}",
            "timestamp": f"2026-0{rnd.randint(1, 9)}-{rnd.randint(10, 28)}T10:{rnd.randint(10, 59)}:00Z",
            "context": {"userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
        }
        if rnd.random() < 0.6:
            message["userId"] = f"user-{person}"
        return {**message, **self._content(person)}

    def _content(self, person: int) -> dict[str, Any]:
        rnd = self._random
        chance = rnd.random()
        if chance < 0.12:
            return {"type": "identify", "traits": self._traits(person)}
        if chance < 0.14:
            return {"type": "alias", "previousId": f"device-{person}-{rnd.randrange(3)}", "userId": f"user-{person}"}
        if chance < 0.18:
            return {
                "type": "group",
                "groupId": f"club-{person % 5}",
                "traits": {"tier": rnd.choice(("gold", "silver"))},
            }
        if chance < 0.35:
            return {"type": "page", "name": "Home", "properties": {"url": "https://shop.example/?utm_source=a"}}
        properties = {"revenue": rnd.randint(0, 99_999) / 100, "currency": rnd.choice(("EUR", "USD"))}
        return {"type": "track", "event": rnd.choice(_EVENTS), "properties": properties}

    def _traits(self, person: int) -> dict[str, Any]:
        """Operations are few: of more than a hundred on one attribute the oldest no longer care about order."""
        rnd = self._random
        traits: dict[str, Any] = {
            "email": f"person{person if rnd.random() < 0.97 else rnd.randrange(PEOPLE)}@example.com",
            "firstName": rnd.choice(("Ana", "Ann", "Anna")),
        }
        if rnd.random() < 0.2:
            traits |= {"visits": {"inc": rnd.randint(1, 3)}, "tags": {"add": [rnd.choice("abcdef")]}}
        return traits
