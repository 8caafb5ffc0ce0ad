"""The key of a server: read from the environment, sent to the server, and shown to nobody else.

A server may echo it in what it answers, whole, or written otherwise; messages, logs and records go
far. What of an answer is shown passes `Secrets.mask` before anything is cut from it.
"""

import base64
import json
import os
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

MASK = "***"
SHORTEST = 4  # characters; to mask every "a" would hide the message and tell the key
SHORTEST_OTHER = 8  # of what other variables hold, which may be "true" or the name of a model
_SCHEME = re.compile(r"(?i:basic|bearer|token|digest|apikey) ")
_USERINFO = re.compile(r"(?<=://)[^/?#\s\"'<>]*@")
_SECRET_FIELD = re.compile(r"(?i)key|token|secret|passw|auth|credential")
_SECRET_VARIABLE = re.compile(r"(?i)(_key|apikey|_token|_secret|password)$")
_NO_SECRET = re.compile(r"(?i)tokens|token_id|_ids?$")  # max_tokens, stop_token_ids


class Secrets:
    """What must not be shown of one server: its key, and all that the environment holds under names
    such as HF_TOKEN. header: value of `Authorization`, "" for none. Raises ValueError for a key
    that no header can carry; it is not in the message."""

    def __init__(
        self, api_key_env: str = "", extra: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        value = os.environ.get(api_key_env, "").strip()
        if not all(" " <= character <= "~" for character in value):
            raise ValueError(
                f"the key in the environment variable {api_key_env} has a line end, or a character "
                f"that is not ASCII: set it to the key alone"
            )
        self.header = ""
        if value:
            self.header = value if _SCHEME.match(value) else f"Bearer {value}"
        others = (
            v
            for name, v in os.environ.items()
            if _SECRET_VARIABLE.search(name) and len(v) >= SHORTEST_OTHER
        )
        known = {value, *others, *_SCHEME.sub("", value, count=1).split(), *_secret_values(extra)}
        known |= {part for one in known for part in _decoded(one)}
        shown = {spelling for one in known for spelling in _spellings(one)}
        # The longest first: a part of a key that is masked alone would leave the rest.
        self._shown = sorted((s for s in shown if len(s) >= SHORTEST), key=len, reverse=True)

    def mask(self, text: str) -> str:
        """The text without keys, in any spelling, and without userinfo of URLs."""
        for secret in self._shown:
            text = text.replace(secret, MASK)
        return _USERINFO.sub(f"{MASK}@", text)


def _secret_values(fields: Mapping[str, Any]) -> Iterable[str]:
    """Strings of a request's further fields whose names say that they are secret."""
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _secret_values(value)
        elif isinstance(value, str) and _SECRET_FIELD.search(name) and not _NO_SECRET.search(name):
            yield value


def _decoded(value: str) -> Iterable[str]:
    """User and password of basic authentication."""
    try:
        pair = base64.b64decode(value, validate=True).decode("utf8")
    except ValueError:
        return
    if ":" in pair:
        yield from (pair, pair.partition(":")[2])


def _spellings(value: str) -> Iterable[str]:
    yield from (value, quote(value), quote(value, safe=""), json.dumps(value)[1:-1])
    yield base64.b64encode(value.encode("utf8")).decode().rstrip("=")
