"""Whether this process lives, and whether it can do its work."""

from tessera.collect.answers import Answer, Problem, answer
from tessera.collect.keys import KeyCache

_OK = answer(200, b'{"status":"ok"}', headers=[(b"cache-control", b"no-store")])


def alive() -> Answer:
    return _OK


def ready(keys: KeyCache) -> Answer:
    """Write keys are read every two seconds, so they say whether the database answers. Raises `Problem` (503)."""
    if not keys.loaded:
        raise Problem(503, "not_ready", "the write keys have not been read yet", retry_after=1)
    if not keys.fresh:
        raise Problem(503, "not_ready", "the database is away", retry_after=1)
    return _OK
