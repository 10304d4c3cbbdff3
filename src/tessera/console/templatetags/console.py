"""How the console writes moments, numbers, money and values."""

import re
from datetime import date, datetime
from typing import Any, Final

import msgspec
from django import template
from django.contrib.messages.storage.base import Message
from django.utils import formats, timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tessera.console.toasts import undo_of
from tessera.console.words import (
    VALUE_TYPES,
    actor_in_words,
    code_in_words,
    kind_in_words,
    reason_in_words,
    refusal_in_words,
    status_in_words,
)

register = template.Library()

_LONG_WORD: Final = re.compile(r"[^\s;&]{17,}")
"""Without what an escaped sign is made of: nothing is put into the middle of one."""
_SIGNS: Final = re.compile(r"([@._/-])(?=.)")


@register.filter
def moment(at: datetime | None) -> SafeString | str:
    """A moment in the reader's zone; `—` for none. The page's script rewrites it, and knows the browser's zone.

    Where neither is known it is in UTC and says so.
    """
    if not at:  # None, or what a template makes of a thing that is not there
        return "—"
    utc = at.strftime("%Y-%m-%d %H:%M:%S UTC")
    text = formats.date_format(timezone.localtime(at), "SHORT_DATETIME_FORMAT")
    zone = "" if timezone.get_current_timezone_name() != "UTC" else " UTC"
    return format_html('<time datetime="{}" title="{}">{}{}</time>', at.isoformat(), utc, text, zone)


@register.filter
def day(at: date | None, pattern: str = "j M Y") -> str:
    """The day of a moment in the reader's zone and language, `10 Nov 2026`, for where no `<time>` can stand.

    With the moment as `data-day` beside it the page's script rewrites it, as it does with `moment`.
    """
    if not at:
        return "—"
    text = str(formats.date_format(timezone.localtime(at) if isinstance(at, datetime) else at, pattern))
    return text if get_language() == "en" else text.lower()  # months have their capital in English only


@register.filter
def undo_url(message: Message) -> str:
    """Where a toast's undo button posts to, or the empty string."""
    return undo_of(message.extra_tags or "")


@register.filter
def count(number: int) -> str:
    """`12,345`, as the reader's language groups it."""
    return str(formats.number_format(number, 0, use_l10n=True, force_grouping=True))


@register.filter
def money(amount: float) -> str:
    """Two decimals, grouped."""
    return str(formats.number_format(amount, 2, use_l10n=True, force_grouping=True))


@register.filter
def breakable(text: str) -> SafeString:
    """A text whose long words may be broken after their signs: `long.jessica@` and then `example.net`."""
    return SafeString(_LONG_WORD.sub(lambda word: _SIGNS.sub(r"\1<wbr>", word[0]), escape(text)))  # nosec B703


@register.filter
def unlocalised(number: float) -> str:
    """A number as SVG and scripts read it, whatever the language: `12.5`."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


@register.filter
def shown(value: Any) -> str:
    """An attribute's value as text: JSON for lists and objects of objects, plain words for the rest."""
    match value:
        case bool():
            return _("yes") if value else _("no")
        case str():
            return value
        case int() | float():
            return str(value)
        case list() if all(isinstance(part, str | int | float) for part in value):
            return ", ".join(str(part) for part in value)
    return msgspec.json.encode(value).decode()


@register.filter
def px(number: float) -> str:
    """A length in a drawing: a point for decimals in every language, and no grouping."""
    return f"{number:g}"


@register.filter
def status(code: str) -> str:
    """The global status of a person in words."""
    return status_in_words(code)


@register.filter
def kind(code: str) -> str:
    """The kind of an identifier in words."""
    return kind_in_words(code)


@register.filter
def actor(who: str) -> str:
    """Who did something, in words where it was the house itself."""
    return actor_in_words(who)


@register.filter
def reason(text: str) -> str:
    """Why something was done, in words where the house wrote it."""
    return reason_in_words(text)


@register.filter
def refusal(code: str) -> str:
    """Why a message was refused."""
    return refusal_in_words(code)


@register.filter
def refused(code: str) -> str:
    """What to tell about a refusal of which only the code was kept."""
    return code_in_words(code)


@register.filter
def initials(name: str) -> str:
    """One or two letters for the round picture."""
    words = [word for word in name.split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()


@register.simple_tag
def icon(name: str) -> SafeString:
    """A Material Symbol from unfold's font; decoration only."""
    return format_html('<span class="material-symbols-outlined icon" aria-hidden="true">{}</span>', name)


@register.filter
def type_words(name: str) -> str:
    """A type of the catalogue in words; `mixed` and none too."""
    return str(VALUE_TYPES.get(name, _("Mixed") if name == "mixed" else "—"))


@register.filter
def lookup(table: dict[str, Any], key: Any) -> Any:
    """`table[key]`; the key itself where it is not in the table."""
    return table.get(key, key)


@register.inclusion_tag("console/catalogue/sparkline.html")
def sparkline(numbers: list[int]) -> dict[str, Any]:
    """Small bars, one for each number; decoration beside a number that says it."""
    most = max(numbers, default=0)
    bars = [(place * 4, round(22 * number / most, 1)) for place, number in enumerate(numbers) if number] if most else []
    return {"bars": [(x, 24 - max(height, 1.5), max(height, 1.5)) for x, height in bars], "width": len(numbers) * 4}
