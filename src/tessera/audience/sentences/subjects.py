"""What a condition speaks of: attributes by their names, facts in people's words."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tessera.audience.leaves import Path, written
from tessera.audience.sentences.attributes import ATTRIBUTES

_FACTS: Final[dict[str, str | Promise]] = {
    "bucket": _("the random bucket"),
    "status": _("the status"),
    "test": _("the test mark"),
    "created_at": _("the day they became known"),
    "first_seen_at": _("the first activity"),
    "last_seen_at": _("the last activity"),
    "sessions": _("the number of sessions"),
    "registered_at": _("the registration"),
    "registration.source": _("the source of registration"),
    "registration.country": _("the country of registration"),
    "activity.platform": _("the platform last used"),
    "activity.browser": _("the browser last used"),
    "activity.country": _("the country of the last activity"),
    "activity.city": _("the city of the last activity"),
}


def attribute_called(path: Path) -> str:
    """A standard attribute by its label, as it stands within a sentence; any other as it is written."""
    label = str(ATTRIBUTES.get(path[0], "")) if len(path) == 1 else ""
    return label[:1].lower() + label[1:] if label else written(path)


def fact_called(name: str) -> str:
    """In people's words."""
    known = _FACTS.get(name)
    if known is not None:
        return str(known)
    prefix, _dot, field = name.rpartition(".")
    if prefix == "utm.first":
        return gettext("the first campaign’s “%(field)s”") % {"field": field}
    return gettext("the last campaign’s “%(field)s”") % {"field": field}


def identifier_called(kind: str) -> str:
    return gettext("an identifier of the kind “%(kind)s”") % {"kind": kind}
