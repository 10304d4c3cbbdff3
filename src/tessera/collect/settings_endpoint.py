"""What Segment's browser and mobile libraries ask their CDN before they start: where to send, and how.

The fields are those that `@segment/analytics-next` reads (`CDNSettings` in its `src/browser/settings.ts`): one
integration, ourselves, and nothing to download from elsewhere.
"""

from typing import Any, Final
from urllib.parse import urlsplit

from tessera.collect.answers import Problem, encode_json
from tessera.collect.requests import Request
from tessera.foundation.settings import Settings

PREFIX: Final = "/v1/projects/"
SUFFIX: Final = "/settings"


def write_key_of(path: str) -> str | None:
    """The key in `/v1/projects/<writeKey>/settings`, or `None` if this is another address."""
    if not (path.startswith(PREFIX) and path.endswith(SUFFIX)):
        return None
    key = path[len(PREFIX) : -len(SUFFIX)]
    return key if key and "/" not in key else None


def settings_document(key: str, request: Request, settings: Settings) -> bytes:
    """Raises `Problem` if the request does not say which host it means."""
    protocol, host = _place(request, settings)
    api_host = f"{host}/v1"
    return encode_json(
        {
            "integrations": {"Segment.io": _segment_io(key, api_host, protocol)},
            "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
            "edgeFunction": {},
            "analyticsNextEnabled": True,
            "enabledMiddleware": {},
            "middlewareSettings": {"routingRules": []},
            "remotePlugins": [],
            "legacyVideoPluginsEnabled": False,
            "metrics": {"sampleRate": 0, "host": api_host},
        }
    )


def _segment_io(key: str, api_host: str, protocol: str) -> dict[str, Any]:
    """`keepalive` lets the event of a click that leaves the page reach us all the same."""
    return {
        "apiKey": key,
        "apiHost": api_host,
        "protocol": protocol,
        "deliveryStrategy": {"strategy": "standard", "config": {"keepalive": True}},
        "type": "browser",
        "bundlingStatus": "bundled",
        "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
        "addBundledMetadata": True,
        "unbundledIntegrations": [],
        "maybeBundledConfigIds": {},
        "retryQueue": True,
    }


def _place(request: Request, settings: Settings) -> tuple[str, str]:
    """Scheme and host as the client sees them: what a trusted proxy says, else the request's own."""
    headers = request.headers
    host = headers.get(b"host", b"")
    protocol = str(request.scope["scheme"])
    public = urlsplit(settings.public_collect_url)
    if settings.trusted_proxies:
        host = headers.get(b"x-forwarded-host", host).rpartition(b",")[2].strip()
        forwarded = headers.get(b"x-forwarded-proto", b"").rpartition(b",")[2].strip().lower().decode("latin-1")
        protocol = forwarded if forwarded in ("http", "https") else protocol
    elif public.netloc.encode() == host:
        protocol = public.scheme
    if not host:
        raise Problem(400, "missing_host", "the request does not say which host it means")
    return protocol, host.decode("latin-1")
