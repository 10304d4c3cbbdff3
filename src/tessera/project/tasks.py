"""Every task there is: importing this module fills the registry of the room `jobs`."""

import tessera.duplicates.tasks  # noqa: F401
