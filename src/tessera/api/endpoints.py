"""Everything the API serves, in the order in which addresses are tried: what is longer goes before people's ids."""

from typing import Final

from tessera import __version__
from tessera.api import (
    analyst,
    audit,
    catalogue,
    duplicates,
    erasures,
    exports,
    imports,
    keys,
    merges,
    overview,
    people,
    relations,
    reports,
    segment_exports,
    segment_people,
    segment_uses,
    segments,
    sources,
    staff,
    standing,
)
from tessera.api.service import Service, StrictJson

DESCRIPTION: Final = """
Read and change people from your own programs. Every call carries an API key: `Authorization: Bearer tsk_…`.
Times are RFC 3339 in UTC. Lists are paged by cursor: pass `next` of one page to get the following one.
Errors are problem documents (RFC 9457) with a stable `code`.
"""

service = Service(
    title="Tessera management API",
    version=__version__,
    description=DESCRIPTION.strip(),
    openapi_url=None,
    docs_url=None,
    parser=StrictJson(),
)

for router in (
    merges.router,
    relations.router,
    standing.router,
    analyst.router,
    segment_people.router,
    segments.router,
    segment_uses.router,
    reports.router,
    people.router,
    erasures.router,
    overview.router,
    catalogue.router,
    sources.router,
    duplicates.router,
    segment_exports.router,
    exports.router,
    imports.router,
    staff.router,
    keys.router,
    audit.router,
):
    service.add_router("", router)
