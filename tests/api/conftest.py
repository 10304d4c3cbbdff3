"""The API as a program of somebody's uses it: every answer is held against the OpenAPI document on its way out."""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import jsonschema_rs
import psycopg
import pytest
from django.http import HttpResponse
from django.test import Client

EVERYTHING = (
    *("profiles:write", "events:write", "workspaces:write", "privacy:write", "duplicates:write"),
    *("access:write", "exports:write", "imports:write", "audience:write", "pii:read"),
)

JSON = ("application/json", "application/problem+json")


class Api:
    """One key's calls. `api.get("profiles", search="ana")`, `api.post("profiles/merge", keep=…)`."""

    def __init__(self, token: str | None) -> None:
        self._client = Client(raise_request_exception=False)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, **query: Any) -> HttpResponse:
        return self._judged(path, self._client.get(f"/api/v1/{path}", query, headers=self._headers))

    def post(self, path: str, *, key: str | None = None, **body: Any) -> HttpResponse:
        return self.send("post", path, json.dumps(body).encode(), key=key)

    def patch(self, path: str, *, key: str | None = None, **body: Any) -> HttpResponse:
        return self.send("patch", path, json.dumps(body).encode(), key=key)

    def put(self, path: str, *, key: str | None = None, **body: Any) -> HttpResponse:
        return self.send("put", path, json.dumps(body).encode(), key=key)

    def delete(self, path: str, *, key: str | None = None, **query: Any) -> HttpResponse:
        headers = self._headers | ({"Idempotency-Key": key} if key is not None else {})
        return self._judged(path, self._client.delete(f"/api/v1/{path}", query_params=query, headers=headers))

    def send(
        self, method: str, path: str, body: bytes, *, key: str | None = None, content_type: str = "application/json"
    ) -> HttpResponse:
        """A body as it is, also one that is not JSON."""
        headers = self._headers | ({"Idempotency-Key": key} if key is not None else {})
        call = getattr(self._client, method)
        return self._judged(path, call(f"/api/v1/{path}", body, content_type=content_type, headers=headers))

    def _judged(self, path: str, response: Any) -> HttpResponse:
        told = _told(f"/api/v1/{path.partition('?')[0]}", response.wsgi_request.method)
        response.body = b"".join(response.streaming_content) if response.streaming else response.content
        if told is not None:
            conforms(told, response.status_code, response["Content-Type"], response.body)
        if response["Content-Type"] in JSON:
            response.data = json.loads(response.body)
        return response


def conforms(operation: dict[str, Any], status: int, content_type: str, body: bytes) -> None:
    """The answer is one that the operation declares."""
    if status == 405:
        return
    declared = operation["responses"].get(str(status))
    assert declared is not None, f"{operation['operationId']} does not say that it may answer {status}: {body[:300]!r}"
    schema = declared["content"][content_type.partition(";")[0]]["schema"]
    if content_type in JSON:
        _validator(json.dumps(schema)).validate(json.loads(body))


@cache
def _document() -> dict[str, Any]:
    from tessera.api.schema import openapi

    return openapi()


@cache
def _validator(schema: str) -> Any:
    whole = json.loads(schema) | {"components": _document()["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def _told(path: str, method: str) -> dict[str, Any] | None:
    """The operation at this address; addresses without parameters go first, then the longest."""
    templates = sorted(_document()["paths"], key=lambda template: ("{" in template, -len(template)))
    for template in templates:
        if re.fullmatch(re.sub(r"\{\w+\}", ".+", template), path):
            return _document()["paths"][template].get(method.lower())
    return None


@pytest.fixture
def live(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that commits as it goes, as a worker's does."""
    from tessera.foundation.database import connect  # Django is set up after this file is read
    from tessera.foundation.pool import close_pools

    with connect(autocommit=True) as opened:
        yield opened
    close_pools()


@pytest.fixture
def key(live: psycopg.Connection[Any], workspace_id: int) -> Callable[..., Api]:
    """`key("profiles:read")` is a client with a new key of those scopes; all of them when none are named."""
    from tessera.access.actions import create_api_key

    def make(*scopes: str, workspace: int | None = None, name: str = "crm") -> Api:
        made = create_api_key(workspace_id=workspace or workspace_id, name=name, scopes=scopes or EVERYTHING)
        return Api(made.token)

    return make


@pytest.fixture
def with_token(live: psycopg.Connection[Any]) -> Callable[[str | None], Api]:
    """A client that sends this token, whoever made it, or none."""
    return Api


@pytest.fixture
def api(key: Callable[..., Api]) -> Api:
    return key()


@pytest.fixture
def without_limit(live: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A key may ask as often as a test that walks everything has to."""
    from tessera.foundation.settings import settings

    with monkeypatch.context() as patch:
        patch.setenv("TESSERA_API_RATE", "1000000")
        settings.cache_clear()
        yield
    settings.cache_clear()


@pytest.fixture
def analyst(live: psycopg.Connection[Any]) -> Iterator[None]:
    """The analyst runs, for tests that walk all there is."""
    from factories.analysis import analyst_at_work

    with analyst_at_work():
        yield


@pytest.fixture
def stranger(key: Callable[..., Api]) -> Api:
    """A key with every scope, of another workspace."""
    from tessera.workspaces.actions import create_workspace

    return key(workspace=create_workspace(slug="other", name="Other").id, name="stranger")


@pytest.fixture
def send(live: psycopg.Connection[Any], workspace_id: int) -> Callable[..., None]:
    """`send({"type": "identify", …}, …)`: through the inbox and the real pipeline."""
    from factories import people

    def ingest(*messages: dict[str, Any]) -> None:
        people.ingest(live, workspace_id, messages)

    return ingest


@pytest.fixture
def ana(send: Callable[..., None], api: Api) -> dict[str, Any]:
    """A customer who looked around, signed up and bought twice."""
    from factories import people

    send(
        people.message("page", anonymousId="a-1", name="Home", timestamp="2026-10-01T10:00:00Z"),
        people.message(
            "identify",
            anonymousId="a-1",
            userId="u-1",
            traits={"email": "Ana@Example.com", "firstName": "Ana", "lastName": "Lee", "plan": "pro"},
            timestamp="2026-10-01T10:05:00Z",
        ),
        people.message(
            userId="u-1",
            event="Order Completed",
            properties={"revenue": 29.9, "currency": "EUR"},
            timestamp="2026-10-02T10:00:00Z",
        ),
        people.message(
            userId="u-1",
            event="Order Completed",
            properties={"revenue": 30.1, "currency": "EUR"},
            timestamp="2026-10-03T10:00:00Z",
        ),
    )
    return api.get("profiles/email:ana@example.com").data


@pytest.fixture
def guest(send: Callable[..., None], api: Api) -> dict[str, Any]:
    """Somebody without a name who looked at one thing."""
    from factories import people

    send(people.message(anonymousId="g-1", event="Product Viewed", timestamp="2026-10-05T10:00:00Z"))
    return api.get("profiles/anonymous_id:g-1").data
