"""What is done by the clock, by name: the process that reads this never loads Django."""

from typing import Final

from tessera.jobs.keeper import Periodic

PERIODIC: Final[tuple[Periodic, ...]] = (
    Periodic("duplicates.nightly", "17 3 * * *"),
    Periodic("privacy.resume", "*/10 * * * *"),
    Periodic("imports.tidy", "23 * * * *"),
    Periodic("exports.sweep", "43 * * * *"),
    Periodic("deliveries.sweep", "4-59/10 * * * *"),
)
