"""Short notes at the edge of the page that say what was done, with a way back where there is one."""

import json
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse

UNDO: Final = "undo:"
"""How a message's tags carry the address that takes the deed back (by POST)."""


def toast(request: HttpRequest, text: str, *, undo_url: str = "", level: int = messages.SUCCESS) -> None:
    """Say it on the page that is shown next. `undo_url`, one of our own addresses, gets a button that posts to it."""
    messages.add_message(request, level, text, extra_tags=UNDO + undo_url if undo_url else "")


def toast_now(response: HttpResponse, text: str, *, undo_url: str = "", level: str = "success") -> HttpResponse:
    """Say it on the page that is open, with the answer to a request of htmx."""
    event = {"toast": {"text": text, "undo": undo_url, "level": level}}
    response["HX-Trigger"] = json.dumps(event)  # ASCII: a header holds nothing else
    return response


def undo_of(tags: str) -> str:
    """The address a message's tags carry, or the empty string."""
    return next((tag.removeprefix(UNDO) for tag in tags.split() if tag.startswith(UNDO)), "")
