"""Automatic exports in people's words."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tessera.console.words import Text
from tessera.deliveries.records import Bucket, Delivery, Folder, SegmentExport, Webhook

STATES: Final[dict[str, tuple[Text, str]]] = {
    "active": (gettext_lazy("active"), "chip--ok"),
    "paused": (gettext_lazy("paused"), "chip--warn"),
    "ended": (gettext_lazy("ended: its segment was deleted"), ""),
}
PROBLEMS: Final[dict[str, Text]] = {
    "folder_unavailable": gettext_lazy("The folder cannot be written."),
    "invalid_segment_export": gettext_lazy("The folder is not below one where exports may write any more."),
    "address_refused": gettext_lazy("We may not call that address: it is none of the web, or has no https."),
    "unreachable": gettext_lazy("The other side did not answer, or refused us."),
    "not_taken": gettext_lazy("The receiver did not take it."),
    "cannot_unseal": gettext_lazy("The secret cannot be opened any more. Give it a new one."),
    "internal_error": gettext_lazy("Something broke on our side. It is tried again."),
}
FORMATS: Final = {"csv": "CSV", "ndjson": "NDJSON", "parquet": "Parquet"}


def place_in_words(export: SegmentExport) -> tuple[Text, str]:
    """What kind of place it is, and where."""
    match export.destination:
        case Folder(path=path):
            return _("Folder"), f"{path}/{export.slug}"
        case Bucket(endpoint=endpoint, bucket=bucket, prefix=prefix):
            way = "/".join(part for part in (bucket, prefix.strip("/"), export.slug) if part)
            return _("Bucket"), f"{endpoint.rstrip('/')}/{way}" if endpoint else f"s3://{way}"
        case Webhook(url=url):
            return _("Webhook"), url


def schedule_in_words(schedule: str, zone: str) -> str:
    """`every day at 02:30 (Europe/Madrid)`."""
    kind, _colon, rest = schedule.partition(":")
    if kind == "hourly":
        return _("every hour at minute %(minute)s") % {"minute": f"{int(rest):02d}"}
    if kind == "daily":
        hour, _colon, minute = rest.partition(":")
        return _("every day at %(time)s (%(zone)s)") % {"time": f"{int(hour):02d}:{minute}", "zone": zone}
    if kind == "cron":
        return _("by the clock: %(fields)s (%(zone)s)") % {"fields": rest, "zone": zone}
    return _("within seconds of every change")


def problem_in_words(delivery: Delivery | None) -> str | Promise:
    """Why it has not arrived; empty where nothing is wrong."""
    return PROBLEMS.get(delivery.problem, delivery.problem) if delivery is not None else ""
