"""What is done by the clock."""

from typing import Final

from tessera.jobs.keeper import Periodic

PERIODIC: Final[tuple[Periodic, ...]] = (Periodic("imports.tidy", "23 * * * *"),)
