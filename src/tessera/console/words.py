"""The house's codes in people's words: roles, identifiers, attributes, rules, refusals. All through gettext."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from tessera.audience.sentences.attributes import ATTRIBUTES as ATTRIBUTES
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

ROLES_EXPLAINED: Final[dict[str, Text]] = {
    "owner": _("Everything, and decides who is an owner."),
    "admin": _("Everything but owners."),
    "marketer": _("Sees and changes people, imports and exports them."),
    "analyst": _("Reads; personal data is masked."),
    "support": _("Reads and changes people one by one; personal data is masked."),
    "developer": _("Sources, catalogue and API keys; personal data is masked."),
}

DEMANDS: Final[dict[str, Text]] = {
    "nobody": _("nobody"),
    "admins": _("owners and administrators"),
    "everybody": _("everybody"),
}

SCOPE_ROOMS: Final[dict[str, Text]] = {
    "access": _("Staff, keys and audit trail"),
    "workspaces": _("Workspace and sources"),
    "events": _("Events and catalogue"),
    "identity": _("Identities"),
    "profiles": _("People"),
    "imports": _("Imports"),
    "exports": _("Exports"),
    "duplicates": _("Duplicates"),
    "audience": _("Segments and reports"),
    "privacy": _("Erasure and privacy"),
    "pii": _("Personal data"),
}

_SCOPES: Final[dict[str, Text]] = {
    "access:read": _("Read staff, keys and the audit trail"),
    "access:write": _("Invite and change staff, make and revoke keys"),
    "workspaces:read": _("Read brands and sources"),
    "workspaces:write": _("Make and change sources and write keys"),
    "events:read": _("Read the catalogue"),
    "events:write": _("Change the catalogue"),
    "identity:read": _("Read why people are one or apart"),
    "identity:write": _("Merge and split people"),
    "profiles:read": _("Read people, their history and exports of one person"),
    "profiles:write": _("Change, merge and split people"),
    "imports:read": _("Read imports and how far they are"),
    "imports:write": _("Import files of people and undo imports"),
    "exports:read": _("Read and download exports"),
    "exports:write": _("Make exports of many people"),
    "duplicates:read": _("Read likely duplicates"),
    "duplicates:write": _("Accept and reject likely duplicates"),
    "audience:read": _("Read segments, who is in them, and reports"),
    "audience:write": _("Make and change segments and reports"),
    "privacy:read": _("Read reports of erasures"),
    "privacy:write": _("Erase people for good"),
    "pii:read": _("See personal data as it is; without this it is masked"),
}

IDENTIFIER_KINDS: Final[dict[str, Text]] = {
    "user_id": _("User ID"),
    "email": _("E-mail"),
    "phone": _("Phone"),
    "anonymous_id": _("Anonymous ID"),
    "device_token": _("Device token"),
    "profile_id": _("Profile ID"),
}

CATALOGUE_KINDS: Final[dict[str, Text]] = {
    "event": _("Event"),
    "property": _("Property"),
    "attribute": _("Attribute"),
}
CATALOGUE_STATUSES: Final[dict[str, Text]] = {
    "seen": pgettext_lazy("status of a name", "Seen"),
    "declared": _("Declared"),
    "blocked": _("Blocked"),
    "hidden": _("Hidden"),
}
VALUE_TYPES: Final[dict[str, Text]] = {
    "text": _("Text"),
    "number": _("Number"),
    "boolean": _("Yes or no"),
    "date": _("Date"),
    "list": _("List"),
    "object": _("Object"),
}
PROBLEMS: Final[dict[str, Text]] = {
    "does_not_fit": _("Values that do not fit the standard attribute"),
    "wrong_type": _("Values of another type than declared"),
    "not_allowed": _("Values that are not among those allowed"),
    "too_many_names": _("New names beyond the limit"),
    "name_too_long": _("Names of more than 255 characters"),
}

_ERRORS: Final[dict[str, Text]] = {
    "internal_error": _("Something broke on our side."),
    "already_decided": _("A colleague was quicker: this pair is decided already."),
    "already_looking": _("A search for duplicates is under way already."),
    "account_exists": _("This address has an account already. Ask an administrator to let that account in again."),
    "already_staff": _("This address belongs to a member of your staff already."),
    "cannot_grant_pii": _("You cannot show personal data to others while it is masked for you."),
    "factor_demanded": _("A second factor is demanded of you. Add another one before you remove this."),
    "invalid_email": _("That is not an e-mail address."),
    "last_owner": _("This is the last owner. Make another owner first."),
    "no_factor": _("Recovery codes stand in for a second factor. Add one first."),
    "no_passkeys_here": _("Passkeys need https and a host name."),
    "not_oneself": _("Nobody changes their own access. Ask another administrator."),
    "owners_only": _("Only an owner can do that."),
    "passkey_refused": _("The passkey was not accepted. Try again."),
    "scope_not_held": _("A key cannot do more than you may do yourself."),
    "second_step_shut": _("Too many wrong codes. Wait a quarter of an hour, then try again."),
    "too_many_invitations": _("Too many invitations are waiting. Withdraw some first."),
    "too_many_passkeys": _("That is the most passkeys one account can have. Remove one first."),
    "totp_exists": _("You have an authenticator app already. Remove it first."),
    "totp_not_begun": _("That took too long. Begin again with a new code."),
    "unknown_demand": _("There is no such rule."),
    "unknown_role": _("There is no such role."),
    "unknown_scope": _("Choose at least one thing the key may do."),
    "was_staff": _("This address was a member of your staff before. Open their page and let them in again."),
    "already_one_person": _("These are one person already."),
    "already_undone": _("This merge was undone already."),
    "brand_exists": _("There is a brand of that name already."),
    "cannot_block": _("This event says who people are. It cannot be blocked."),
    "changed_meanwhile": _("Somebody changed this meanwhile, so it was not undone."),
    "event_blocked": _("Events of this name are blocked in the catalogue. Nothing was recorded."),
    "export_not_ready": _("There is no file: it is not finished, or not kept any more."),
    "export_too_large": _("The file would be too large. Choose fewer people, attributes or days."),
    "identifier_taken": _("That e-mail or phone belongs to another person. Merge the two instead."),
    "import_file_refused": _("This file cannot be taken in."),
    "invalid_attributes": _("That value does not fit the attribute. Nothing was changed."),
    "invalid_declaration": _("That declaration does not work. Nothing was changed."),
    "invalid_name": _("That name will not do. It is empty or too long."),
    "invalid_import_plan": _("The columns cannot be taken in like this."),
    "invalid_origin": _("That is not a web origin. Write it as https://shop.example, one per line."),
    "not_decided": _("There is nothing to undo: this pair is not decided."),
    "not_in_pair": _("Choose one of the two people to stand for both."),
    "import_file_gone": _("The file is no longer kept. Upload it again."),
    "invalid_cursor": _("That page is not there any more. Begin with the first."),
    "invalid_picture": _(
        "That is no picture we can take. It must be a JPEG, PNG, WebP or still GIF of at most 2 MB"
        " and 8 million pixels; a photo in JPEG may have 64 million."
    ),
    "invalid_tab": _("A tab needs a name of its own, of at most 40 characters; you can have 12 tabs."),
    "invalid_status": _("Choose a status and say why in at most 500 characters."),
    "not_found": _("That is not there any more."),
    "invalid_identifier": _("That names nobody. An e-mail or a phone must be complete."),
    "invalid_relation": _("That relation will not do: nobody is related to themselves."),
    "invalid_relation_type": _("That kind of relation will not do."),
    "invalid_erasure": _("Name between 1 and 5,000 people."),
    "suppressed": _("That contact was asked to be kept out. Lift that first."),
    "too_many_relations": _("One person may have at most 1,000 relations."),
    "unknown_relation_type": _("There is no such kind of relation."),
    "too_many_names": _("The workspace has as many names of this kind as it may have."),
    "too_many_origins": _("A source allows at most 100 origins. A single * allows all."),
    "unknown_kind": _("There is no such kind of source."),
    "pair_is_stale": _("One of the two has changed since the pair was found. The next search looks again."),
    "source_exists": _("There is a source of that name already."),
    "unknown_time_zone": _("There is no such time zone. Choose one of the list."),
    "unknown_brand": _("There is no such brand."),
    "workspace_not_empty": _("There are people in this workspace already."),
    "too_many_files": _("The workspace keeps as many files as it may. Delete some, or wait until they are dropped."),
    "too_many_exports": _("Twenty exports wait or run already. Try again when some are done."),
    "wrong_import_state": _("The import is not where this can be done. Look where it stands now."),
    "analyst_away": _("The analyst does not answer. Try again in a moment, or look whether it is running."),
    "invalid_condition": _("The condition cannot be read. Look at the place that is marked."),
    "invalid_report": _("The report cannot be made like this. Look at its fields."),
    "report_name_taken": _("There is a report of that name already."),
    "too_many_reports": _("The workspace keeps as many reports as it may. Delete some."),
    "segment_circle": _("The segment would ask for itself, by way of others."),
    "segment_too_large": _("With the segments it asks about, the condition is too large. Ask about fewer of them."),
    "segment_in_use": _("Other segments ask about this one. Change these first."),
    "segment_name_taken": _("There is a segment of that name already."),
    "too_many_segments": _("The workspace has as many segments as it may have. Delete some."),
    "invalid_segment_export": _("It cannot be delivered like that. Look at the place, the schedule and its state."),
    "too_many_segment_exports": _("The workspace has as many automatic exports as it may have. Delete some."),
    "wrong_segment": _("That cannot be done with a segment of this kind."),
    "weak_password": _("A password needs at least 10 characters."),
}

STATUSES: Final[dict[str, Text]] = {
    "subscribed": _("Subscribed"),
    "unsubscribed": _("Unsubscribed"),
    "complainer": _("Complained of spam"),
    "hard_bounced": _("Hard bounced"),
    "unconfirmed": _("Unconfirmed"),
    "suspended": _("Suspended"),
    "invalid": _("Invalid"),
}
"""The global statuses (`profiles.facts.STATUSES`)."""

RELATIONS: Final[dict[str, Text]] = {
    "referred_by": _("Referred by"),
    "household": _("Same household"),
    "follows": _("Follows"),
    "parent_of": _("Parent of"),
    "colleague": _("Colleague"),
}
"""The kinds of relation every workspace has, from the near end."""

REFUSALS: Final[dict[str, Text]] = {
    "blocked_identifier": _("an identifier that names nobody in particular"),
    "event_too_large": _("the message is too large"),
    "id_too_long": _("an ID is too long"),
    "invalid_field": _("a field has a value of the wrong type"),
    "invalid_timestamp": _("a time that cannot be read"),
    "malformed_json": _("what was sent is not valid JSON"),
    "message_id_too_long": _("the messageId is too long"),
    "missing_event_name": _("the event has no name"),
    "missing_group_id": _("groupId is missing"),
    "missing_identity": _("neither userId nor anonymousId was sent"),
    "missing_previous_id": _("previousId is missing"),
    "name_too_long": _("a name is too long"),
    "nested_too_deep": _("the message is nested too deeply"),
    "nul_character": _("the text holds a NUL character"),
    "origin_not_allowed": _("the web site is not among the allowed origins"),
    "too_many_fields": _("there are too many fields"),
    "unknown_type": _("an unknown type of message"),
    "unprocessable": _("the message could not be processed"),
}
"""Why the door or the worker refused a message (`events.messages.Rejected` and its kin). A test holds the table."""

_ACTORS: Final[dict[str, Text]] = {
    "system": _("the system"),
    "every night": _("the nightly search"),
    "command line": _("the command line"),
}
_REASONS: Final[dict[str, Text]] = {"duplicate review": _("Found in the review of duplicates")}

TABS: Final[dict[str, Text]] = {
    "main": pgettext_lazy("tab of the card", "Main"),
    "personal": _("Personal"),
    "contact": pgettext_lazy("tab of the card", "Contact"),
    "registration": _("Registration"),
    "tracked": _("Tracked"),
    "additional": _("Additional fields"),
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


def code_in_words(code: str) -> str:
    """What to tell about a refusal of which only the code was kept."""
    return str(_ERRORS.get(code, code))


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


def scope_in_words(scope: str) -> str:
    """What a scope of the API lets its bearer do."""
    return str(_SCOPES.get(scope, scope))


def role_in_words(role: str) -> str:
    """A role as people call it."""
    return str(ROLES.get(role, role))


def refusal_in_words(code: str) -> str:
    """Why a message was refused."""
    return str(REFUSALS.get(code, code))


def actor_in_words(actor: str) -> str:
    """Who did something: an e-mail and an API key are names already, the house itself has words."""
    return str(_ACTORS.get(actor, actor))


def reason_in_words(reason: str) -> str:
    """Why something was done by hand: what people typed stays as it is, what the house wrote has words."""
    return str(_REASONS.get(reason, reason))


def kind_in_words(kind: str) -> str:
    """The kind of an identifier; `external:<system>` and unknown kinds are names already."""
    if kind.startswith("external:"):
        return gettext("ID in %(system)s") % {"system": kind.removeprefix("external:")}
    return str(IDENTIFIER_KINDS.get(kind, kind))


def attribute_in_words(name: str) -> str:
    """A standard attribute by its label, a custom one by its name."""
    return str(ATTRIBUTES.get(name, name))


def status_in_words(status: str) -> str:
    """The global status of a person."""
    return str(STATUSES.get(status, status))


def tab_in_words(tab: str) -> str:
    """A tab everybody has."""
    return str(TABS.get(tab, tab))
