"""What is done by the clock."""

from typing import Final

from tessera.duplicates.tasks import NIGHTLY as NIGHTLY_DUPLICATES
from tessera.jobs.keeper import Periodic

PERIODIC: Final[tuple[Periodic, ...]] = (
    Periodic(NIGHTLY_DUPLICATES, "17 3 * * *"),
    Periodic("privacy.resume", "*/10 * * * *"),
    Periodic("imports.tidy", "23 * * * *"),
    Periodic("exports.sweep", "43 * * * *"),
)
