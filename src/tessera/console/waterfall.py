"""The weights of a pair as a waterfall: each field's bar begins where the evidence stood before it.

Bars are drawn on the server (the policy allows neither inline styles nor scripts that set them): a rectangle in a
picture that is 100 wide, whatever the width of the screen.
"""

from typing import Final

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from msgspec import Struct

from tessera.console.words import Text, attribute_in_words
from tessera.duplicates.search import Weight
from tessera.duplicates.store import Pair

WIDE: Final = 100.0
LEAST: Final = 0.6
"""So that no bar vanishes."""


class Bar(Struct, frozen=True):
    """One step. `x`, `width` and `zero` are numbers as SVG writes them; `kind` is `for`, `against` or `total`."""

    label: str
    says: str
    bits: str
    kind: str
    x: str
    width: str
    zero: str


def bars_of(pair: Pair) -> list[Bar]:
    """From what chance alone says, over every field, to all of it together."""
    steps = [(_("By chance alone"), "", pair.start, 0.0)]
    stood = pair.start
    for weight in pair.weights:
        steps.append((field_in_words(weight.field), level_in_words(weight), weight.bits, stood))
        stood += weight.bits
    lowest = min(0.0, *(min(begins, begins + bits) for _label, _says, bits, begins in steps))
    highest = max(0.0, *(max(begins, begins + bits) for _label, _says, bits, begins in steps))
    scale = WIDE / ((highest - lowest) or 1)

    def bar(label: str, says: str, bits: float, begins: float, kind: str) -> Bar:
        x = (min(begins, begins + bits) - lowest) * scale
        width = max(abs(bits) * scale, LEAST)
        return Bar(label, says, points(bits), kind, *_numbers(min(x, WIDE - width), width, -lowest * scale))

    drawn = [bar(*step, "for" if step[2] >= 0 else "against") for step in steps]
    return [*drawn, bar(_("All together"), "", stood, 0.0, "total")]


def points(bits: float) -> str:
    """`+1.5`, `−0.3`: with its sign, and with the reader's decimal sign."""
    sign = "−" if bits < 0 else "+"
    return f"{sign}{number_format(abs(bits), 1)}"


def _numbers(*values: float) -> tuple[str, ...]:
    """With a point whatever the language."""
    return tuple(f"{value:.2f}" for value in values)


def field_in_words(field: str) -> str:
    return _("Place") if field == "place" else attribute_in_words(field)


def level_in_words(weight: Weight) -> str:
    """How far the two agree in this field; of e-mails and phones only a part is compared."""
    parts: dict[str, Text] = {"email": _("the same before the @"), "phone": _("the same last digits")}
    levels: dict[str, Text] = {
        "same": parts.get(weight.field, _("the same")),
        "almost": _("almost the same"),
        "similar": _("similar"),
        "like_the_name": _("alike, as the names are"),
        "different": _("different"),
        "same_postcode": _("the same postcode"),
        "same_city": _("the same city"),
        "same_country": _("the same country"),
    }
    return str(levels.get(weight.level, weight.level))


def likelihood(probability: float) -> str:
    """`97.3 %`, and never 100: nothing is certain."""
    if probability >= 0.999:
        return _("over %(percent)s %%") % {"percent": number_format(99.9, 1)}
    return _("%(percent)s %%") % {"percent": number_format(int(probability * 1000) / 10, 1)}
