"""Calling addresses that staff typed in: only those outside, unless the operator opened a private network.

A name is looked up once, the address found is judged, and that very address is connected to: a name that answers
otherwise a moment later (DNS rebinding) leads nowhere. Redirects are not followed. (OWASP, "Server-Side Request
Forgery Prevention".) No Django.
"""

import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct

from tessera.foundation.errors import TesseraError
from tessera.foundation.settings import settings

_NAT64: Final = IPv6Network("64:ff9b::/96")
_MOST_ANSWER: Final = 2_000


class OutboundRefused(TesseraError):
    """We do not call this address: it is private, no address of the web, or not protected by TLS."""

    code = "address_refused"


class OutboundFailed(TesseraError):
    """Nobody answered, or not in time."""

    code = "unreachable"


class Answer(Struct, frozen=True):
    """What the other side said; `excerpt` is the beginning of its answer, for people."""

    status: int
    excerpt: str


class Target(Struct, frozen=True):
    """Where an address of the web leads: a host, a port, and where on it."""

    secure: bool
    host: str
    port: int
    path: str


def is_private_but_open(text: str) -> bool:
    """Whether the operator opened the network of this address (`TESSERA_OUTBOUND_PRIVATE`)."""
    address = ip_address(text.partition("%")[0])
    return any(address in network for network in settings().outbound_private)


def may_call(text: str) -> bool:
    """Whether this address (of a machine, not a name) is outside, or in a network that the operator opened."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return is_private_but_open(text) or all(_is_outside(each) for each in _meant(address))


def _meant(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The address and those of the old kind that it stands for."""
    if isinstance(address, IPv4Address):
        return [address]
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
    found: list[IPv4Address | IPv6Address] = [each for each in inner if each is not None]
    return found if address.ipv4_mapped is not None or address in _NAT64 else [address, *found]


def _is_outside(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address.is_site_local:  # fec0::/10, which counts as global
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def read_address(url: str) -> Target:
    """What an address of the web says. Raises `OutboundRefused` for one that is none, or that carries a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise OutboundRefused("that is no address of the web") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isascii() or not url.isprintable():
        raise OutboundRefused("an address begins with https:// and names a host")
    if parts.username is not None or parts.password is not None or " " in url:
        raise OutboundRefused("an address carries no name or password")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    secure = parts.scheme == "https"
    return Target(secure, parts.hostname, port or (443 if secure else 80), path)


def find(target: Target) -> tuple[str, ...]:
    """The addresses of the target that we may call. Raises `OutboundRefused` where there is none, `OutboundFailed`.

    What is not protected by TLS is called only in networks that the operator opened.
    """
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OutboundFailed(f"{target.host} is not known") from None
    addresses = dict.fromkeys(str(each[4][0]) for each in found)
    open_to_us = tuple(each for each in addresses if may_call(each) and (target.secure or is_private_but_open(each)))
    if not open_to_us:
        why = "is not outside" if target.secure else "needs https"
        raise OutboundRefused(f"{target.host} {why}; TESSERA_OUTBOUND_PRIVATE opens networks of your own")
    return open_to_us


def post(url: str, body: bytes, headers: Mapping[str, str], *, seconds: float = 30.0) -> Answer:
    """POST once; any answer is one, a redirect too. All of it takes at most so many seconds.

    Raises `OutboundRefused`, `OutboundFailed`.
    """
    target = read_address(url)
    problem = ""
    for address in find(target)[:2]:
        connection = _Pinned(target, address, seconds)
        watch = threading.Timer(seconds, connection.cut)
        watch.daemon = True
        watch.start()
        try:
            connection.connect()
        except OSError as error:  # nothing was said yet: the next address may do
            problem = _why(error, connection.was_cut)
            if connection.was_cut:
                break
        else:
            return _said(connection, target.path, body, headers)
        finally:
            watch.cancel()
            connection.close()
    raise OutboundFailed(problem)


def _said(connection: "_Pinned", path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    try:
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        excerpt = answer.read(_MOST_ANSWER).decode("utf-8", "replace")
    except (OSError, HTTPException) as error:
        raise OutboundFailed(_why(error, connection.was_cut)) from None
    if connection.was_cut:  # what was cut off looks like an answer that ended
        raise OutboundFailed("no answer in time")
    return Answer(answer.status, excerpt)


def _why(error: Exception, was_cut: bool) -> str:
    if was_cut or isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLError):
        return f"no safe connection: {error.reason or error}"
    return f"no connection: {error}"[:300]


class _Pinned(HTTPConnection):
    """A connection to one address that was judged, whatever its name says by now."""

    def __init__(self, target: Target, address: str, seconds: float) -> None:
        super().__init__(target.host, target.port, timeout=min(seconds, 10.0))
        self.default_port = 443 if target.secure else 80
        self._target = target
        self._address = address
        self._seconds = seconds
        self.was_cut = False

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self._target.port), self.timeout)
        plain.settimeout(self._seconds)
        self.sock: Any = plain
        if self._target.secure:
            wrapped = ssl.create_default_context().wrap_socket(
                plain, server_hostname=self._target.host, do_handshake_on_connect=False
            )
            self.sock = wrapped  # before hands are shaken: `cut` must find the socket that waits
            wrapped.do_handshake()
        if self.was_cut:
            self.close()
            raise TimeoutError

    def cut(self) -> None:
        """From another thread: whoever answers drop by drop holds us up no longer."""
        self.was_cut = True
        held = self.sock
        if held is not None:
            with suppress(OSError):
                # the plain one: TLS's own forgets its keys first, and what is being sent would go on without them
                socket.socket.shutdown(held, socket.SHUT_RDWR)


def guarded_socket(found: Any) -> socket.socket:
    """A socket for the address that an asynchronous client is about to call (aiohttp's `socket_factory`).

    Raises `OutboundRefused`.
    """
    family, kind, protocol, _, address = found
    if not may_call(str(address[0])):
        raise OutboundRefused(f"{address[0]} is not outside; TESSERA_OUTBOUND_PRIVATE opens networks of your own")
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    return made
