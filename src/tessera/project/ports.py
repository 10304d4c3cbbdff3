"""Are the ports ours to take, and if not, who has them?"""

import errno
import socket
from collections.abc import Mapping

import psutil

from tessera.foundation.errors import SetupError
from tessera.foundation.settings import settings


def check_free(ports: Mapping[str, int]) -> None:
    """`ports` by the process that wants them. Raises `SetupError` naming the first that cannot be had, and why."""
    for name, port in ports.items():
        try:
            _bind(settings().host, port)
        except PermissionError:
            raise SetupError(f"port {port} ({name}) needs rights we do not have; set TESSERA_PORT above 1023") from None
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise SetupError(f"cannot listen on TESSERA_HOST={settings().host}: {error.strerror}") from None
            taken = f"port {port} ({name}) is taken{_by(port)}"
            raise SetupError(f"{taken}; stop it, or set TESSERA_PORT to the first of three free ports") from None


def holder(port: int) -> psutil.Process | None:
    """The process that listens on `port`, as far as we are allowed to know."""
    try:
        for connection in psutil.net_connections("tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == port
                and connection.pid
            ):
                return psutil.Process(connection.pid)
    except psutil.Error:
        return None
    return None


def _by(port: int) -> str:
    process = holder(port)
    return f" by {process.name()} (process {process.pid})" if process else ""


def _bind(host: str, port: int) -> None:
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        probe.bind(address)
