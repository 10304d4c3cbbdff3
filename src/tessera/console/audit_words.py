"""The audit trail in people's words."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from tessera.console.import_words import MATCHES, POLICIES
from tessera.console.reports.words import KINDS as REPORT_KINDS
from tessera.console.segments.words import KINDS as SEGMENT_KINDS
from tessera.console.words import (
    CATALOGUE_STATUSES,
    DEMANDS,
    PROBLEMS,
    RELATIONS,
    ROLES,
    STATUSES,
    VALUE_TYPES,
    Text,
    actor_in_words,
    attribute_in_words,
    kind_in_words,
    reason_in_words,
    scope_in_words,
)
from tessera.workspaces.queries import source_kinds

Names = Mapping[str, Mapping[int, str]]

ACTIONS: Final[dict[str, Text]] = {
    "create_segment": _("made a segment"),
    "change_segment": _("changed a segment"),
    "archive_segment": _("archived a segment"),
    "restore_segment": _("took a segment back from the archive"),
    "delete_segment": _("deleted a segment"),
    "add_to_segment": _("added people to a segment"),
    "remove_from_segment": _("took people out of a segment"),
    "save_report": _("saved a report"),
    "change_report": _("changed a report"),
    "delete_report": _("deleted a report"),
    "accept_invitation": _("accepted an invitation"),
    "accept_duplicate": _("said a likely duplicate is one person"),
    "cancel_export": _("cancelled an export"),
    "cancel_import": _("cancelled an import"),
    "change_avatar": _("changed a person’s picture"),
    "change_status": _("changed a person’s status"),
    "check_import": _("tried an import without importing"),
    "create_import": _("uploaded a file to import"),
    "delete_export": _("deleted an export"),
    "delete_import": _("deleted the file of an import"),
    "download_export": _("downloaded an export"),
    "find_duplicates": _("looked for duplicates"),
    "lift_suppression": _("let a contact in again"),
    "mark_test_subscriber": _("marked a test subscriber, or took the mark away"),
    "pause_import": _("paused an import"),
    "plan_import": _("chose the columns of an import"),
    "reject_duplicate": _("said a likely duplicate is two people"),
    "remove_avatar": _("removed a person’s picture"),
    "reopen_problem": _("opened a data problem again"),
    "request_export": _("asked for an export"),
    "resume_import": _("resumed an import"),
    "start_import": _("started an import"),
    "suppress_contact": _("kept a contact out"),
    "undo_duplicate": _("took a decision about a duplicate back"),
    "undo_import": _("undid an import"),
    "acknowledge_problem": _("acknowledged a data problem"),
    "add_relation": _("related two people"),
    "retry_erasure": _("had an erasure tried again"),
    "ask_to_erase": _("asked to erase people"),
    "block": _("blocked a name"),
    "declare": _("declared a field"),
    "declare_relation_type": _("declared a kind of relation"),
    "describe": _("described a name"),
    "erase_person": _("erased a person"),
    "hide": _("hid a name"),
    "not_personal": _("unflagged personal data"),
    "personal": _("flagged personal data"),
    "remove_relation": _("ended a relation"),
    "rename_brand": _("renamed a brand"),
    "show": _("showed a name again"),
    "unblock": _("unblocked a name"),
    "undeclare": _("took a declaration back"),
    "add_passkey": _("added a passkey"),
    "add_totp": _("set up an authenticator app"),
    "change_attributes": _("changed attributes"),
    "change_source": _("changed a source"),
    "change_staff": _("changed what a colleague may do"),
    "create_api_key": _("made an API key"),
    "create_brand": _("made a brand"),
    "create_source": _("made a source"),
    "create_staff": _("added a member of staff"),
    "create_workspace": _("made a workspace"),
    "create_write_key": _("made a write key"),
    "demand_second_factor": _("changed of whom a second factor is demanded"),
    "disable_source": _("disabled a source"),
    "enable_source": _("enabled a source"),
    "end_sessions": _("ended sessions"),
    "export_audit": _("exported the audit trail"),
    "export_person": _("exported a person"),
    "export_to_file": _("exported people or history to a file"),
    "invite_staff": _("invited a colleague"),
    "log_in": _("logged in"),
    "merge_profiles": _("merged two people"),
    "remove_passkey": _("removed a passkey"),
    "remove_totp": _("removed their authenticator app"),
    "renew_recovery_codes": _("made new recovery codes"),
    "reset_second_factor": _("reset a colleague’s second factors"),
    "restore_staff": _("let a colleague in again"),
    "revoke_api_key": _("revoked an API key"),
    "revoke_staff": _("shut out a colleague"),
    "revoke_write_key": _("revoked a write key"),
    "set_password": _("set a password"),
    "split_profiles": _("undid a merge"),
    "change_segment_export": _("changed an automatic export"),
    "create_segment_export": _("made an automatic export"),
    "delete_segment_export": _("deleted an automatic export"),
    "download_segment_export": _("downloaded a delivery"),
    "renew_segment_export_secret": _("made a webhook a new secret"),
    "run_segment_export": _("had an automatic export deliver at once"),
    "use_recovery_code": _("used a recovery code"),
    "withdraw_invitation": _("withdrew an invitation"),
}
"""Every action that leaves an entry. A test holds the table against the code."""

_DETAILS: Final[dict[str, Text]] = {
    "absorbed": _("joined"),
    "action": _("what was done"),
    "after": _("after"),
    "allowed": _("allowed values"),
    "allowed_origins": _("allowed web origins"),
    "api_keys": _("API keys revoked"),
    "attributes": _("attributes"),
    "before": _("before"),
    "brand_id": _("brand"),
    "broken_off": _("broken off"),
    "by": _("by"),
    "changed": _("what was changed"),
    "code": _("problem"),
    "columns": _("columns"),
    "declared_type": _("declared type"),
    "description": _("description"),
    "erasure": _("report"),
    "format": _("kind of file"),
    "from": _("before"),
    "inverse": _("the other way"),
    "invitations": _("invitations withdrawn"),
    "invited_by": _("invited by"),
    "kind": pgettext_lazy("of a source", "kind"),
    "label": _("label"),
    "left": _("left"),
    "match": _("people are matched by"),
    "merge": _("merge"),
    "merge_id": _("merge"),
    "name": _("name"),
    "number": _("number"),
    "pair": _("pair"),
    "people": pgettext_lazy("how many", "people"),
    "personal": _("personal data"),
    "personal_data": _("personal data"),
    "personal_by_hand": _("decided by hand"),
    "place": _("where to"),
    "policy": _("what rows may do"),
    "reason": _("reason"),
    "role": _("role"),
    "rows": _("rows"),
    "scopes": _("scopes"),
    "sees_pii": _("personal data"),
    "since": _("from day"),
    "source": _("source"),
    "source_id": _("source"),
    "state": _("state"),
    "status": _("status"),
    "suppress": _("contacts kept out"),
    "suppressed": _("contacts kept out"),
    "target": _("to what"),
    "test_subscriber": _("test subscriber"),
    "to": _("after"),
    "type": _("kind of relation"),
    "until": _("to day"),
    "what": _("content"),
    "who": _("who"),
}
"""What the details call things. A test holds the table against the code."""

_REPORTS: Final = {name: kind.label for name, kind in REPORT_KINDS.items()}
_SIGHT: Final[dict[bool | None, Text]] = {None: _("as the role says"), True: _("shown"), False: _("masked")}
_SHOWN: Final[dict[str, Mapping[str, Text]]] = {
    "after": DEMANDS,
    "before": DEMANDS,
    "by": {
        "password": _("password"),
        "passkey": _("passkey"),
        "totp": _("authenticator app"),
        "recovery_code": _("recovery code"),
    },
    "changed": {
        "name": _("name"),
        "description": _("description"),
        "folder": _("folder"),
        "tags": _("tags"),
        "condition": _("condition"),
        "request": _("what is asked"),
        "keep_fresh": _("freshness"),
        "every_minutes": _("how often"),
    },
    "code": PROBLEMS,
    "declared_type": VALUE_TYPES,
    "format": {"csv": "CSV", "ndjson": "NDJSON", "parquet": "Parquet"},
    "match": dict(MATCHES),
    "people": {"all": pgettext_lazy("people", "all")},
    "policy": dict(POLICIES),
    "role": ROLES,
    "status": {**STATUSES, **CATALOGUE_STATUSES},
    "type": RELATIONS,
    "what": {"people": pgettext_lazy("content of a file", "people"), "history": _("history")},
}
"""Values that are codes of the house, by the name of the detail."""


def action_in_words(action: str) -> str:
    """`merged two people`; an action this table does not know by its code."""
    return str(ACTIONS.get(action, action))


def detail_in_words(detail: Mapping[str, Any], names: Names | None = None) -> list[tuple[str, str]]:
    """What was changed, as pairs of a name and a value; objects one level down are told in one line.

    `names` has what `brand_id` and `source_id` are called.
    """
    return [(str(_DETAILS.get(name, name)), _value(name, value, names or {})) for name, value in detail.items()]


def _value(name: str, value: Any, names: Names) -> str:
    match value:
        case None | bool() if name == "sees_pii":
            return str(_SIGHT[value])
        case None | "" | []:
            return "—"
        case bool():
            return gettext("yes") if value else gettext("no")
        case int():
            return names.get(name, {}).get(value) or number_format(value, 0, use_l10n=True, force_grouping=True)
        case str():
            return _text(name, value)
        case list():
            return ", ".join(_value(name, part, names) for part in value)
        case {"from": before, "to": after, **rest} if not rest:
            return f"{_value(name, before, names)} → {_value(name, after, names)}"
        case dict():
            return " · ".join(f"{_DETAILS.get(key, key)}: {_value(key, part, names)}" for key, part in value.items())
    return msgspec.json.encode(value).decode()


def _text(name: str, value: str) -> str:
    match name:
        case "action":
            return action_in_words(value)
        case "attributes":
            return attribute_in_words(value)
        case "kind":
            return str({**dict(source_kinds()), **SEGMENT_KINDS, **_REPORTS}.get(value, value))
        case "match" if value.startswith("external:"):
            return kind_in_words(value)
        case "reason":
            return reason_in_words(value)
        case "scopes":
            return scope_in_words(value)
        case "invited_by" | "who":
            return actor_in_words(value)
    return str(_SHOWN.get(name, {}).get(value, value))


def address_of(target: str, staff: Mapping[str, UUID]) -> str:
    """The page about what was changed; empty where there is none. `staff` is the workspace's own, by e-mail."""
    kind, _colon, key = target.partition(":")
    if target in staff:
        return reverse("console:member", kwargs={"account_id": staff[target]})
    match kind:
        case "profile":
            return _page_of("console:person", "profile_id", key)
        case "segment_export":
            return _page_of("console:segment_export", "segment_export_id", key)
        case "source" if key.isdecimal():
            return reverse("console:source", kwargs={"source_id": int(key)})
        case "api-key":
            return reverse("console:api_keys")
        case "import":
            return _page_of("console:import", "import_id", key)
        case "report":
            return _page_of("console:saved_report", "report_id", key)
        case "segment":
            return _page_of("console:segment", "segment_id", key)
    return ""


def _page_of(view: str, parameter: str, key: str) -> str:
    try:
        return reverse(view, kwargs={parameter: UUID(key)})
    except ValueError:
        return ""
