"""Every task there is: importing this module fills the registry of the room `jobs`."""

from tessera.privacy import requests as requests  # privacy.erase
