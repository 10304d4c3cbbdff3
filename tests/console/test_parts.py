"""The components of the console, and the page that shows them."""

import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.template import Context, Template
from django.test import Client

from tessera.console.views.styleguide import SAMPLES


def drawn(source: str, **context: Any) -> str:
    return Template(source).render(Context(context))


def test_what_strangers_sent_stays_text_in_every_part() -> None:
    bad = "<script>alert(1)</script>\" onload=x '"
    source = (
        "{% copyable bad bad %}{% confirm 'c' title=bad action=bad button=bad reason=bad %}{{ bad }}{% endconfirm %}"
    )

    shown = drawn(source, bad=bad)

    assert "<script" not in shown
    assert '" onload' not in shown
    assert shown.count("&lt;script&gt;") == 8


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
