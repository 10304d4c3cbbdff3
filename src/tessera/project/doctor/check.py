"""One question and its answer."""

from typing import Literal

from msgspec import Struct

State = Literal["ok", "warn", "fail"]


class Check(Struct, frozen=True):
    """`hint` says what to do about it; empty when all is well."""

    name: str
    state: State
    said: str
    hint: str = ""


def judged(name: str, said: str, *, fail: bool = False, warn: bool = False, hint: str = "") -> Check:
    """A check that failed, warns or is fine, in that order; the hint is kept only where there is something to do."""
    state: State = "fail" if fail else "warn" if warn else "ok"
    return Check(name, state, said, "" if state == "ok" else hint)
