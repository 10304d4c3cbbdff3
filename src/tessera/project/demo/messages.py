"""What the two brands write to people, and what people do with it.

Names as Segment's specs for e-mail and mobile have them; `… Sent`, `… Read` and `… Replied` are ours.
"""

from random import Random
from typing import Any, Final

from tessera.foundation.clock import DAY, HOUR, MINUTE, SECOND, Micros
from tessera.project.demo.brands import Brand
from tessera.project.demo.calls import Clerk
from tessera.project.demo.seasons import thursdays

_BOUNCES: Final = 0.015
_OPENS: Final = 0.36
_CLICKS: Final = 0.24
_LEAVES: Final = 0.012
_COMPLAINS: Final = 0.001


def newsletters(clerk: Clerk, rnd: Random, brand: Brand, *, since: Micros, until: Micros, fan: float) -> list[Micros]:
    """Every second Thursday until the person has enough. Returns when they clicked through to the shop.

    `fan` is how much this person likes mail: 1 opens as people do on average.
    """
    clicked = []
    for number, day in enumerate(thursdays(since, until), start=1):
        at = day + rnd.randrange(40 * MINUTE)
        about = {"campaign_name": f"{brand.slug}-news-{number:02d}", "email_subject": f"News from {brand.name}"}
        click = email(clerk, rnd, at, brand, about, opens=min(_OPENS * fan, 0.95))
        if click is not None:
            clicked.append(click)
        if rnd.random() < _LEAVES:
            clerk.mailer(at + 3 * HOUR, brand, type="track", event="Unsubscribed", properties=about)
            if rnd.random() < _COMPLAINS / _LEAVES:
                clerk.mailer(at + 3 * HOUR, brand, type="track", event="Email Marked as Spam", properties=about)
            break
    return clicked


def email(clerk: Clerk, rnd: Random, at: Micros, brand: Brand, about: dict[str, Any], *, opens: float) -> Micros | None:
    """One message and what became of it. Returns when its link was followed, if it was."""

    def happens(moment: Micros, what: str, **more: Any) -> None:
        clerk.mailer(moment, brand, type="track", event=what, properties={**about, **more})

    happens(at, "Email Sent")
    if rnd.random() < _BOUNCES:
        happens(at + 30 * SECOND, "Email Bounced", bounce_type=rnd.choice(("soft", "soft", "hard")))
        return None
    happens(at + rnd.randint(2, 40) * SECOND, "Email Delivered")
    if rnd.random() >= opens:
        return None
    opened = at + int(rnd.expovariate(1 / (5 * HOUR))) + 2 * MINUTE
    happens(opened, "Email Opened")
    if rnd.random() < 0.55:
        happens(opened + 14 * SECOND, "Email Read", seconds=14)
    if rnd.random() < 0.012:
        happens(opened + 6 * MINUTE, "Email Replied")
    if rnd.random() >= _CLICKS:
        return None
    happens(opened + 20 * SECOND, "Email Link Clicked", link_url=f"https://{brand.host}/")
    return opened + 25 * SECOND


def text_message(clerk: Clerk, rnd: Random, at: Micros, brand: Brand, purpose: str) -> None:
    about = {"campaign_name": purpose}
    clerk.mailer(at, brand, type="track", event="SMS Sent", properties=about)
    if rnd.random() < 0.97:
        clerk.mailer(at + 4 * SECOND, brand, type="track", event="SMS Delivered", properties=about)
    if rnd.random() < 0.12:
        clicked = at + rnd.randint(1, 50) * MINUTE
        clerk.mailer(clicked, brand, type="track", event="SMS Link Clicked", properties=about)
    if rnd.random() < 0.04:
        clerk.mailer(at + 9 * MINUTE, brand, type="track", event="SMS Replied", properties=about | {"text": "OK"})


def pushes(clerk: Clerk, rnd: Random, brand: Brand, *, since: Micros, until: Micros) -> None:
    """About one a fortnight, to those who have the app."""
    at = since + rnd.randint(2 * DAY, 10 * DAY)
    while at < until:
        about = {"campaign_name": f"{brand.slug}-app-picks", "action": "open"}
        clerk.mailer(at, brand, type="track", event="Push Notification Sent", properties=about)
        if rnd.random() < 0.9:
            clerk.mailer(at + SECOND, brand, type="track", event="Push Notification Received", properties=about)
            if rnd.random() < 0.11:
                tapped = at + rnd.randint(1, 90) * MINUTE
                clerk.mailer(tapped, brand, type="track", event="Push Notification Tapped", properties=about)
        at += rnd.randint(9 * DAY, 20 * DAY)
