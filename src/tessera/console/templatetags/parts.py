"""Components that need more than a few lines of HTML. `/styleguide` shows all of them, with what to write."""

from collections.abc import Sequence
from typing import Any, Final

from django import template
from django.middleware.csrf import get_token
from django.template import loader
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()
WIDTH: Final = 120
HEIGHT: Final = 28
LONGEST_REASON: Final = 500


@register.simple_tag
def sparkline(values: Sequence[int], label: str) -> SafeString:
    """How a figure went, oldest first, as a small line that `label` names. Nothing for fewer than two values."""
    if len(values) < 2:
        return SafeString("")
    most, step = max(max(values), 1), WIDTH / (len(values) - 1)
    points = [
        f"{number * step:.1f},{HEIGHT - 2 - value / most * (HEIGHT - 4):.1f}" for number, value in enumerate(values)
    ]
    return format_html(
        '<svg class="sparkline" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<polygon points="0,{} {} {},{}"></polygon><polyline points="{}"></polyline></svg>',
        WIDTH,
        HEIGHT,
        label,
        HEIGHT,
        " ".join(points),
        WIDTH,
        HEIGHT,
        " ".join(points),
    )


@register.inclusion_tag("console/parts/copyable.html")
def copyable(value: str, label: str) -> dict[str, str]:
    """A value with a button that copies it; `label` names it for those who do not see the page."""
    return {"value": value, "label": label}


@register.simple_block_tag(takes_context=True)
def confirm(
    context: template.Context,
    content: str,
    dialog_id: str,
    *,
    title: str,
    action: str,
    button: str,
    danger: bool = False,
    reason: str = "",
) -> SafeString:
    """A dialog that asks before a deed: opened by `data-dialog="#<id>"`, posts to `action`.

    With `reason` (the label of the field) it asks why, and sends it as `reason`.
    """
    page = loader.get_template("console/parts/confirm.html")
    request = context.get("request")
    said: dict[str, Any] = {
        "dialog_id": dialog_id,
        "title": title,
        "content": content,
        "action": action,
        "button": button,
        "danger": danger,
        "reason": reason,
        "longest_reason": LONGEST_REASON,
        "token": get_token(request) if request else "",
    }
    return SafeString(page.render(said))
