"""How often somebody may try to log in. django-axes counts; here is from where, and the limit per address alone."""

from datetime import timedelta
from typing import Final

from axes.models import AccessAttempt
from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone

from tessera.foundation.settings import settings

PER_ADDRESS: Final = 50
"""Failures from one address whatever the e-mail: stops trying one password on many accounts."""
COOL_OFF: Final = timedelta(minutes=15)


def client_address(request: HttpRequest) -> str:
    """Where the request comes from: the peer, or as many proxies further as the operator says are ours."""
    hops = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    trusted = settings().trusted_proxies
    if trusted and len(hops) >= trusted:
        return str(hops[-trusted])
    return str(request.META.get("REMOTE_ADDR", ""))


def address_has_to_wait(request: HttpRequest) -> bool:
    """Whether too many log-ins failed from this address lately."""
    since = timezone.now() - COOL_OFF
    tried = AccessAttempt.objects.filter(ip_address=client_address(request) or None, attempt_time__gte=since)
    return (tried.aggregate(failures=Sum("failures_since_start"))["failures"] or 0) >= PER_ADDRESS
