"""The first page: how much there is, what arrives, what was refused lately."""

from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from msgspec import Struct

from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.events import history, rejections
from tessera.foundation.pool import pool
from tessera.foundation.settings import settings
from tessera.profiles import queries as profiles
from tessera.workspaces import queries as workspaces
from tessera.workspaces.queries import SourceFacts, WriteKeyFacts

REFUSALS_SHOWN = 6


class SourceLine(Struct, frozen=True):
    """A source as lists show it."""

    source: SourceFacts
    kind: str
    last_event_at: datetime | None
    last_refused_at: datetime | None = None
    last_refused_code: str = ""


@require_GET
@requires(Ability.READ)
def home(request: StaffRequest) -> HttpResponse:
    workspace_id = request.staff.workspace_id
    sources = workspaces.sources(workspace_id)
    with pool().connection() as connection:
        stats = profiles.stats(connection, workspace_id)
        refused = rejections.latest(connection, [s.id for s in sources], after=None, limit=REFUSALS_SHOWN)
    names = {source.id: source.name for source in sources}
    context = {
        "stats": stats,
        "lines": source_lines(sources),
        "refused": [(names.get(one.source_id, ""), one) for one in refused],
        "nothing_yet": stats.people == 0 and stats.events == 0,
        "first_key": _first_key(workspace_id),
        "collect": settings().public_collect_url,
    }
    return render(request, "console/home.html", context)


def _first_key(workspace_id: int) -> WriteKeyFacts | None:
    return next((key for key in workspaces.write_keys(workspace_id) if key.revoked_at is None), None)


def source_lines(sources: list[SourceFacts]) -> list[SourceLine]:
    """Sources with when they were last heard of and last refused, in one query each for all."""
    with pool().connection() as connection:
        ids = [source.id for source in sources]
        heard = history.last_recorded(connection, ids)
        refused = rejections.last_of(connection, ids)
    kinds = dict(workspaces.source_kinds())
    return [
        SourceLine(
            source, kinds.get(source.kind, source.kind), heard.get(source.id), *refused.get(source.id, (None, ""))
        )
        for source in sources
    ]
