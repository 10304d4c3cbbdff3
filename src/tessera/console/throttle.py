"""How often somebody may try to log in. django-axes counts; here is from where, and the limit per address alone."""

from datetime import timedelta
from ipaddress import ip_network
from typing import Final

from axes.models import AccessAttempt
from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone

from tessera.foundation import addresses
from tessera.foundation.settings import settings

PER_ADDRESS: Final = 50
"""Failures from one address whatever the e-mail: stops trying one password on many accounts."""
COOL_OFF: Final = timedelta(minutes=15)


def client_address(request: HttpRequest) -> str:
    """Where the request comes from; of an IPv6 address the network (/64), which is what one customer has."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR")
    said = addresses.client_address(
        request.META.get("REMOTE_ADDR"),
        forwarded.encode("latin-1", "replace") if forwarded else None,
        trusted_proxies=settings().trusted_proxies,
    )
    if said is None:
        return ""
    return str(ip_network(f"{said}/64", strict=False).network_address) if ":" in said else said


def address_has_to_wait(request: HttpRequest) -> bool:
    """Whether too many log-ins failed from this address lately."""
    since = timezone.now() - COOL_OFF
    tried = AccessAttempt.objects.filter(ip_address=client_address(request) or None, attempt_time__gte=since)
    return (tried.aggregate(failures=Sum("failures_since_start"))["failures"] or 0) >= PER_ADDRESS
