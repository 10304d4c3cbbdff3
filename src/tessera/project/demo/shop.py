"""One visit, one session of the app, one purchase at the till, one call: what each makes the clients send."""

from collections.abc import Iterator
from random import Random
from typing import Any, Final

from tessera.events.messages import Json
from tessera.foundation.clock import DAY, HOUR, MINUTE, SECOND, Micros
from tessera.project.demo import messages
from tessera.project.demo.brands import Brand, Product
from tessera.project.demo.calls import Clerk, order_properties, page_of, product_properties
from tessera.project.demo.devices import Browser
from tessera.project.demo.people import REGULAR, VIP
from tessera.project.demo.seasons import Campaign, campaign_at

_REFERRERS: Final = ("", "", "https://search.example/", "https://blog.example/best-of-the-year")
_STEP: Final = (15 * SECOND, 90 * SECOND)
_REASONS: Final = ("does not fit", "changed my mind", "damaged", "not as pictured", "too late")
_ABOUT: Final = ("where is my order", "return", "size advice", "invoice", "complaint")
_UNCHECKED: Final = {"birthday": "31.02.1990"}
"""What a form without checks let through: kept in history, counted as not fitting."""


def visit(
    clerk: Clerk,
    rnd: Random,
    at: Micros,
    brand: Brand,
    browser: Browser,
    *,
    sign_up: bool = False,
    news: bool = False,
    log_in: bool = False,
    campaign: Campaign | None = None,
) -> None:
    """A member on a new device looks around as a stranger, then logs in: two profiles turn out to be one person."""
    steps = _steps(rnd, at)
    clerk.web(next(steps), brand, browser, **_landing(rnd, at, brand, campaign))
    looked_at = _look_around(clerk, rnd, steps, brand, browser)
    if sign_up:
        _sign_up(clerk, rnd, next(steps), brand, browser, news=news)
    if log_in and browser.anonymous_id not in clerk.logged_in:
        page = page_of(brand, "/login", "Log in")
        clerk.web(next(steps), brand, browser, type="identify", userId=clerk.person.user_id, traits={}, page=page)
        clerk.logged_in.add(browser.anonymous_id)
    member = browser.anonymous_id in clerk.logged_in
    if rnd.random() < (0.5 if clerk.person.rhythm == VIP else 0.42 if member else 0.2):
        _fill_the_cart(clerk, rnd, steps, brand, browser, looked_at, member=member)


def _steps(rnd: Random, at: Micros) -> Iterator[Micros]:
    while True:
        yield at
        at += rnd.randint(*_STEP)


def _landing(rnd: Random, at: Micros, brand: Brand, campaign: Campaign | None) -> dict[str, Any]:
    if campaign is None and rnd.random() < 0.4:
        campaign = campaign_at(rnd, at)
    if campaign is None:
        return {"type": "page", "name": "Home", "page": page_of(brand, "/", "Home", referrer=rnd.choice(_REFERRERS))}
    source, medium, name = campaign
    search = f"?utm_source={source}&utm_medium={medium}&utm_campaign={name}"
    page = page_of(brand, "/", "Home", search=search)
    return {"type": "page", "name": "Home", "page": page, "campaign": campaign._asdict()}


def _look_around(clerk: Clerk, rnd: Random, steps: Iterator[Micros], brand: Brand, browser: Browser) -> list[Product]:
    category = rnd.choice(brand.categories)
    page = page_of(brand, f"/c/{category.lower()}", category)
    properties = {"category": category}
    clerk.web(next(steps), brand, browser, type="page", name="Category", properties=properties, page=page)
    shelf = [product for product in brand.products if product.category == category]
    looked_at = [rnd.choice(shelf if rnd.random() < 0.7 else brand.products) for _ in range(rnd.randint(1, 4))]
    for product in looked_at:
        page = page_of(brand, f"/p/{product.product_id}", product.name)
        properties = product_properties(product, brand)
        clerk.web(next(steps), brand, browser, type="track", event="Product Viewed", properties=properties, page=page)
    return looked_at


def _sign_up(clerk: Clerk, rnd: Random, at: Micros, brand: Brand, browser: Browser, *, news: bool) -> None:
    person = clerk.person
    page = page_of(brand, "/account/new", "Create an account")
    traits = _introduction(clerk, rnd, brand) | {"newsletter": news}
    clerk.web(at, brand, browser, type="identify", userId=person.user_id, traits=traits, page=page)
    clerk.logged_in.add(browser.anonymous_id)
    clerk.web(at + SECOND, brand, browser, type="track", event="Signed Up", properties={"method": "email"}, page=page)
    if news:
        about = {"list": f"{brand.slug}-news"}
        clerk.web(at + SECOND, brand, browser, type="track", event="Newsletter Subscribed", properties=about, page=page)
    _tell_relations(clerk, at + 2 * SECOND, brand)
    if rnd.random() < 0.2:
        club = {"name": f"{brand.name} Club", "tier": rnd.choice(("bronze", "silver", "gold"))}
        clerk.web(at + 2 * SECOND, brand, browser, type="group", groupId=f"club-{brand.slug}", traits=club, page=page)
    messages.email(clerk, rnd, at + MINUTE, brand, {"campaign_name": "welcome"}, opens=0.6)


