"""Every task there is: importing this module fills the registry of the room `jobs`."""

import tessera.duplicates.tasks
import tessera.privacy.requests  # noqa: F401 -- privacy.erase
