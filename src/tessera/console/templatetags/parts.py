"""Components that need more than a few lines of HTML. `/styleguide` shows all of them, with what to write."""

from typing import Any, Final

from django import template
from django.middleware.csrf import get_token
from django.template import loader
from django.utils.safestring import SafeString

register = template.Library()
LONGEST_REASON: Final = 500


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
    return SafeString(page.render(said))  # nosec B703