def _introduction(clerk: Clerk, rnd: Random, brand: Brand) -> dict[str, Any]:
    """What the form asks for, and what is left empty in it."""
    person = clerk.person
    traits: dict[str, Any] = {
        "email": person.email,
        "firstName": person.first_name,
        "lastName": person.last_name,
        "gender": "F" if person.woman else "M",
        "language": person.language.code,
        "timezone": person.city.time_zone,
        "home_city": person.city.name,
        "address": {"city": person.city.name, "country": person.city.country, "postalCode": person.postcode},
        "country": person.city.country,
        "favourite_category": rnd.choice(brand.categories),
    }
    if rnd.random() < 0.75:
        traits["birthday"] = person.born
    if person.phone and rnd.random() < 0.75:
        traits["phone"] = person.phone
    if rnd.random() < 0.015:
        traits |= _UNCHECKED
    if person.is_test:
        traits |= {"firstName": "Test", "lastName": f"Tester {person.number}", "is_test": True}
    return traits


def _tell_relations(clerk: Clerk, at: Micros, brand: Brand) -> None:
    """Who invited them, and with whom they live."""
    person = clerk.person
    for kind, other in (("referred_by", person.invited_by), ("household", person.lives_with)):
        if other is not None and other != person.user_id:
            properties = {"type": kind, "to": f"user_id:{other}"}
            clerk.mailer(at, brand, type="track", event="Relation Added", properties=properties)


def subscribe(clerk: Clerk, rnd: Random, at: Micros, brand: Brand, browser: Browser) -> None:
    """An address in the newsletter's form at the foot of the page."""
    person, steps = clerk.person, _steps(rnd, at)
    clerk.web(next(steps), brand, browser, **_landing(rnd, at, brand, None))
    _look_around(clerk, rnd, steps, brand, browser)
    page = page_of(brand, "/newsletter", "Newsletter")
    traits = {"email": person.email, "firstName": person.first_name, "language": person.language.code}
    clerk.web(next(steps), brand, browser, type="identify", traits=traits | {"newsletter": True}, page=page)
    about = {"list": f"{brand.slug}-news"}
    clerk.web(next(steps), brand, browser, type="track", event="Newsletter Subscribed", properties=about, page=page)
    clerk.contact_id = browser.anonymous_id


# --- buying -----------------------------------------------------------------------------------------------------------


def _fill_the_cart(
    clerk: Clerk,
    rnd: Random,
    steps: Iterator[Micros],
    brand: Brand,
    browser: Browser,
    looked_at: list[Product],
    *,
    member: bool,
) -> None:
    """Most carts are left behind; members are written to about theirs."""
    basket = _basket(rnd, looked_at)
    cart = page_of(brand, "/cart", "Cart")
    for product, quantity in basket:
        properties = {**product_properties(product, brand), "quantity": quantity}
        clerk.web(next(steps), brand, browser, type="track", event="Product Added", properties=properties, page=cart)
    if not member:
        return
    buys = rnd.random() < (0.62 if clerk.person.rhythm == VIP else 0.46)
    order = order_properties(rnd, brand, basket, number=_order_number(clerk, brand))
    if buys or rnd.random() < 0.35:
        page = page_of(brand, "/checkout", "Checkout")
        clerk.web(next(steps), brand, browser, type="track", event="Checkout Started", properties=order, page=page)
    if buys:
        page, at = page_of(brand, "/thanks", "Thank you"), next(steps)
        clerk.web(at, brand, browser, type="track", event="Order Completed", properties=order, page=page)
        _deliver(clerk, rnd, at, brand, order)
    elif rnd.random() < 0.7:
        about = {"campaign_name": "cart-reminder"}
        messages.email(clerk, rnd, next(steps) + 3 * HOUR, brand, about, opens=0.45)


def _basket(rnd: Random, products: list[Product]) -> list[tuple[Product, int]]:
    chosen = dict.fromkeys(rnd.sample(products, rnd.randint(1, min(len(products), 3))))
    return [(product, rnd.choice((1, 1, 1, 2))) for product in chosen]


def _order_number(clerk: Clerk, brand: Brand) -> str:
    return f"{brand.slug[0].upper()}-{clerk.person.number:05d}-{len(clerk.calls)}"


