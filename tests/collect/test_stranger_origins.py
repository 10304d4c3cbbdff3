"""A preflight from an origin that no source knows (a module of its own: it needs a database without open sources)."""

from collections.abc import Callable

from .conftest import NewSource, serving

SHOP = "https://shop.example"


def test_a_preflight_from_an_unknown_origin_is_not_granted(database: str, free_port: Callable[[], int]) -> None:
    NewSource(origins=(SHOP,))
    with serving(database, free_port()) as strict:
        asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
        answer = strict.client.options("/v1/track", headers=asked)

    assert answer.status_code == 204
    assert "access-control-allow-origin" not in answer.headers
