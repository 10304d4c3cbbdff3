"""Every address of the console's process, for tests that walk all of them."""

import re
from typing import Any
from uuid import UUID

from django.urls import URLPattern, URLResolver

NOBODY = UUID("01932a5e-0000-7000-8000-000000000000")
OPEN_TO_ALL = {
    *("login", "logout", "language"),
    *("second_step", "passkey_options", "passkey_log_in", "join"),
}
"""Screens that ask for no log-in; every other one does. A view that joins this list needs a reason."""


def address_of(pattern: URLPattern, values: dict[str, Any] | None = None) -> str:
    """The path of a pattern, with `values` by the parameter's name, or such as exist nowhere."""
    defaults: dict[str, Any] = {"uuid": NOBODY, "int": 987654, "str": "nothing", "slug": "nothing", "path": "nothing"}

    def fill(found: re.Match[str]) -> str:
        kind, name = found.groups()
        return str((values or {}).get(name, defaults[kind]))

    return "/" + re.sub(r"<(\w+):(\w+)>", fill, str(pattern.pattern))


def console_patterns() -> list[URLPattern]:
    from tessera.console.urls import urlpatterns

    return [pattern for pattern in urlpatterns if isinstance(pattern, URLPattern)]


def all_patterns() -> list[tuple[str, URLPattern]]:
    """(whole path with its parameters as they are written, pattern) of everything the process serves."""
    from tessera.project.urls import urlpatterns

    found: list[tuple[str, URLPattern]] = []

    def walk(prefix: str, patterns: list[Any]) -> None:
        for one in patterns:
            here = prefix + str(one.pattern).removeprefix("^")
            if isinstance(one, URLResolver):
                walk(here, one.url_patterns)
            else:
                found.append((here, one))

    walk("/", urlpatterns)
    return found
