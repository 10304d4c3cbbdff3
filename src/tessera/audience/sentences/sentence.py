"""A whole condition in plain words.

Every pattern is one text for translators, with places for parts that stand as they are in any language: names, clauses,
and words of when and how often. Tests of an event stand in brackets behind its name, so that nothing is read twofold.
"""

from collections.abc import Mapping
from functools import reduce
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from tessera.audience.conditions.comparisons import Ask
from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.doings import Did, Extreme, Sessions, Times, Total, When
from tessera.audience.conditions.groups import All, AnyOf, Not
from tessera.audience.conditions.known import Attribute, Fact, HasDevice, Identifier
from tessera.audience.conditions.membership import InSegment
from tessera.audience.conditions.places import Near
from tessera.audience.conditions.reach import Reachable
from tessera.audience.conditions.related import Related
from tessera.audience.leaves import written
from tessera.audience.sentences.comparing import clause_of, denied, quoted_here, value_called
from tessera.audience.sentences.subjects import attribute_called, fact_called, identifier_called
from tessera.audience.sentences.windows import times_of, window_of


def sentence_of(condition: Condition, names: Mapping[UUID, str]) -> str:
    """What the condition says of a person, without a full stop. `names` are those of segments; others show their id."""
    match condition:
        case All(of=()):
            return pgettext("of a condition", "everyone")
        case AnyOf(of=()):
            return pgettext("of a condition", "nobody")
        case All(of=parts):
            return _all([_part(part, names) for part in parts])
        case AnyOf(of=parts):
            return reduce(
                lambda one, other: _("%(one)s or %(other)s") % {"one": one, "other": other},
                [_part(part, names) for part in parts],
            )
        case Not(of=inner):
            return _negation(inner, names)
    return _known(condition) or _done(condition) or _elsewhere(condition, names)


def _part(part: Condition, names: Mapping[UUID, str]) -> str:
    """A group within a group stands in brackets."""
    text = sentence_of(part, names)
    return f"({text})" if isinstance(part, All | AnyOf) and len(part.of) > 1 else text


def _all(parts: list[str]) -> str:
    return reduce(lambda one, other: _("%(one)s and %(other)s") % {"one": one, "other": other}, parts)


def _negation(inner: Condition, names: Mapping[UUID, str]) -> str:
    match inner:
        case Attribute(path=path, test=test):
            return clause_of(attribute_called(path), test, negated=True)
        case Fact(name=name, test=test):
            return clause_of(fact_called(name), test, negated=True)
        case Did(event=event, where=where, times=times, when=when) if times == Times():
            return _when(_("did not do %(event)s") % {"event": _event(event, where)}, when)
        case InSegment(segment_id=segment_id):
            return _("is not in the segment %(name)s") % {"name": _segment(segment_id, names)}
        case Reachable(channel="email"):
            return _("cannot be reached by e-mail")
        case Reachable(channel="sms"):
            return _("cannot be reached by text message")
        case Reachable():
            return _("cannot be reached by push message")
        case Near():
            return _("%(what)s is not within %(km)s km of the point %(latitude)s; %(longitude)s") % _circle(inner)
        case HasDevice(where=()):
            return _("has no device")
        case HasDevice(where=where):
            return _("has no device (%(tests)s)") % {"tests": _asks(where)}
    return denied(sentence_of(inner, names))


def _known(condition: Condition) -> str | None:
    match condition:
        case Attribute(path=path, test=test):
            return clause_of(attribute_called(path), test)
        case Fact(name=name, test=test):
            return clause_of(fact_called(name), test)
        case Identifier(kind=kind, test=test):
            return clause_of(identifier_called(kind), test)
        case HasDevice(where=()):
            return _("has a device")
        case HasDevice(where=where):
            return _("has a device (%(tests)s)") % {"tests": _asks(where)}
        case Near():
            return _("%(what)s is within %(km)s km of the point %(latitude)s; %(longitude)s") % _circle(condition)
    return None


def _circle(near: Near) -> dict[str, str]:
    numbers = {"km": near.km, "latitude": near.latitude, "longitude": near.longitude}
    return {"what": attribute_called(near.path), **{name: value_called(number) for name, number in numbers.items()}}


def _done(condition: Condition) -> str | None:
    match condition:
        case Did(event=event, where=where, times=times, when=when):
            return _when(_times(_("did %(event)s") % {"event": _event(event, where)}, times), when)
        case Sessions(times=times, when=when):
            return _when(_times(_("began a session"), times), when)
        case Extreme(which="first", event=event, where=where, test=test):
            said = {"event": _event(event, where), "when": window_of(test)}
            return _("did %(event)s for the first time %(when)s") % said
        case Extreme(event=event, where=where, test=test):
            said = {"event": _event(event, where), "when": window_of(test)}
            return _("did %(event)s for the last time %(when)s") % said
        case Total(measure="sum", of=of, event=event, where=where, test=test, when=when):
            said = {"of": written(of), "event": _event(event, where)}
            return _when(clause_of(_("the sum of “%(of)s” over all %(event)s") % said, test), when)
        case Total(of=of, event=event, where=where, test=test, when=when):
            said = {"of": written(of), "event": _event(event, where)}
            return _when(clause_of(_("the average of “%(of)s” over all %(event)s") % said, test), when)
    return None


def _elsewhere(condition: Condition, names: Mapping[UUID, str]) -> str:
    match condition:
        case InSegment(segment_id=segment_id):
            return _("is in the segment %(name)s") % {"name": _segment(segment_id, names)}
        case Reachable(channel="email"):
            return _("can be reached by e-mail")
        case Reachable(channel="sms"):
            return _("can be reached by text message")
        case Reachable():
            return _("can be reached by push message")
        case Related(type=kind, side="either"):
            return _("has the relation %(kind)s with somebody") % {"kind": quoted_here(kind)}
        case Related(type=kind, side="outgoing"):
            return _("has the relation %(kind)s to somebody") % {"kind": quoted_here(kind)}
        case Related(type=kind):
            return _("somebody has the relation %(kind)s to them") % {"kind": quoted_here(kind)}
    raise TypeError(f"{type(condition).__name__} has no words")


def _times(what: str, times: Times) -> str:
    if times == Times():
        return what
    return _("%(what)s %(times)s") % {"what": what, "times": times_of(times)}


def _when(what: str, when: When) -> str:
    window = window_of(when) if when is not None else None
    return what if window is None else _("%(what)s %(when)s") % {"what": what, "when": window}


def _event(event: str, where: tuple[Ask, ...]) -> str:
    return f"{quoted_here(event)} ({_asks(where)})" if where else quoted_here(event)


def _asks(where: tuple[Ask, ...]) -> str:
    return _all([clause_of(written(ask.path), ask.test, negated=ask.negated) for ask in where])


def _segment(segment_id: UUID, names: Mapping[UUID, str]) -> str:
    return quoted_here(names.get(segment_id, str(segment_id)))
