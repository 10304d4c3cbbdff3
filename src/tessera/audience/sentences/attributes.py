"""What the standard attributes are called, wherever people read of them."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

ATTRIBUTES: Final[dict[str, str | Promise]] = {
    "first_name": _("First name"),
    "last_name": _("Last name"),
    "name": _("Name"),
    "email": _("E-mail"),
    "phone": _("Phone"),
    "gender": _("Gender"),
    "dob": _("Date of birth"),
    "age": _("Age"),
    "country": _("Country"),
    "home_city": _("Home city"),
    "language": _("Language"),
    "time_zone": _("Time zone"),
    "address": _("Address"),
    "current_location": _("Current location"),
    "company": _("Company"),
    "title": _("Job title"),
    "username": _("Username"),
    "website": _("Web site"),
    "avatar": _("Picture"),
    "description": _("Description"),
    "created_at": _("Customer since"),
}
"""In the order they are read in."""
