"""What goes wrong, as problem documents (RFC 9457): one table of stable codes, one way to write them."""

import logging
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import django.db
import msgspec
import psycopg
from django.http import HttpResponse
from msgspec import Struct
from ninja.errors import HttpError
from ninja.errors import ValidationError as InvalidParameters

from tessera.audience.text.lexer import InvalidText
from tessera.foundation.errors import TesseraError
from tessera.foundation.ids import uuid7

log = logging.getLogger(__name__)

CONTENT_TYPE: Final = "application/problem+json"
AWAY_SECONDS: Final = 2


class Kind(NamedTuple):
    """What every problem of one code has in common."""

    status: int
    title: str


KINDS: Final[dict[str, Kind]] = {
    "malformed_json": Kind(400, "The body is not JSON"),
    "missing_api_key": Kind(401, "An API key is required"),
    "unknown_api_key": Kind(401, "The API key is unknown or revoked"),
    "not_oneself": Kind(403, "Nobody changes their own access"),
    "cannot_grant_pii": Kind(403, "Who does not see personal data cannot grant it"),
    "owners_only": Kind(403, "Only owners can do that"),
    "scope_not_held": Kind(403, "The key would do more than its maker"),
    "missing_scope": Kind(403, "The API key lacks a scope"),
    "not_found": Kind(404, "There is no such thing"),
    "unknown_path": Kind(404, "There is nothing at this address"),
    "method_not_allowed": Kind(405, "The method is not allowed here"),
    "already_decided": Kind(409, "The pair was decided already"),
    "already_looking": Kind(409, "A search for duplicates is under way"),
    "already_one_person": Kind(409, "They are one person already"),
    "already_staff": Kind(409, "They are staff already"),
    "too_many_invitations": Kind(409, "Too many invitations wait"),
    "was_staff": Kind(409, "They were staff; let them in again at the console"),
    "already_undone": Kind(409, "The merge was undone already"),
    "answer_erased": Kind(409, "Carried out before; the answer was erased"),
    "brand_exists": Kind(409, "There is a brand of that name already"),
    "cannot_block": Kind(409, "The event says who people are and cannot be blocked"),
    "wrong_import_state": Kind(409, "The import is not where this can be done"),
    "identifier_taken": Kind(409, "The identifier belongs to another person"),
    "merge_refused": Kind(409, "A rule keeps these people apart"),
    "not_decided": Kind(409, "The pair is not decided"),
    "pair_is_stale": Kind(409, "The pair is not what it was"),
    "export_not_ready": Kind(409, "There is no file to fetch"),
    "report_name_taken": Kind(409, "There is a report of that name already"),
    "too_many_reports": Kind(409, "The workspace keeps as many reports as it may"),
    "segment_circle": Kind(409, "The segment would ask for itself"),
    "segment_in_use": Kind(409, "Others are made of the segment"),
    "segment_name_taken": Kind(409, "There is a segment of that name already"),
    "segment_too_large": Kind(409, "With the segments it asks about, the condition is too large"),
    "too_many_segments": Kind(409, "The workspace has as many segments as it may"),
    "wrong_segment": Kind(409, "That cannot be done with a segment of this kind"),
    "too_many_segment_exports": Kind(409, "The workspace has as many automatic exports as it may"),
    "too_many_files": Kind(409, "The workspace keeps as many files as it may"),
    "import_file_gone": Kind(409, "The file of the import is not kept any more"),
    "request_in_progress": Kind(409, "The same request is being carried out"),
    "source_exists": Kind(409, "There is a source of that name already"),
    "too_many_names": Kind(409, "The workspace has as many names of the kind as it may have"),
    "length_required": Kind(411, "The length of the body is required"),
    "body_too_large": Kind(413, "The body is too large"),
    "unsupported_media_type": Kind(415, "The body has the wrong media type"),
    "event_too_large": Kind(422, "The attributes are too large"),
    "idempotency_key_reused": Kind(422, "The Idempotency-Key stands for another request"),
    "invalid_attributes": Kind(422, "Some attributes do not fit"),
    "invalid_cursor": Kind(422, "The cursor is not one of ours"),
    "invalid_declaration": Kind(422, "The declaration contradicts itself"),
    "invalid_idempotency_key": Kind(422, "The Idempotency-Key will not do"),
    "invalid_export": Kind(422, "This cannot be exported"),
    "invalid_segment_export": Kind(422, "The automatic export cannot be like this"),
    "import_file_refused": Kind(422, "This file cannot be taken in"),
    "invalid_import_plan": Kind(422, "The columns cannot be taken in like this"),
    "invalid_email": Kind(422, "That is not an e-mail address"),
    "invalid_identifier": Kind(422, "The identifier will not do"),
    "invalid_name": Kind(422, "The name will not do"),
    "invalid_origin": Kind(422, "Not a web origin"),
    "invalid_picture": Kind(422, "The picture will not do"),
    "invalid_request": Kind(422, "Some parameters will not do"),
    "invalid_status": Kind(422, "The status or its reason will not do"),
    "nested_too_deep": Kind(422, "The JSON is nested too deep"),
    "not_in_pair": Kind(422, "The profile is neither of the pair"),
    "nul_character": Kind(422, "U+0000 is not text"),
    "invalid_relation": Kind(422, "The relation will not do"),
    "invalid_relation_type": Kind(422, "The relation type will not do"),
    "suppressed": Kind(422, "The contact was asked to be kept out"),
    "too_many_relations": Kind(422, "One person may not have more relations"),
    "unknown_relation_type": Kind(422, "There is no such relation type"),
    "too_many_origins": Kind(422, "A source allows at most 100 origins"),
    "unknown_brand": Kind(422, "There is no such brand"),
    "invalid_condition": Kind(422, "The condition cannot be read"),
    "invalid_report": Kind(422, "The report cannot be made like this"),
    "unknown_kind": Kind(422, "There is no such kind of source"),
    "unknown_scope": Kind(422, "There is no such scope"),
    "unknown_parameter": Kind(422, "There is no such parameter"),
    "too_many_exports": Kind(429, "Too many exports wait or run"),
    "rate_limited": Kind(429, "Too many requests"),
    "internal_error": Kind(500, "Something broke on our side"),
    "busy": Kind(503, "The database is too busy"),
    "analyst_away": Kind(503, "The analyst does not answer"),
    "database_unavailable": Kind(503, "The database is away"),
}
"""Every code the API answers with. docs/api.md repeats this table for people."""

