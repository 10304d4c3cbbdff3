"""The live debugger: what arrives and what is refused, as it happens."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from msgspec import Struct

from tessera.access.queries import StaffFacts
from tessera.console.permissions import Ability, StaffRequest, abilities_of, requires
from tessera.console.views.sources import find_source
from tessera.events import history, inbox, rejections
from tessera.events.event import SYSTEM
from tessera.events.history import Recorded
from tessera.events.rejections import StoredRejection
from tessera.foundation.clock import to_datetime, to_micros
from tessera.foundation.pool import Connection, pool
from tessera.profiles.mask_looks import DOTS
from tessera.profiles.masking import Mask, mask_for, masks_for
from tessera.workspaces import queries as workspaces
from tessera.workspaces.queries import SourceFacts

SHOWN: Final = 50
OVERLAP: Final = timedelta(seconds=3)
"""Batches commit a moment after the time they carry. Each look goes back so far; the page drops what it has."""
SHOWS: Final = ("all", "accepted", "rejected")


class LiveRow(Struct, frozen=True):
    """One line. `key` names it for good, `cursor` is its time in microseconds."""

    key: str
    cursor: int
    at: datetime
    accepted: bool
    name: str
    kind: str
    source: str
    text: str
    envelope: str = ""
    detail: str = ""
    code: str = ""
    profile_id: UUID | None = None


class Look(Struct, frozen=True):
    """What the viewer asked to see, and who they are."""

    viewer: StaffFacts
    sources: list[SourceFacts]
    show: str
    name: str
    after: datetime | None


@require_GET
@requires(Ability.READ)
def live(request: StaffRequest, source_id: int | None = None) -> HttpResponse:
    """The whole page, of one source or of all."""
    source = find_source(request, source_id) if source_id is not None else None
    look = _look(request, source)
    context = {"source": source, "sources": workspaces.sources(request.staff.workspace_id), "look": look}
    return render(request, "console/live.html", context | {"rows": read_rows(look), "waiting": _waiting(look)})


@require_GET
@requires(Ability.READ)
def live_rows(request: StaffRequest, source_id: int | None = None) -> HttpResponse:
    """The rows since `after`, newest first; 204 when there are none, so that the page stays as it is."""
    source = find_source(request, source_id) if source_id is not None else None
    look = _look(request, source)
    rows = read_rows(look)
    if not rows and look.after is not None:
        return HttpResponse(status=204)
    return render(request, "console/live_rows.html", {"rows": rows, "look": look})


def _look(request: StaffRequest, source: SourceFacts | None) -> Look:
    show = request.GET.get("show", "all")
    return Look(
        viewer=request.staff,
        sources=[source] if source else workspaces.sources(request.staff.workspace_id),
        show=show if show in SHOWS else "all",
        name=request.GET.get("name", "").replace("\0", "").strip()[:100],
        after=_moment(request.GET.get("after", "")),
    )


def _moment(cursor: str) -> datetime | None:
    try:
        return to_datetime(int(cursor)) - OVERLAP if len(cursor) < 18 and cursor else None
    except (ValueError, OverflowError):
        return None


def _waiting(look: Look) -> int:
    with pool().connection() as connection:
        return inbox.waiting_of(connection, [source.id for source in look.sources])


def read_rows(look: Look) -> list[LiveRow]:
    """Accepted and refused together, newest first."""
    ids = [source.id for source in look.sources]
    names = {source.id: source.name for source in look.sources}
    rows: list[LiveRow] = []
    with pool().connection() as connection:
        if look.show != "rejected":
            found = history.latest(connection, ids, after=look.after, limit=SHOWN, name=look.name)
            rows += [_accepted(one, names) for one in _seen(connection, look.viewer, found)]
        if look.show != "accepted":
            masked = Ability.SEE_PII not in abilities_of(look.viewer)
            # What was sent is neither shown nor searched for who sees personal data masked.
            found_by = "" if masked else look.name
            refused = rejections.latest(connection, ids, after=look.after, limit=SHOWN, text=found_by)
            rows += [_refused(one, names) for one in (_without_excerpts(refused, look) if masked else refused)]
    rows.sort(key=lambda row: (row.cursor, row.key), reverse=True)
    return rows[:SHOWN]


def _seen(connection: Connection, viewer: StaffFacts, rows: list[Recorded]) -> list[Recorded]:
    """What arrived, as the viewer may read it: every person with the mask that knows them."""
    if Ability.SEE_PII in abilities_of(viewer):
        return rows
    masks = masks_for(connection, viewer.workspace_id, {row.profile_id for row in rows})
    stranger = mask_for(connection, viewer.workspace_id)
    return [_masked(row, masks.get(row.profile_id, stranger)) for row in rows]


def _masked(row: Recorded, mask: Mask) -> Recorded:
    return msgspec.structs.replace(
        row,
        name=mask.text(row.name),
        body=mask.encoded(row.body, event=row.name, by_the_house=row.kind == SYSTEM),
        envelope=mask.encoded(row.envelope, event=row.name),
    )


def _without_excerpts(rows: list[StoredRejection], look: Look) -> list[StoredRejection]:
    """Without the beginning of what was sent, which is cut anywhere and cannot be masked for certain."""
    mask, wanted = Mask(), look.name.lower()
    kept = [msgspec.structs.replace(row, detail=mask.text(row.detail), excerpt=DOTS) for row in rows]
    return [row for row in kept if wanted in row.code.lower()]


def _accepted(row: Recorded, names: dict[int, str]) -> LiveRow:
    return LiveRow(
        key=f"e{row.lane}-{row.position}",
        cursor=to_micros(row.recorded_at),
        at=row.recorded_at,
        accepted=True,
        name=row.name,
        kind=row.kind,
        source=names.get(row.source_id or 0, ""),
        text=pretty(row.body),
        envelope="" if row.envelope == b"{}" else pretty(row.envelope),
        profile_id=row.profile_id,
    )


def _refused(row: StoredRejection, names: dict[int, str]) -> LiveRow:
    return LiveRow(
        key=f"r{row.id}",
        cursor=to_micros(row.at),
        at=row.at,
        accepted=False,
        name="",
        kind=row.stage,
        source=names.get(row.source_id, ""),
        text=row.excerpt,
        detail=row.detail,
        code=row.code,
    )


def pretty(text: bytes) -> str:
    """JSON indented for reading; what is not JSON as it stands."""
    try:
        return msgspec.json.format(text, indent=2).decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return text.decode(errors="replace")
