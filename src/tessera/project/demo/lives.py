"""What people of the demo world do: they look around, sign up, come back, buy, and walk into a shop."""

from collections.abc import Iterator
from random import Random
from typing import Any, Final

from tessera.foundation.clock import DAY, HOUR, MINUTE, SECOND, Micros
from tessera.project.demo.brands import Brand, Product
from tessera.project.demo.calls import Call, Clerk, order_properties, page_of, product_properties
from tessera.project.demo.devices import Browser, Phone
from tessera.project.demo.people import APP_SHOPPER, REGULAR, VISITOR, Person

_CAMPAIGNS: Final = (
    ("google", "cpc", "brand-search"),
    ("newsletter", "email", "autumn-sale"),
    ("instagram", "social", "new-arrivals"),
    ("partner", "affiliate", "outdoor-blog"),
)
_REFERRERS: Final = ("", "", "https://search.example/", "https://blog.example/best-of-the-year")
_STEP: Final = (15 * SECOND, 90 * SECOND)


def calls_of(person: Person, rnd: Random, *, since: Micros, until: Micros) -> list[Call]:
    """Everything the person causes between two moments, in order."""
    clerk = Clerk(person)
    if person.habit == REGULAR:
        _buy_at_the_till(clerk, rnd, _moments(rnd, rnd.randint(1, 5), since, until))
    else:
        _live_online(clerk, rnd, since, until)
    return [call for call in clerk.calls if call.at < until]


