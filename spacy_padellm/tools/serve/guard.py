"""Who may ask: the name under which the server is called, and the key."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from .errors import ApiError, Show

OPEN = ("/health", "/ready")  # for orchestrators, which have no key
BROWSED = ("/", "/docs")  # where a browser asks its user for the key


class Guard:
    """Middleware. hosts: names under which the server may be called; any if empty. A page elsewhere
    could otherwise reach it under a name of its own. key: "" for none."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str], key: str, show: Show) -> None:
        self._app, self._hosts, self._show = app, frozenset(hosts), show
        self._key = _digest(key) if key else b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._check(scope)
            except ApiError as error:
                await self._show(scope, error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        """Raises ApiError for a host that is not known, and without the key."""
        headers = Headers(scope=scope)
        if self._hosts and _name_of(headers.get("host", "")) not in self._hosts:
            raise ApiError(
                400,
                "This server is called under names of this machine only, such as localhost.",
                "unknown_host",
            )
        if not self._key or scope["path"] in OPEN:
            return
        # All of them are compared, each in a time that says nothing of the key.
        fits = [hmac.compare_digest(_digest(shown), self._key) for shown in _shown(headers)]
        if not any(fits):
            way = "Basic" if scope["path"] in BROWSED else "Bearer"
            raise ApiError(
                401,
                "Send the server's key as `Authorization: Bearer KEY`.",
                headers={"WWW-Authenticate": f'{way} realm="spacy-padellm"'},
            )


def _shown(headers: Headers) -> list[str]:
    """Keys that a request shows: as Bearer, as X-API-Key, or as the password of a browser."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    found = [headers["x-api-key"]] if "x-api-key" in headers else []
    if scheme.lower() == "bearer":
        found.append(value.strip())
    elif scheme.lower() == "basic":
        try:
            pair = base64.b64decode(value.strip(), validate=True).decode("utf8")
        except (binascii.Error, ValueError):
            return found
        found.append(pair.partition(":")[2])
    return found


def _digest(key: str) -> bytes:
    """Of one length for any key."""
    return hashlib.sha256(key.encode("utf8", "surrogatepass")).digest()


def _name_of(host: str) -> str:
    """Without the port, and without the brackets of IPv6."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
