"""The audit trail: who changed what."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from msgspec.structs import replace
from ninja import Router
from ninja.params.functions import Query
from pydantic import AwareDatetime

from tessera.access.queries import AuditFilter, AuditPage, audit_page
from tessera.api import examples_access as examples
from tessera.api.door import grant_of
from tessera.api.parameters import EXAMPLE_ID, Cursor, Limit, only
from tessera.api.service import answer, endpoint
from tessera.foundation.pool import pool
from tessera.profiles.mask_audit import masked_details

router = Router(tags=["audit"])

Since = Annotated[AwareDatetime | None, Query(description="Not before.", example="2026-11-01T00:00:00Z")]
Until = Annotated[AwareDatetime | None, Query(description="Before.", example="2026-12-01T00:00:00Z")]
_FILTERS = ("actor", "action", "target", "since", "until", "limit", "before")


@router.get(
    "/audit",
    operation_id="list_audit",
    summary="Who changed what",
    **endpoint("access:read", AuditPage, examples.AUDIT, "invalid_cursor", "unknown_parameter"),
)
def list_audit(
    request: HttpRequest,
    actor: Annotated[
        str | None, Query(max_length=300, description="An e-mail, `api-key:<name>` or `system`.", example="api-key:crm")
    ] = None,
    action: Annotated[str | None, Query(max_length=64, description="What was done.", example="merge_profiles")] = None,
    target: Annotated[
        str | None, Query(max_length=300, description="To what.", example=f"profile:{EXAMPLE_ID}")
    ] = None,
    since: Since = None,
    until: Until = None,
    before: Cursor = None,
    limit: Limit = 50,
) -> HttpResponse:
    """Newest first, all filters together; `until` is excluded. Pass `next` of one page as `before` of the following.

    Without `pii:read`, what the details say of people is masked.
    """
    only(request, *_FILTERS)
    grant = grant_of(request)
    wanted = AuditFilter(actor=actor, action=action, target=target, since=since, until=until)
    page = audit_page(grant.workspace_id, wanted, before=before, limit=limit)
    if grant.sees_pii:
        return answer(page)
    with pool().connection() as connection:
        details = masked_details(connection, grant.workspace_id, [(one.target, one.detail) for one in page.entries])
    entries = [replace(one, detail=detail) for one, detail in zip(page.entries, details, strict=True)]
    return answer(replace(page, entries=entries))
