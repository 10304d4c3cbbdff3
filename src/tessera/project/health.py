"""How the console's process is: alive, ready, and its figures. Open to all who reach the port, without a login."""

import json
from collections.abc import Iterator

import psycopg
import structlog
from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tessera.events import followers, inbox
from tessera.foundation.database import connect
from tessera.project.migrate import pending_migrations

log = structlog.get_logger("console")
_migrated = False
"""Once migrated, a database stays so; looking again at every probe would be waste."""


@login_not_required
@never_cache
def alive(_: HttpRequest) -> HttpResponse:
    """`/healthz`: the process answers. Asks nobody else."""
    return HttpResponse(b'{"status":"ok"}', content_type="application/json")


@login_not_required
@never_cache
def ready(_: HttpRequest) -> HttpResponse:
    """`/readyz`: the database answers and is of this version; else 503 with a problem document (RFC 9457)."""
    global _migrated
    try:
        if not _migrated:
            if pending := pending_migrations():
                return _not_ready("not_migrated", f"{len(pending)} migrations are to go; run tessera migrate")
            _migrated = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        connection.close()
        log.warning("not ready: database away", error=" ".join(str(error).split()))  # names hosts: for the log only
        return _not_ready("database_away", "the database does not answer; the log says why")
    return HttpResponse(b'{"status":"ok"}', content_type="application/json")


@login_not_required
@never_cache
def metrics(_: HttpRequest) -> HttpResponse:
    """`/metrics`: the text that Prometheus scrapes."""
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _not_ready(code: str, detail: str) -> HttpResponse:
    document = {"type": "about:blank", "title": "Not ready", "status": 503, "code": code, "detail": detail}
    response = HttpResponse(json.dumps(document), status=503, content_type="application/problem+json")
    response["Retry-After"] = "1"
    return response


class DatabaseFigures(Collector):
    """What the database knows of the work to do, asked at every scrape on a connection of its own.

    A scrape while the database is away says so instead of failing.
    """

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("tessera_database_up", "Whether the database answered this scrape.")
        try:
            with connect(autocommit=True, application="tessera metrics") as opened, opened.cursor() as cursor:
                waiting, lag = inbox.waiting(cursor), followers.lag(opened)
        except psycopg.Error:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield GaugeMetricFamily("tessera_inbox_waiting", "Acknowledged messages not acted on yet.", value=waiting)
        behind = GaugeMetricFamily(
            "tessera_follower_lag", "Records of history that a follower has not read.", labels=["follower"]
        )
        for follower, records in lag.items():
            behind.add_metric([follower], records)
        yield behind

    def describe(self) -> Iterator[Metric]:
        """Nothing is known beforehand; asking the database while modules load would be wrong."""
        return iter(())


REGISTRY.register(DatabaseFigures())
