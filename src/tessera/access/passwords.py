"""How passwords are kept."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class TunedArgon2Hasher(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes and one lane: the least the OWASP Password Storage Cheat Sheet accepts.

    Django's own choice (100 MiB, eight lanes) lets a handful of log-ins at once exhaust a small machine. A password
    kept with other figures is kept anew with these at its owner's next log-in.
    """

    memory_cost = 19_456
    time_cost = 2
    parallelism = 1
