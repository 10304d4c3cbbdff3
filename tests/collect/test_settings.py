"""What client libraries are told before they start, and how collect says that it is well."""

import pytest

from .conftest import Collect, NewSource


def test_a_browser_library_learns_where_to_send(collect: Collect, source: NewSource) -> None:
    answer = collect.client.get(f"/v1/projects/{source.key}/settings", headers={"origin": "https://shop.example"})

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    settings = answer.json()
    assert list(settings["integrations"]) == ["Segment.io"]
    segment = settings["integrations"]["Segment.io"]
    assert (segment["apiKey"], segment["apiHost"]) == (source.key, f"127.0.0.1:{collect.port}/v1")
    assert (segment["protocol"], segment["type"], segment["bundlingStatus"]) == ("http", "browser", "bundled")
    assert settings["remotePlugins"] == []
    assert settings["metrics"]["sampleRate"] == 0


def test_the_host_is_the_one_that_the_client_used(collect: Collect, source: NewSource) -> None:
    answer = collect.client.get(f"/v1/projects/{source.key}/settings", headers={"host": "events.shop.example"})

    assert answer.json()["integrations"]["Segment.io"]["apiHost"] == "events.shop.example/v1"


def test_an_unknown_key_has_no_settings(collect: Collect) -> None:
    answer = collect.client.get("/v1/projects/nobody/settings")

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_write_key")


def test_a_well_server_says_so(collect: Collect) -> None:
    assert collect.client.get("/healthz").json() == {"status": "ok"}
    assert collect.client.get("/readyz").json() == {"status": "ok"}
    head = collect.client.head("/healthz")
    assert (head.status_code, head.content) == (200, b"")


def test_the_numbers_add_up(collect: Collect, source: NewSource) -> None:
    names = ["tessera_collect_messages_accepted_total", 'tessera_collect_requests_total{status="200"}']
    before = [collect.metric(name) for name in names]
    batch = [{"type": "page", "userId": "u"}, {"type": "page"}, {"type": "page", "userId": "u"}]
    collect.post("/v1/batch", {"batch": batch}, key=source.key)

    accepted, requests = (collect.metric(name) - earlier for name, earlier in zip(names, before, strict=True))
    assert accepted == 2
    assert requests == 3  # the batch, and asking for two numbers
    assert collect.metric("tessera_collect_waiting_rows") == 0
    assert collect.metric("tessera_collect_database_up") == 1


def test_metrics_are_prometheus_text(collect: Collect) -> None:
    answer = collect.client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE tessera_collect_flush_seconds histogram" in answer.text


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_health_needs_no_key(collect: Collect, path: str) -> None:
    assert collect.client.get(path).status_code == 200
