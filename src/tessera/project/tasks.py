"""Every task there is: importing this module fills the registry of the room `jobs`."""

import tessera.deliveries.tasks
import tessera.duplicates.tasks
import tessera.exports.tasks
import tessera.imports.work
import tessera.privacy.requests  # noqa: F401