def _deliver(clerk: Clerk, rnd: Random, at: Micros, brand: Brand, order: Json) -> None:
    """The parcel, what is written about it, and what comes back."""
    about = {"campaign_name": "order-confirmation", "order_id": order["order_id"]}
    messages.email(clerk, rnd, at + 20 * SECOND, brand, about, opens=0.72)
    shipped = at + rnd.randint(10 * HOUR, 2 * DAY)
    parcel = {"order_id": order["order_id"], "carrier": rnd.choice(("Correo", "Parcelo", "Northpost"))}
    clerk.mailer(shipped, brand, type="track", event="Order Shipped", properties=parcel)
    if clerk.person.phone is not None and rnd.random() < 0.5:
        messages.text_message(clerk, rnd, shipped + DAY, brand, "parcel-today")
    if rnd.random() < 0.07:
        asked = shipped + rnd.randint(2 * DAY, 10 * DAY)
        reason = {"order_id": order["order_id"], "reason": rnd.choice(_REASONS)}
        clerk.mailer(asked, brand, type="track", event="Return Requested", properties=reason)
        if rnd.random() < 0.8:
            refund = {key: order[key] for key in ("order_id", "total", "currency", "products")} | reason
            back = asked + rnd.randint(2 * DAY, 6 * DAY)
            clerk.mailer(back, brand, type="track", event="Order Refunded", properties=refund)


def buy_at_the_till(clerk: Clerk, rnd: Random, at: Micros, brand: Brand) -> None:
    """The shop's server reports the order with the loyalty card's number and what the clerk was told: phone or mail."""
    person = clerk.person
    contact: dict[str, Any] = {"phone": person.phone} if person.phone and rnd.random() < 0.6 else {}
    contact = contact or {"email": person.email}
    if person.habit == REGULAR:
        contact |= {"firstName": person.first_name, "lastName": person.last_name, "country": person.city.country}
        contact |= {"birthday": person.born, "language": person.language.code, "home_city": person.city.name}
    basket = _basket(rnd, rnd.sample(brand.products, rnd.randint(1, 3)))
    order = order_properties(rnd, brand, basket, number=_order_number(clerk, brand))
    order |= {"shop": person.city.name, "shipping": 0, "total": order["revenue"]}
    clerk.till(at, brand, contact, type="track", event="Order Completed", properties=order)
    if rnd.random() < 0.04:
        refund = {key: order[key] for key in ("order_id", "total", "currency", "products", "shop")}
        refund["reason"] = rnd.choice(_REASONS)
        back = at + rnd.randint(DAY, 12 * DAY)
        clerk.till(back, brand, contact, type="track", event="Order Refunded", properties=refund)


def call_us(clerk: Clerk, rnd: Random, at: Micros, brand: Brand) -> None:
    """They ring up; the telephone system knows the number, the clerk finds the customer."""
    about = {"brand": brand.slug, "about": rnd.choice(_ABOUT), "seconds": rnd.randint(40, 900)}
    contact = {"phone": clerk.person.phone}
    clerk.call_centre(at, contact, type="track", event="Call Answered", properties=about)
    if rnd.random() < 0.7:
        rating = {"brand": brand.slug, "rating": rnd.choice((3, 4, 4, 5, 5, 5, 1))}
        clerk.call_centre(at + 20 * MINUTE, {}, type="track", event="Call Rated", properties=rating)


# --- the app ----------------------------------------------------------------------------------------------------------


def use_app(clerk: Clerk, rnd: Random, at: Micros, brand: Brand) -> None:
    phone = clerk.person.app
    assert phone is not None
    steps = _steps(rnd, at)
    version = {"version": "4.2.0", "build": "420"}
    if phone.anonymous_id not in clerk.logged_in:
        clerk.app(next(steps), brand, phone, type="track", event="Application Installed", properties=version)
        clerk.app(next(steps), brand, phone, type="screen", name="Welcome")
        traits = {"app_user": True}
        clerk.app(next(steps), brand, phone, type="identify", userId=clerk.person.user_id, traits=traits)
        clerk.logged_in.add(phone.anonymous_id)
    clerk.app(next(steps), brand, phone, type="track", event="Application Opened", properties=version)
    clerk.app(next(steps), brand, phone, type="screen", name="Home")
    looked_at = [rnd.choice(brand.products) for _ in range(rnd.randint(1, 3))]
    for product in looked_at:
        properties = product_properties(product, brand)
        clerk.app(next(steps), brand, phone, type="track", event="Product Viewed", properties=properties)
    if rnd.random() < 0.25:
        order, bought = (
            order_properties(rnd, brand, _basket(rnd, looked_at), number=_order_number(clerk, brand)),
            next(steps),
        )
        clerk.app(bought, brand, phone, type="track", event="Order Completed", properties=order)
        _deliver(clerk, rnd, bought, brand, order)
    clerk.app(next(steps), brand, phone, type="track", event="Application Backgrounded")
