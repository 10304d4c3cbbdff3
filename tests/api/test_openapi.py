"""The OpenAPI document is complete and true, and nothing that it allows breaks the live service."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories import people
from factories.analysis import analyst_at_work
from tessera.access.actions import create_api_key
from tessera.api import examples_segments
from tessera.api.problems import KINDS
from tessera.api.schema import openapi
from tessera.foundation.database import connect
from tessera.profiles.attributes import STANDARD
from tessera.workspaces import queries as workspaces

from .conftest import EVERYTHING, conforms

SCHEMA = schemathesis.openapi.from_dict(openapi())
CHECKS = [
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_schema_conformance,
]
OPERATIONS = [
    pytest.param(operation, id=operation["operationId"])
    for path in openapi()["paths"].values()
    for operation in path.values()
]


@pytest.fixture(scope="module")
def live_client(module_database: str) -> Iterator[httpx.Client]:
    """The console's process as production serves it, with a few people and a key without a limit worth the name."""
    (workspace,) = workspaces.workspaces()
    with connect(autocommit=True) as connection:
        messages = [people.message(anonymousId=f"a-{n}", userId="u-1" if n % 2 else "u-2") for n in range(4)]
        people.ingest(connection, workspace.id, messages)
        connection.execute("SELECT setval('access_apikey_id_seq', 900719)")  # so that no guess revokes the key in use
    token = create_api_key(workspace_id=workspace.id, name="fuzz", scopes=EVERYTHING).token
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "1", "--blocking-threads", "4"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    command.append("tessera.project.wsgi:application")
    surroundings = os.environ | {"TESSERA_DATABASE_URL": module_database, "TESSERA_API_RATE": "100000000"}
    process = subprocess.Popen(command, env=surroundings)
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with (
            analyst_at_work(),
            httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client,
        ):
            _wait_until_ready(client, process)
            yield client
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended while it started"
        with suppress(httpx.TransportError):
            if client.get("/healthz").status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("the server never became ready")


@SCHEMA.parametrize()
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_nothing_the_document_allows_breaks_the_service(case: Any, live_client: httpx.Client) -> None:
    response = case.call(base_url=str(live_client.base_url), headers=dict(live_client.headers), timeout=30)

    assert response.status_code < 500
    case.validate_response(response, checks=CHECKS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.text(min_size=1) | st.sampled_from(sorted(STANDARD))


@given(attributes=st.dictionaries(NAMES, JSON, min_size=1, max_size=4))
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_whatever_a_person_is_given_they_can_be_read(live_client: httpx.Client, attributes: dict[str, Any]) -> None:
    operations = openapi()["paths"]["/api/v1/profiles/{id}"]
    edited = live_client.patch("/api/v1/profiles/user_id:u-1", json={"attributes": attributes})
    read = live_client.get("/api/v1/profiles/user_id:u-1")

    assert edited.status_code in (200, 422)
    assert read.status_code == 200
    conforms(operations["patch"], edited.status_code, edited.headers["Content-Type"], edited.content)
    conforms(operations["get"], 200, read.headers["Content-Type"], read.content)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_example_is_what_the_schema_says(operation: dict[str, Any]) -> None:
    for status, declared in operation["responses"].items():
        for content_type, content in declared["content"].items():
            examples = (
                [content["example"]] if "example" in content else [e["value"] for e in content["examples"].values()]
            )
            for example in examples:
                conforms(operation, int(status), content_type, json.dumps(example).encode())
                told = example.get("status")
                assert told == int(status) or not isinstance(told, int)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_endpoint_says_what_it_needs(operation: dict[str, Any]) -> None:
    assert operation["security"] == [{"ApiKey": []}]
    assert "scope" in operation["description"] or "Any key" in operation["description"]
    assert {"200", "401", "403", "422", "429", "500", "503"} <= set(operation["responses"])
    assert all("description" in parameter for parameter in operation["parameters"])


def test_every_code_of_the_table_is_told_somewhere() -> None:
    told = {
        code
        for operation in (param.values[0] for param in OPERATIONS)
        for declared in operation["responses"].values()
        for code in declared["content"].get("application/problem+json", {}).get("examples", {})
    }
    assert told == set(KINDS) - {"unknown_path", "method_not_allowed"}


def test_the_document_is_served_to_anybody(live_client: httpx.Client) -> None:
    served = httpx.get(f"{live_client.base_url}/api/v1/openapi.json")
    assert served.json() == openapi()
    assert served.json()["openapi"] == "3.1.0"


def test_the_document_loads_nothing_from_elsewhere() -> None:
    examples = ("https://shop.example", "https://lake.example.com", "https://s3.example.com")
    told = json.dumps(openapi())
    for named in (*examples, examples_segments.SCHEMA["$schema"]):  # the last is a dialect's name
        told = told.replace(named, "")
    assert "://" not in told


def test_a_restart_of_the_database_costs_no_request_that_begins_after_it(
    live_client: httpx.Client, module_database: str
) -> None:
    before = [live_client.get("/api/v1/profiles").status_code for _ in range(3)]
    with psycopg.connect(module_database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    after = [live_client.get("/api/v1/profiles").status_code for _ in range(6)]
    assert before + after == [200] * 9


def test_a_body_without_a_length_is_refused(live_client: httpx.Client) -> None:
    def parts() -> Iterator[bytes]:
        yield b'{"attributes":'
        yield b'{"plan":"x"}}'

    answer = live_client.patch(
        "/api/v1/profiles/user_id:u-1", content=parts(), headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")


def test_a_huge_body_is_refused_before_it_is_read(live_client: httpx.Client) -> None:
    port = live_client.base_url.port
    assert port is not None
    head = "PATCH /api/v1/profiles/user_id:u-1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head += f"Authorization: {live_client.headers['Authorization']}\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"{head}Content-Length: 1000000000\r\n\r\n{{".encode())
        heard = b""
        while b"}" not in heard:
            part = connection.recv(65536)
            assert part, "the connection was closed without an answer"
            heard += part
    assert heard.startswith(b"HTTP/1.1 413")
    assert b'"body_too_large"' in heard
