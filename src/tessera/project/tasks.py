"""Every task there is: importing this module fills the registry of the room `jobs`."""

from tessera.imports import work as imports_work

__all__ = ["imports_work"]