def _moments(rnd: Random, count: int, since: Micros, until: Micros) -> list[Micros]:
    """Moments in the hours people are awake (roughly, in UTC), in order."""
    days = max((until - since) // DAY, 1)
    moments = [since + rnd.randrange(days) * DAY + rnd.randrange(16 * HOUR) for _ in range(count)]
    return sorted(min(moment, until - 20 * MINUTE) for moment in moments)


def _live_online(clerk: Clerk, rnd: Random, since: Micros, until: Micros) -> None:
    person = clerk.person
    if person.habit == VISITOR:
        for at in _moments(rnd, rnd.randint(1, 3), since, until):
            _visit(clerk, rnd, at, rnd.choice(person.brands), person.browsers[0])
        return
    visits = _moments(rnd, rnd.randint(3, 8), since, until)
    signs_up_at = rnd.randint(0, 2)
    for turn, at in enumerate(visits):
        brand = rnd.choice(person.brands)
        if turn <= signs_up_at:
            # All on one device, so that what was looked at before signing up belongs to somebody.
            _visit(clerk, rnd, at, brand, person.browsers[0], sign_up=turn == signs_up_at)
        elif person.app is not None and rnd.random() < 0.6:
            _use_app(clerk, rnd, at, brand, person.app)
        elif rnd.random() < 0.12:
            _buy_at_the_till(clerk, rnd, [at])
        else:
            _visit(clerk, rnd, at, brand, rnd.choice(person.browsers), log_in=True)


# --- the web shop -----------------------------------------------------------------------------------------------------


def _visit(
    clerk: Clerk,
    rnd: Random,
    at: Micros,
    brand: Brand,
    browser: Browser,
    *,
    sign_up: bool = False,
    log_in: bool = False,
) -> None:
    """A member on a new device looks around as a stranger, then logs in: two profiles turn out to be one person."""
    steps = _steps(rnd, at)
    clerk.web(next(steps), brand, browser, **_landing(rnd, brand))
    looked_at = _look_around(clerk, rnd, steps, brand, browser)
    if sign_up:
        _sign_up(clerk, rnd, next(steps), brand, browser)
    if log_in and browser.anonymous_id not in clerk.logged_in:
        page = page_of(brand, "/login", "Log in")
        clerk.web(next(steps), brand, browser, type="identify", userId=clerk.person.user_id, traits={}, page=page)
        clerk.logged_in.add(browser.anonymous_id)
    if browser.anonymous_id in clerk.logged_in and rnd.random() < 0.45:
        _check_out(clerk, rnd, steps, brand, browser, looked_at)


def _steps(rnd: Random, at: Micros) -> Iterator[Micros]:
    while True:
        yield at
        at += rnd.randint(*_STEP)


def _landing(rnd: Random, brand: Brand) -> dict[str, Any]:
    if rnd.random() < 0.4:
        source, medium, name = rnd.choice(_CAMPAIGNS)
        search = f"?utm_source={source}&utm_medium={medium}&utm_campaign={name}"
        return {
            "type": "page",
            "name": "Home",
            "page": page_of(brand, "/", "Home", search=search),
            "campaign": {"source": source, "medium": medium, "name": name},
        }
    return {"type": "page", "name": "Home", "page": page_of(brand, "/", "Home", referrer=rnd.choice(_REFERRERS))}


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


def _sign_up(clerk: Clerk, rnd: Random, at: Micros, brand: Brand, browser: Browser) -> None:
    person = clerk.person
    page = page_of(brand, "/account/new", "Create an account")
    traits: dict[str, Any] = {
        "email": person.email,
        "firstName": person.first_name,
        "lastName": person.last_name,
        "gender": "F" if person.woman else "M",
        "language": person.language.code,
        "address": {"city": person.city.name, "country": person.city.country},
        "country": person.city.country,
        "newsletter": rnd.random() < 0.6,
        "favourite_category": rnd.choice(brand.categories),
    }
    if person.phone and rnd.random() < 0.7:
        traits["phone"] = person.phone
    clerk.web(at, brand, browser, type="identify", userId=person.user_id, traits=traits, page=page)
    clerk.logged_in.add(browser.anonymous_id)
    clerk.web(at + SECOND, brand, browser, type="track", event="Signed Up", properties={"method": "email"}, page=page)
    if rnd.random() < 0.2:
        club = {"name": f"{brand.name} Club", "tier": rnd.choice(("bronze", "silver", "gold"))}
        clerk.web(at + 2 * SECOND, brand, browser, type="group", groupId=f"club-{brand.slug}", traits=club, page=page)


def _check_out(
    clerk: Clerk, rnd: Random, steps: Iterator[Micros], brand: Brand, browser: Browser, looked_at: list[Product]
) -> None:
    basket = _basket(rnd, looked_at)
    cart = page_of(brand, "/cart", "Cart")
    for product, quantity in basket:
        properties = {**product_properties(product, brand), "quantity": quantity}
        clerk.web(next(steps), brand, browser, type="track", event="Product Added", properties=properties, page=cart)
    order = order_properties(rnd, brand, basket, number=_order_number(clerk, brand))
    clerk.web(
        next(steps), brand, browser, type="track", event="Checkout Started", properties=order,
        page=page_of(brand, "/checkout", "Checkout"),
    )  # fmt: skip
    if rnd.random() < 0.75:
        clerk.web(
            next(steps), brand, browser, type="track", event="Order Completed", properties=order,
            page=page_of(brand, "/thanks", "Thank you"),
        )  # fmt: skip


def _basket(rnd: Random, products: list[Product]) -> list[tuple[Product, int]]:
    chosen = dict.fromkeys(rnd.sample(products, rnd.randint(1, len(products))))
    return [(product, rnd.choice((1, 1, 1, 2))) for product in chosen]


def _order_number(clerk: Clerk, brand: Brand) -> str:
    return f"{brand.slug[0].upper()}-{clerk.person.number:05d}-{len(clerk.calls)}"


# --- the app and the shop ---------------------------------------------------------------------------------------------


def _use_app(clerk: Clerk, rnd: Random, at: Micros, brand: Brand, phone: Phone) -> None:
    assert clerk.person.habit == APP_SHOPPER
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
    if rnd.random() < 0.3:
        order = order_properties(rnd, brand, _basket(rnd, looked_at), number=_order_number(clerk, brand))
        clerk.app(next(steps), brand, phone, type="track", event="Order Completed", properties=order)
    clerk.app(next(steps), brand, phone, type="track", event="Application Backgrounded")


def _buy_at_the_till(clerk: Clerk, rnd: Random, moments: list[Micros]) -> None:
    """The shop's server reports the order with the loyalty card's number and what the clerk was told: phone or mail."""
    person = clerk.person
    for at in moments:
        brand = rnd.choice(person.brands)
        contact = {"phone": person.phone} if person.phone and rnd.random() < 0.6 else {"email": person.email}
        if person.habit == REGULAR:
            contact |= {"firstName": person.first_name, "lastName": person.last_name}
        basket = _basket(rnd, rnd.sample(brand.products, rnd.randint(1, 3)))
        order = order_properties(rnd, brand, basket, number=_order_number(clerk, brand))
        order |= {"shop": person.city.name, "shipping": 0, "total": order["revenue"]}
        clerk.till(at, brand, contact, type="track", event="Order Completed", properties=order)
