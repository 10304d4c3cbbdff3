"""The house's codes in people's words: roles, identifiers, attributes, rules, refusals. All through gettext."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tessera.foundation.errors import TesseraError

Text = str | Promise

ROLES: Final[dict[str, Text]] = {
    "owner": _("Owner"),
    "admin": _("Administrator"),
    "marketer": _("Marketer"),
    "analyst": _("Analyst"),
    "support": _("Support"),
    "developer": _("Developer"),
}

IDENTIFIER_KINDS: Final[dict[str, Text]] = {
    "user_id": _("User ID"),
    "email": _("E-mail"),
    "phone": _("Phone"),
    "anonymous_id": _("Anonymous ID"),
    "device_token": _("Device token"),
    "profile_id": _("Profile ID"),
}

ATTRIBUTES: Final[dict[str, Text]] = {
    "first_name": _("First name"),
    "last_name": _("Last name"),
    "name": _("Name"),
    "email": _("E-mail"),
    "phone": _("Phone"),
    "gender": _("Gender"),
    "dob": _("Date of birth"),
    "age": _("Age"),
    "country": _("Country"),
    "home_city": _("Home city"),
    "language": _("Language"),
    "time_zone": _("Time zone"),
    "address": _("Address"),
    "current_location": _("Current location"),
    "company": _("Company"),
    "title": _("Job title"),
    "username": _("Username"),
    "website": _("Web site"),
    "avatar": _("Picture"),
    "description": _("Description"),
    "created_at": _("Customer since"),
}
"""The standard attributes in the order they are read in."""

_ERRORS: Final[dict[str, Text]] = {
    "already_one_person": _("These are one person already."),
    "already_undone": _("This merge was undone already."),
    "identifier_taken": _("That e-mail or phone belongs to another person. Merge the two instead."),
    "invalid_attributes": _("That value does not fit the attribute. Nothing was changed."),
    "invalid_origin": _("That is not a web origin. Write it as https://shop.example, one per line."),
    "import_file_gone": _("The file is no longer kept. Upload it again."),
    "invalid_cursor": _("That page is not there any more. Begin with the first."),
    "wrong_import_state": _("The import has moved on meanwhile. Look at it again."),
    "not_found": _("That is not there any more."),
    "source_exists": _("There is a source of that name already."),
    "unknown_brand": _("There is no such brand."),
    "weak_password": _("A password needs at least 10 characters."),
}

_RULES: Final[dict[str, Text]] = {
    "limit:user_id": _("Two different user IDs are two people."),
    "cap:merges": _("One person may come of at most 100 merges."),
    "cap:identifiers": _("One person may have at most 1,000 identifiers."),
    "kept_apart": _("A colleague took these two apart; events do not join them again."),
}


def error_in_words(error: TesseraError) -> str:
    """What to tell the person at the screen about a refusal."""
    if error.code == "merge_refused":
        rule = str(error).split(": ", 1)[0]
        return gettext("They stay apart. %(rule)s") % {"rule": rule_in_words(rule)}
    return str(_ERRORS.get(error.code, error))


def rule_in_words(rule: str) -> str:
    """Why two profiles were not joined (the rules of `identity.rules`)."""
    if rule in _RULES:
        return str(_RULES[rule])
    what, _colon, kind = rule.partition(":")
    if what == "limit":
        return gettext("One person may not have so many of this kind in so short a time: %(kind)s.") % {
            "kind": kind_in_words(kind)
        }
    return rule


def kind_in_words(kind: str) -> str:
    """The kind of an identifier; `external:<system>` and unknown kinds are names already."""
    if kind.startswith("external:"):
        return gettext("ID in %(system)s") % {"system": kind.removeprefix("external:")}
    return str(IDENTIFIER_KINDS.get(kind, kind))


def attribute_in_words(name: str) -> str:
    """A standard attribute by its label, a custom one by its name."""
    return str(ATTRIBUTES.get(name, name))
