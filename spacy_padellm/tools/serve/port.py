"""Whether a server can listen, before a model is loaded for it."""

import errno
import os
import socket
from typing import Any


def check_port(host: str, port: int) -> None:
    """Raises ValueError, naming the option of the command, where the server could not listen; what
    takes the port afterwards is not foreseen."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise ValueError(_no_host(host)) from None
    elsewhere = [_bind(family, kind, protocol, to) for family, kind, protocol, _, to in found]
    if all(elsewhere):
        raise ValueError(_no_host(host))


def _bind(family: int, kind: int, protocol: int, address: tuple[Any, ...]) -> bool:
    """As the event loop does for a server. True for an address that this machine has not."""
    try:
        probe = socket.socket(family, kind, protocol)
    except OSError:  # IPv6, where there is none
        return True
    port = address[1]
    with probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind(address)
        except PermissionError:
            raise ValueError(
                f"port {port} is not for this user: choose another --port, such as 8080"
            ) from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ValueError(f"port {port} is taken: choose another --port") from None
            return True
    return False


def _no_host(host: str) -> str:
    return (
        f"--host is {host!r}, which is no address of this machine: give one, such as 127.0.0.1, or "
        f"0.0.0.0 for all"
    )
