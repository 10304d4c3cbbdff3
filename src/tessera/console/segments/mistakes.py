"""What is wrong with the text of a condition, in the reader's language. The text's own words stay as they are."""

import re
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tessera.console.words import Text

_WHY: Final[dict[str, Text]] = {
    "a condition is expected": gettext_lazy("a condition is expected"),
    "a name is expected": gettext_lazy("a name is expected"),
    'a "text" is expected': gettext_lazy('a "text" is expected'),
    "a number is expected": gettext_lazy("a number is expected"),
    "a whole number is expected": gettext_lazy("a whole number is expected"),
    "a comparison with a number is expected": gettext_lazy("a comparison with a number is expected"),
    "'and', 'or' or the end is expected": gettext_lazy("'and', 'or' or the end is expected"),
    "'days' or 'hours' is expected": gettext_lazy("'days' or 'hours' is expected"),
    "'outgoing' or 'incoming' is expected": gettext_lazy("'outgoing' or 'incoming' is expected"),
    "this text is not closed": gettext_lazy("this text is not closed"),
    "this number is too large": gettext_lazy("this number is too large"),
    "this is nested too deeply": gettext_lazy("this is nested too deeply"),
    "nobody does something fewer than zero times": gettext_lazy("nobody does something fewer than zero times"),
    "the low end is above the high end": gettext_lazy("the low end is above the high end"),
    "the first day is after the last": gettext_lazy("the first day is after the last"),
    "a total is of one number per event": gettext_lazy("a total is of one number per event"),
    'a version is numbers between points, such as "4.10.2"': gettext_lazy(
        'a version is numbers between points, such as "4.10.2"'
    ),
    "this may not be empty": gettext_lazy("this may not be empty"),
    "the text ends here": gettext_lazy("the text ends here"),
}
_LIKE: Final[tuple[tuple[str, Text], ...]] = (
    (r"a comparison is expected \((?P<these>.*)\)", gettext_lazy("a comparison is expected (%(these)s)")),
    (r"a value is expected \((?P<these>.*)\)", gettext_lazy("a value is expected (%(these)s)")),
    (r"a time is expected \((?P<these>.*)\)", gettext_lazy("a time is expected (%(these)s)")),
    (r"a channel is expected \((?P<these>.*)\)", gettext_lazy("a channel is expected (%(these)s)")),
    (r"a day \((?P<day>.*)\) or a moment \((?P<moment>.*)\) is expected",
     gettext_lazy("a day (%(day)s) or a moment (%(moment)s) is expected")),
    (r"(?P<word>'.*') is expected", gettext_lazy("%(word)s is expected")),
    (r"there is no (?P<call>\w*\(…\)); there are (?P<these>.*)",
     gettext_lazy("there is no %(call)s; there are %(these)s")),
    (r"there is no segment (?P<name>.*)", gettext_lazy("there is no segment %(name)s")),
    (r"there is no fact (?P<name>.*)", gettext_lazy("nothing called %(name)s is known of everybody")),
    (r"a device has no (?P<name>.*)", gettext_lazy("a device has no %(name)s")),
    (r"(?P<sign>.*) means nothing here", gettext_lazy("%(sign)s means nothing here")),
    (r"a condition has at most (?P<most>.*) letters", gettext_lazy("a condition has at most %(most)s letters")),
    (r"at most (?P<most>[\d,.-]+) is expected", gettext_lazy("at most %(most)s is expected")),
    (r"at least (?P<least>[\d,.-]+) is expected", gettext_lazy("at least %(least)s is expected")),
    (r"more than (?P<least>[\d,.-]+) is expected", gettext_lazy("more than %(least)s is expected")),
    (r"at most (?P<most>[\d,.]+) letters are expected", gettext_lazy("at most %(most)s letters are expected")),
    (r"at most (?P<most>[\d,.]+) of them are expected", gettext_lazy("at most %(most)s of them are expected")),
    (r"here is (?P<what>.*)", gettext_lazy("here is %(what)s")),
)  # fmt: skip


def why_in_words(why: str) -> str:
    """A reason of the reader's, and after a semicolon what stands there instead; one it has no words for as it is."""
    whole = _one(why)
    if whole is not None:
        return whole
    reason, _semicolon, came = why.rpartition("; ")
    parts = _one(reason), _one(came)
    return why if None in parts else _("%(why)s; %(came)s") % {"why": parts[0], "came": parts[1]}


def _one(why: str) -> str | None:
    known = _WHY.get(why)
    if known is not None:
        return str(known)
    for pattern, said in _LIKE:
        found = re.fullmatch(pattern, why, re.S)
        if found and ("; here is " not in why and not why.endswith("; the text ends here")):
            return str(said) % found.groupdict()
    return None
