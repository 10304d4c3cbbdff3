"""Reading the workspace: its numbers."""

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from ninja import Router

from tessera.api import examples
from tessera.api.door import grant_of
from tessera.api.service import answer, endpoint
from tessera.foundation.pool import pool
from tessera.profiles.stats import Stats, stats

router = Router(tags=["workspace"])


@router.get(
    "/stats",
    operation_id="get_stats",
    summary="The workspace in numbers",
    **endpoint(None, Stats, examples.STATS),
)
def get_stats(request: HttpRequest) -> HttpResponse:
    """Any key may ask. Events are counted within a second or two of being recorded; `waiting` are not recorded yet."""
    with pool().connection() as connection:
        return answer(stats(connection, grant_of(request).workspace_id, now=datetime.now(UTC)))
