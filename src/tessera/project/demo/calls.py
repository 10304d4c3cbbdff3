"""The calls of the tracking API that people of the demo world cause, written as their clients would write them."""

from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

from tessera.events.messages import Json
from tessera.foundation.clock import Micros, to_datetime
from tessera.project.demo.brands import CALL_CENTRE, Brand, Product
from tessera.project.demo.devices import Browser, Phone
from tessera.project.demo.people import Person


class Call(NamedTuple):
    """One call as it reached us at `at`. `source` is the name of the entry point."""

    at: Micros
    source: str
    body: Json
    ip: str | None
    user_agent: str | None


class Clerk:
    """Writes one person's calls and numbers them, so that the same world has the same message ids."""

    def __init__(self, person: Person, *, marked: str = "demo") -> None:
        """`marked` begins every message id."""
        self.person = person
        self.calls: list[Call] = []
        self._marked = marked
        self.contact_id: str | None = None
        """The `anonymousId` that mail is reported under, for somebody who has no account."""
        self.logged_in: set[str] = set()
        """The `anonymousId`s of the devices on which the person has told their user id."""

    def web(self, at: Micros, brand: Brand, browser: Browser, **call: Any) -> None:
        person = self.person
        context = {
            "library": {"name": "analytics.js", "version": "npm:next-1.84.3"},
            "locale": person.language.locale,
            "timezone": person.city.time_zone,
            "page": call.pop("page"),
        }
        if campaign := call.pop("campaign", None):
            context["campaign"] = campaign
        self._write(at, brand.web, call, context, browser.anonymous_id, person.address, browser.user_agent)

    def app(self, at: Micros, brand: Brand, phone: Phone, **call: Any) -> None:
        person = self.person
        context = {
            "library": {"name": "analytics-kotlin" if phone.device["type"] == "android" else "analytics-swift"},
            "locale": person.language.locale,
            "timezone": person.city.time_zone,
            "device": phone.device,
            "os": phone.system,
            "app": {"name": brand.name, "namespace": brand.app_id, "version": "4.2.0", "build": "420"},
            "network": {"wifi": True, "cellular": False},
        }
        self._write(at, brand.app, call, context, phone.anonymous_id, person.address, None)

    def till(self, at: Micros, brand: Brand, contact: Mapping[str, Any], **call: Any) -> None:
        """`userId` is the loyalty card's number; pass an `anonymousId` for a sale without one."""
        self._by_server(at, brand.till, call, contact)

    def mailer(self, at: Micros, brand: Brand, **call: Any) -> None:
        """What the shop's own system says of messages it sends and of what becomes of orders."""
        self._by_server(at, brand.web, call, {})

    def call_centre(self, at: Micros, contact: Mapping[str, Any], **call: Any) -> None:
        self._by_server(at, CALL_CENTRE, call, contact)

    def _by_server(self, at: Micros, source: str, call: Json, contact: Mapping[str, Any]) -> None:
        context: Json = {"channel": "server", "library": {"name": "analytics-python", "version": "2.4.0"}}
        if contact:
            context["traits"] = dict(contact)
        known = {"anonymousId": self.contact_id} if self.contact_id else {"userId": self.person.user_id}
        who = {} if "anonymousId" in call or "userId" in call else known
        self._write(at, source, {**who, **call}, context, None, None, None)

    def _write(
        self,
        at: Micros,
        source: str,
        call: Json,
        context: Json,
        anonymous_id: str | None,
        ip: str | None,
        user_agent: str | None,
    ) -> None:
        body = {"messageId": f"{self._marked}-{self.person.user_id}-{len(self.calls)}", "timestamp": _iso(at)}
        if anonymous_id is not None:
            body["anonymousId"] = anonymous_id
            if anonymous_id in self.logged_in:
                body["userId"] = self.person.user_id
        self.calls.append(Call(at, source, {**body, **call, "context": context}, ip, user_agent))


def _iso(at: Micros) -> str:
    return to_datetime(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def page_of(brand: Brand, path: str, title: str, *, search: str = "", referrer: str = "") -> Json:
    url = f"https://{brand.host}{path}{search}"
    return {"path": path, "url": url, "search": search, "title": f"{title} · {brand.name}", "referrer": referrer}


def product_properties(product: Product, brand: Brand) -> Json:
    return {
        "product_id": product.product_id,
        "name": product.name,
        "category": product.category,
        "price": product.price / 100,
        "currency": brand.currency,
    }


def order_properties(rnd: Random, brand: Brand, basket: list[tuple[Product, int]], *, number: str) -> Json:
    """An order as Segment's e-commerce spec writes it. `revenue` is without shipping, `total` with it."""
    goods = sum(product.price * quantity for product, quantity in basket)
    shipping = 0 if goods > 10_000 else 490
    properties: Json = {
        "order_id": number,
        "revenue": goods / 100,
        "shipping": shipping / 100,
        "total": (goods + shipping) / 100,
        "currency": brand.currency,
        "products": [{**product_properties(product, brand), "quantity": quantity} for product, quantity in basket],
    }
    if rnd.random() < 0.2:
        properties["coupon"] = rnd.choice(("WELCOME10", "SUMMER", "FRIENDS"))
    return properties
