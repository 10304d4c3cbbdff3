"""Reports that are ready to be looked at, over the events of shops (Segment's names), where a workspace has them."""

from collections.abc import Collection
from typing import Final

from django.utils.translation import gettext_lazy as _
from msgspec import Struct

from tessera.audience.conditions.times import InLast
from tessera.audience.insight.asking import Request, Step
from tessera.audience.insight.funnel import Funnel
from tessera.audience.insight.lifecycle import Lifecycle
from tessera.audience.insight.registry import kind_of
from tessera.audience.insight.retention import Retention, nth
from tessera.audience.insight.rfm import ORDER, Rfm
from tessera.audience.insight.slices import Breakdown
from tessera.audience.insight.trend import Trend
from tessera.console.reports.forms import query_of
from tessera.console.words import Text

_DAY: Final = 86_400


class Ready(Struct, frozen=True):
    """`needs` are the events without which it would be empty."""

    label: Text
    about: Text
    request: Request
    needs: tuple[str, ...]

    @property
    def kind(self) -> str:
        return kind_of(self.request)

    @property
    def query(self) -> str:
        return query_of(self.request)


_BUYING: Final = ("Product Viewed", "Product Added", ORDER)
READY: Final = (
    Ready(
        _("From looking to buying"),
        _("Product Viewed → Product Added → Order Completed, within 7 days."),
        Funnel(period=InLast(days=30), steps=tuple(Step(event=name) for name in _BUYING), within=7 * _DAY),
        _BUYING,
    ),
    Ready(
        _("Buyers who come back"),
        _("Weekly retention of first orders, by further orders."),
        Retention(
            period=InLast(days=56), start=Step(event=ORDER), back=Step(event=ORDER), every="week", columns=nth(8)
        ),
        (ORDER,),
    ),
    Ready(
        _("Orders per day"),
        _("How many orders were made, by the source they came from."),
        Trend(period=InLast(days=30), step=Step(event=ORDER), every="day", breakdown=Breakdown(by="source")),
        (ORDER,),
    ),
    Ready(
        _("Revenue per week"),
        _("The sum of all orders’ totals."),
        Trend(period=InLast(days=84), step=Step(event=ORDER), every="week", measure="sum", of=("total",)),
        (ORDER,),
    ),
    Ready(
        _("The best buyers, and those at risk"),
        _("Recency, frequency and money of a year."),
        Rfm(period=InLast(days=365)),
        (ORDER,),
    ),
    Ready(
        _("Lifecycle by week"),
        _("Who is new, stays, comes back or stops, by any event."),
        Lifecycle(period=InLast(days=84), every="week"),
        (),
    ),
)


def ready_for(events: Collection[str]) -> list[Ready]:
    """Those whose events the workspace has; none where it has no events at all."""
    return [one for one in READY if events and set(one.needs) <= set(events)]
