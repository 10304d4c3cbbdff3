"""Which addresses may be called: those outside, and networks that the operator opened."""

import errno
import socket
import threading
import time

import pytest

from tessera.foundation import outbound
from tessera.foundation.outbound import OutboundFailed, OutboundRefused, Target, find, guarded_socket, may_call, post
from tessera.foundation.settings import settings


@pytest.fixture(autouse=True)
def _nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TESSERA_OUTBOUND_PRIVATE", raising=False)
    settings.cache_clear()


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34",
                                     "64:ff9b::5db8:d822"])  # fmt: skip
def test_what_is_outside_may_be_called(address: str) -> None:
    assert may_call(address)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",  # noqa: S104
     "255.255.255.255", "198.18.0.1", "192.0.2.1", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1",
     "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "fec0::1",
     "nobody"],
)  # fmt: skip
def test_what_is_inside_may_not(address: str) -> None:
    assert not may_call(address)


def test_networks_are_opened_by_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_OUTBOUND_PRIVATE", "10.20.0.0/16,fc00::/7")
    settings.cache_clear()
    assert may_call("10.20.3.4")
    assert may_call("fc00::1")
    assert not may_call("10.21.0.1")
    settings.cache_clear()


def names(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]
    monkeypatch.setattr(outbound.socket, "getaddrinfo", lambda *_, **__: found)


def test_a_name_leads_only_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target(True, "example.com", 443, "/")
    names(monkeypatch, "10.0.0.1", "93.184.216.34")
    assert find(target) == ("93.184.216.34",)
    names(monkeypatch, "10.0.0.1")
    with pytest.raises(OutboundRefused):
        find(target)
    names(monkeypatch, "93.184.216.34")
    with pytest.raises(OutboundRefused):
        find(Target(False, "example.com", 80, "/"))


def test_a_client_that_looks_names_up_itself_gets_no_socket_inside() -> None:
    with pytest.raises(OutboundRefused):
        guarded_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))
    guarded_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))).close()


def test_who_shakes_hands_drop_by_drop_holds_us_up_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_OUTBOUND_PRIVATE", "127.0.0.0/8")
    settings.cache_clear()
    server = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        client, _ = server.accept()
        with client:
            client.recv(10_000)
            try:
                client.sendall(b"\x16\x03\x03\x20\x00")  # a record of 8 KB of handshake, that never becomes whole
                for _ in range(80):
                    client.sendall(b"x")
                    time.sleep(0.1)
            except OSError:
                return

    threading.Thread(target=drip, daemon=True).start()
    began = time.monotonic()
    with pytest.raises(OutboundFailed, match="in time"):
        post(f"https://localhost:{server.getsockname()[1]}/", b"x", {}, seconds=0.8)
    assert time.monotonic() - began < 4
    server.close()


def test_where_one_address_cannot_be_reached_the_next_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_OUTBOUND_PRIVATE", "127.0.0.0/8, ::1/128")
    settings.cache_clear()
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        client, _ = server.accept()
        with client:
            client.recv(10_000)
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    threading.Thread(target=answer, daemon=True).start()

    def no_way_by_ipv6(address: tuple[str, int], *_: float) -> socket.socket:
        if ":" in address[0]:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        made = socket.socket()
        made.connect(address)
        return made

    monkeypatch.setattr(outbound.socket, "create_connection", no_way_by_ipv6)
    names(monkeypatch, "::1", "127.0.0.1")
    assert post(f"http://example.com:{server.getsockname()[1]}/", b"x", {}).status == 200
    server.close()
