"""Where a request comes from, through as many reverse proxies as the operator says are ours."""

from ipaddress import IPv6Address, ip_address


def client_address(peer: str | None, forwarded: bytes | None, *, trusted_proxies: int) -> str | None:
    """The address of the client as text, or `None` where nobody trustworthy says it.

    Each of our own proxies appends the address it saw, so the client is the entry that the outermost one wrote:
    counted from the right, never from the left, which the client can write itself.
    """
    if trusted_proxies and forwarded is not None:
        hops = forwarded.decode("latin-1").split(",")
        if len(hops) < trusted_proxies:
            return None
        return _plain_address(hops[-trusted_proxies])
    return _plain_address(peer or "")


def _plain_address(text: str) -> str | None:
    """`1.2.3.4`, `1.2.3.4:5678`, `[::1]:5678`, `::ffff:1.2.3.4`; anything else is nobody's address."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
    return str(address)
