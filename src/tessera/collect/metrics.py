"""What the edge counts, for Prometheus. Plain numbers on the way of a request; the registry reads them when asked."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tessera.collect.answers import Answer, answer


class Tally(Collector):
    def __init__(self) -> None:
        self.requests: Counter[int] = Counter()
        self.accepted = 0
        self.rejected: Counter[str] = Counter()
        self.unrecorded_rejections = 0
        self.waiting_rows = 0
        self.waiting_bytes = 0
        self.flush_failures = 0
        self.keys = 0
        self.database_up = False
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        self._flush_seconds = Histogram(
            "tessera_collect_flush_seconds",
            "How long one group commit took.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self._flush_rows = Histogram(
            "tessera_collect_flush_rows",
            "How many events one group commit stored.",
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000),
            registry=self.registry,
        )

    def count_flush(self, rows: int, seconds: float) -> None:
        self._flush_seconds.observe(seconds)
        self._flush_rows.observe(rows)

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "tessera_collect_requests", "Requests answered, by HTTP status.", labels=["status"]
        )
        for status, count in self.requests.items():
            requests.add_metric([str(status)], count)
        yield requests
        rejected = CounterMetricFamily(
            "tessera_collect_messages_rejected", "Messages refused, by reason.", labels=["code"]
        )
        for code, count in self.rejected.items():
            rejected.add_metric([code], count)
        yield rejected
        yield CounterMetricFamily(
            "tessera_collect_messages_accepted", "Messages committed to the inbox.", value=self.accepted
        )
        yield CounterMetricFamily(
            "tessera_collect_rejections_unrecorded",
            "Rejections too many to be shown in the live debugger.",
            value=self.unrecorded_rejections,
        )
        yield CounterMetricFamily(
            "tessera_collect_flush_failures", "Group commits that failed and were repeated.", value=self.flush_failures
        )
        yield GaugeMetricFamily(
            "tessera_collect_waiting_rows", "Messages waiting for their commit.", value=self.waiting_rows
        )
        yield GaugeMetricFamily(
            "tessera_collect_waiting_bytes", "Bytes waiting for their commit.", value=self.waiting_bytes
        )
        yield GaugeMetricFamily("tessera_collect_write_keys", "Write keys that are accepted.", value=self.keys)
        yield GaugeMetricFamily(
            "tessera_collect_database_up", "Whether the database answered a moment ago.", value=self.database_up
        )


def exposition(tally: Tally) -> Answer:
    """The text that Prometheus scrapes."""
    return answer(200, generate_latest(tally.registry), content_type=b"text/plain; version=0.0.4; charset=utf-8")
