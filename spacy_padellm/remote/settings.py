"""Which server is asked, and how."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from ..spans.numeric import check_number, check_types
from .secrets import MASK

GRAMMARS = ("auto", "off", "llama.cpp", "vllm", "sglang")
MOST_AT_ONCE, MOST_TRIES = 4096, 1000
_OWN_FIELDS = {"model", "prompt", "n", "stream", "echo", "best_of"}


@dataclass(frozen=True)
class ServerSettings:
    """The settings of `build_server`. Waits between tries double from `first_wait` seconds up to
    `longest_wait`, or are as long as the server asks, up to a minute.

    Raises ValueError for a value out of its range, and for a URL with user and password, which
    would be saved with the pipeline.
    """

    url: str
    model: str
    concurrency: int = 32
    tries: int = 5
    timeout: float = 60.0
    first_wait: float = 0.5
    longest_wait: float = 20.0
    api_key_env: str = "OPENAI_API_KEY"
    extra: Mapping[str, Any] = field(default_factory=dict)
    grammar: str = "auto"

    def __post_init__(self) -> None:
        check_types(self, "the model setting `{}`")
        self._check_url()
        if self.grammar not in GRAMMARS:
            raise ValueError(
                f"the model setting `grammar` is {self.grammar!r}: choose "
                f"{', '.join(map(repr, GRAMMARS))}"
            )
        for name, most in (("concurrency", MOST_AT_ONCE), ("tries", MOST_TRIES)):
            value, name = getattr(self, name), f"the model setting `{name}`"
            check_number(name, value, least=1, most=most, whole=True)
        for name in ("timeout", "first_wait", "longest_wait"):
            check_number(f"the model setting `{name}`", getattr(self, name), above=0)
        if own := sorted(_OWN_FIELDS & set(self.extra)):
            raise ValueError(
                f"the model setting `extra` has {', '.join(own)}, which each request sets itself: "
                f"leave it out"
            )
        try:
            json.dumps(self.extra, allow_nan=False)
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(
                f"the model setting `extra` is not what JSON can say ({error}): mend its values"
            ) from None

    def _check_url(self) -> None:
        """Messages show the URL without what may be secret in it."""
        before, at, host = self.url.rpartition("@")
        scheme = "://".join([*before.split("://")[:-1], ""])
        shown = f"{scheme}{MASK}@{host}" if at else host
        shown = shown.partition("?")[0].partition("#")[0]
        try:
            url = httpx.URL(self.url)
        except (httpx.InvalidURL, ValueError):
            url = httpx.URL("")
        if url.userinfo:
            raise ValueError(
                f"the model setting `url` ({shown}) names a user or a password, which would be "
                f"saved with the pipeline and shown in messages: leave them out, and set the "
                f"environment variable that `api_key_env` names ({self.api_key_env}) to 'Basic ' "
                f"and the base64 of user:password"
            )
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError(
                f"the model setting `url` is {shown!r}: give one such as http://localhost:8000/v1"
            )
        if url.query or url.fragment:
            raise ValueError(
                f"the model setting `url` ({shown}) goes on behind its path: end it with /v1, and "
                f"put further fields of requests into `extra`"
            )
