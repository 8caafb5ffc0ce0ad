"""A completions endpoint (vLLM, SGLang, llama.cpp, TGI): many prompts at once, tried again."""

import os
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from ..lm.locks import ForkLock
from .completion import Completion
from .connections import Connections
from .errors import ServerError
from .round import Request
from .secrets import Secrets
from .settings import ServerSettings

Prompt = str | Sequence[int]
_inherited: list[Connections] = []  # of a parent process: closing them here would hurt it


class CompletionsClient:
    """Asks one server; its connections are reused. Thread-safe, and whole after a fork or a copy:
    each process makes connections of its own."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self._made: Connections | None = None
        self._lock = ForkLock()

    def __reduce__(self) -> tuple[Any, ...]:
        return CompletionsClient, (self.settings,)

    def ask(
        self,
        prompts: Sequence[Prompt],
        texts: Sequence[int],
        max_tokens: int,
        fields: Mapping[str, Any] | None = None,
        own_fields: Sequence[Mapping[str, Any]] | None = None,
    ) -> list[Completion | ServerError]:
        """Greedy completions of all prompts, in their order; begun in that order, too. Those of a
        text that fails have its error in their place, of which `of_all` is true where the server
        fails with whatever it is asked.

        texts: a number for each prompt, the same for those of one text. fields: more of each
        request, unless `extra` has them. own_fields: more of one request each.

        Raises ServerError where nothing can be sent. No key is in any message.
        """
        own_fields = own_fields or [{}] * len(prompts)
        requests = [
            Request(
                text,
                {
                    "model": self.settings.model,
                    "prompt": prompt if isinstance(prompt, str) else list(prompt),
                    "max_tokens": max_tokens,
                    "temperature": 0,
                    "logprobs": 1,
                    **(fields or {}),
                    **own,
                    **self.settings.extra,
                },
            )
            for prompt, text, own in zip(prompts, texts, own_fields, strict=True)
        ]
        connections = self._connections()
        found: list[Completion | ServerError] = []
        return connections.wait_for(connections.complete(requests)) if requests else found

    def complete(
        self, prompts: Sequence[Prompt], max_tokens: int, fields: Mapping[str, Any] | None = None
    ) -> list[Completion]:
        """As `ask`, of one text. Raises ServerError with the first request that fails for good; the
        others are dropped."""
        found = []
        for answer in self.ask(prompts, [0] * len(prompts), max_tokens, fields):
            if isinstance(answer, ServerError):
                raise answer
            found.append(answer)
        return found

    def owner(self) -> str:
        """What the server says it is, in its list of models: "vllm", "sglang", "llamacpp", or
        another name; "" where it does not say. Raises ServerError (`of_all`) where no server is
        reached."""
        connections = self._connections()
        return str(connections.wait_for(connections.owner()))

    def mask(self, text: str) -> str:
        """A text that came from the server, without its key."""
        return self._connections().secrets.mask(text)

    def _connections(self) -> Connections:
        """Of this process: threads and sockets do not survive a fork. Raises ServerError for a key
        that cannot be sent."""
        with self._lock:
            if self._made is None or self._made.process != os.getpid():
                if self._made is not None:
                    _inherited.append(self._made)
                try:
                    secrets = Secrets(self.settings.api_key_env, self.settings.extra)
                except ValueError as error:
                    raise ServerError(str(error), of_all=True) from None
                self._made = Connections(self.settings, secrets)
                weakref.finalize(self, self._made.end).atexit = False
            return self._made