_REFUSED: Final = Kind(422, "The request was refused")


class FieldProblem(Struct, frozen=True, kw_only=True):
    """One parameter that will not do: `place` is `query`, `path` or `body`, `field` its name (dots lead inside)."""

    place: str
    field: str
    code: str
    detail: str


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem document (RFC 9457). Programs decide by `code`, which is stable; people read `detail`.

    `errors` names the parameters at fault; `instance` names one failure of ours, to be quoted to support. `line` and
    `column` (from 1) say where a text cannot be read, `hint` shows the line with a mark under the place.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldProblem] = []
    instance: str | None = None
    line: int | None = None
    column: int | None = None
    hint: str | None = None


class Refused(TesseraError):
    """The request is refused at the door, with headers that say more."""

    def __init__(self, code: str, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail, code=code)
        self.headers = dict(headers or {})


def problem(
    code: str, detail: str, *, errors: list[FieldProblem] | None = None, instance: str | None = None
) -> Problem:
    kind = KINDS.get(code, _REFUSED)
    return Problem(
        type=f"urn:tessera:problem:{code}",
        title=kind.title,
        status=kind.status,
        code=code,
        detail=detail,
        errors=errors or [],
        instance=instance,
    )


def problem_of(error: Exception) -> Problem:
    """The document for whatever was raised. What we did not foresee is logged, and told without its insides."""
    match error:
        case InvalidText():
            return msgspec.structs.replace(
                problem(error.code, str(error)), line=error.line, column=error.column, hint=error.hint
            )
        case TesseraError():
            return problem(error.code, str(error))
        case InvalidParameters():
            return _of_invalid_parameters(error)
        case HttpError() if isinstance(error.__cause__, TesseraError):
            return problem_of(error.__cause__)  # ninja wraps what our parser raises
        case psycopg.OperationalError() | psycopg.InterfaceError() | django.db.Error() if _is_passing(error):
            return _of_database(error)
    reference = f"urn:uuid:{uuid7()}"
    log.error("request failed (%s)", reference, exc_info=error)
    return problem("internal_error", "the failure was logged; quote its instance to support", instance=reference)


def _is_passing(error: BaseException) -> bool:
    """Whether the database is away or busy rather than asked something wrong."""
    passing = (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        django.db.OperationalError,
        django.db.InterfaceError,
    )
    return isinstance(error, passing)


def _of_database(error: BaseException) -> Problem:
    """Deadlocks, lost races and time-outs pass by themselves; everything else of this kind means it is not there."""
    state = getattr(error if isinstance(error, psycopg.Error) else error.__cause__, "sqlstate", None) or ""
    if state[:2] in {"40", "55"} or state == "57014":
        return problem("busy", "the database could not serve this in time; send the same request again")
    return problem("database_unavailable", "the database is away; send the same request again")


def _of_invalid_parameters(error: InvalidParameters) -> Problem:
    errors = [_field_problem(fault) for fault in error.errors]
    said = "; ".join(f"{one.field or one.place}: {one.detail}" for one in errors[:5])
    return problem("invalid_request", said, errors=errors)


def _field_problem(fault: Mapping[str, Any]) -> FieldProblem:
    """ninja says where as ("query", name) and ("body", argument, name, …): the argument's name is ours alone."""
    place, *path = (str(part) for part in fault["loc"])
    path = path[1:] if place == "body" else path
    return FieldProblem(place=place, field=".".join(path)[:200], code=fault["type"], detail=fault["msg"])


encode: Final = msgspec.json.Encoder().encode


def problem_response(document: Problem, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """The answer, with what the status asks for: `WWW-Authenticate` (RFC 6750 §3) and `Retry-After`."""
    response = HttpResponse(encode(document), status=document.status, content_type=CONTENT_TYPE)
    if document.status == 401:
        error = ', error="invalid_token"' if document.code == "unknown_api_key" else ""
        response["WWW-Authenticate"] = f'Bearer realm="tessera"{error}'
    if document.status == 503:
        response["Retry-After"] = str(AWAY_SECONDS)
    if document.code == "request_in_progress":
        response["Retry-After"] = "1"
    for name, value in (headers or {}).items():
        response[name] = value
    return response
