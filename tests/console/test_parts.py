"""The components of the console, and the page that shows them."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest
from django.template import Context, Template
from django.test import Client

from tessera.console.views.styleguide import SAMPLES


def drawn(source: str, **context: Any) -> str:
    return Template(source).render(Context(context))


def test_a_sparkline_goes_from_edge_to_edge_and_leaves_room_for_its_stroke() -> None:
    shown = drawn("{% sparkline values 'Orders by day' %}", values=[0, 5, 10])

    assert 'aria-label="Orders by day"' in shown
    assert 'polyline points="0.0,26.0 60.0,14.0 120.0,2.0"' in shown


@pytest.mark.parametrize("values", [[], [7]])
def test_nothing_is_drawn_of_fewer_than_two_values(values: list[int]) -> None:
    assert drawn("{% sparkline values 'x' %}", values=values) == ""


def test_a_flat_line_of_zeros_divides_by_nothing() -> None:
    assert "0.0,26.0 120.0,26.0" in drawn("{% sparkline values 'x' %}", values=[0, 0])


def test_what_strangers_sent_stays_text_in_every_part() -> None:
    bad = "<script>alert(1)</script>\" onload=x '"
    source = (
        "{% sparkline values bad %}{% copyable bad bad %}"
        "{% confirm 'c' title=bad action=bad button=bad reason=bad %}{{ bad }}{% endconfirm %}"
    )

    shown = drawn(source, bad=bad, values=[1, 2])

    assert "<script" not in shown
    assert '" onload' not in shown
    assert shown.count("&lt;script&gt;") == 9


def test_a_confirmation_posts_with_the_sessions_token_and_asks_why_where_a_reason_is_kept() -> None:
    request = HttpRequest()
    source = "{% confirm 'erase' title='Erase?' action='/erase' button='Erase' reason=why %}Gone.{% endconfirm %}"

    asked = drawn(source, request=request, why="Why")
    plain = drawn(source, request=request, why="")

    assert re.search(r'name="csrfmiddlewaretoken" value="\w{64}"', asked)
    assert 'action="/erase"' in asked
    assert '<label for="erase-reason">Why</label>' in asked
    assert "required" in asked
    assert "textarea" not in plain


def test_each_sample_of_the_styleguide_is_shown_with_what_was_written(desk: Callable[..., Client]) -> None:
    shown = desk("analyst").get("/styleguide").context["samples"]

    assert [sample.name for sample, _, _ in shown] == [sample.name for sample in SAMPLES]
    assert all(picture.strip() and source.strip() for _, picture, source in shown)
    assert "{% confirm" in next(source for sample, _, source in shown if sample.name == "confirm")
