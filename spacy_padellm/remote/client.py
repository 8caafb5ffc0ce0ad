"""A completions endpoint (vLLM, SGLang, llama.cpp, TGI): many prompts at once, tried again.

httpx keeps connections and sets time limits, tenacity waits and tries again.
"""

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential, wait_random

Prompt = str | Sequence[int]
WORTH_ANOTHER_TRY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 529})
LONGEST_ASKED = 600.0  # seconds that a server may ask to wait


class ServerError(OSError):
    """What the server did, what was asked, and what may help. of_all: whether all other texts
    would fare alike, as where no server is reached; they need not be tried one by one."""

    of_all = False


class PassingError(ServerError):
    """Worth another try. after: seconds that the server asks to wait."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


@dataclass(frozen=True)
class Completion:
    """tokens: as strings, or, where the server gives ids, "token_id:N". log_probs: natural, one a
    token. ended: whether the model stopped by itself."""

    text: str
    tokens: tuple[str, ...]
    log_probs: tuple[float, ...]
    ended: bool


@dataclass(frozen=True)
class ServerSettings:
    """url: up to and with /v1. model: its name there. concurrency: requests under way at once.

    tries: of a request that fails in passing (refused, cut, slow, 429, 5xx), with waits that
    double from `first_wait` seconds up to `longest_wait`, or are as long as the server asks, up to
    ten minutes.
    timeout: seconds that the server may be silent. api_key_env: the environment variable with
    the key. extra: further fields of each request.

    Raises ValueError for a value out of its range.
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

    def __post_init__(self) -> None:
        try:
            url = httpx.URL(self.url)
        except httpx.InvalidURL:
            url = httpx.URL("")
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError(
                f"the model setting `url` is {self.url!r}: give one such as http://localhost:8000/v1"
            )
        for name in ("concurrency", "tries"):
            if getattr(self, name) < 1:
                raise ValueError(f"the model setting `{name}` is {getattr(self, name)}: at least 1")
        for name in ("timeout", "first_wait", "longest_wait"):
            if getattr(self, name) <= 0:
                raise ValueError(f"the model setting `{name}` is {getattr(self, name)}: above 0")


class CompletionsClient:
    """Asks one server; its connections are reused. Thread-safe, and whole after a fork or a copy:
    each process makes connections of its own."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self._url = settings.url.rstrip("/") + "/completions"
        self._made: tuple[int, httpx.Client, ThreadPoolExecutor] | None = None
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return CompletionsClient, (self.settings,)

    def complete(
        self, prompts: Sequence[Prompt], max_tokens: int, fields: Mapping[str, Any] | None = None
    ) -> list[Completion]:
        """Greedy completions of all prompts, in their order; begun in that order, too.

        fields: more of each request, unless `extra` has them.

        Raises ServerError where a request fails for good; those that have not begun are dropped.
        """
        http, pool = self._connections()
        bodies = [
            {
                "model": self.settings.model,
                "prompt": prompt if isinstance(prompt, str) else list(prompt),
                "max_tokens": max_tokens,
                "temperature": 0,
                "logprobs": 1,
                **(fields or {}),
                **self.settings.extra,
            }
            for prompt in prompts
        ]
        waiting = [pool.submit(self._try, http, body) for body in bodies]
        try:
            return [one.result() for one in waiting]
        finally:
            for one in waiting:
                one.cancel()

    def _connections(self) -> tuple[httpx.Client, ThreadPoolExecutor]:
        """Of this process: threads and sockets do not survive a fork."""
        with self._lock:
            if self._made is None or self._made[0] != os.getpid():
                most = self.settings.concurrency
                key = os.environ.get(self.settings.api_key_env, "")
                http = httpx.Client(
                    headers={"Authorization": f"Bearer {key}"} if key else {},
                    timeout=self.settings.timeout,
                    limits=httpx.Limits(max_connections=most, max_keepalive_connections=most),
                )
                self._made = (os.getpid(), http, ThreadPoolExecutor(most, "completions"))
            return self._made[1:]

    def _try(self, http: httpx.Client, body: Mapping[str, Any]) -> Completion:
        settings = self.settings
        tries = Retrying(
            retry=retry_if_exception_type(PassingError),
            stop=stop_after_attempt(settings.tries),
            wait=_wait(settings),
            reraise=True,
        )
        try:
            return tries(self._ask, http, body)
        except PassingError as error:
            told = ServerError(f"{error} ({settings.tries} tries)")
            told.of_all = error.of_all
            raise told from error

    def _ask(self, http: httpx.Client, body: Mapping[str, Any]) -> Completion:
        try:
            answer = http.post(self._url, json=body)
        except httpx.TimeoutException as error:
            raise PassingError(
                f"{self._url} did not answer within {self.settings.timeout} s: raise the model "
                f"setting `timeout`, or lower `concurrency`"
            ) from error
        except httpx.HTTPError as error:
            told = PassingError(f"{self._url} cannot be reached ({error}): is it running?")
            told.of_all = isinstance(error, httpx.ConnectError)
            raise told from error
        status = answer.status_code
        if status in WORTH_ANOTHER_TRY:
            after = _seconds(answer.headers.get("retry-after"))
            raise PassingError(f"{self._url} answered {status}: {_reason(answer)}", after)
        if status != 200:
            raise ServerError(f"{self._url} answered {status}: {_reason(answer)}")
        try:
            return _read(answer.json())
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise PassingError(
                f"{self._url} answered what is no JSON: {_reason(answer)}"
            ) from error


def _read(answer: Any) -> Completion:
    """Raises ServerError for an answer without a completion, or without log-probabilities."""
    try:
        choice = answer["choices"][0]
        text, ended = str(choice["text"]), choice.get("finish_reason") == "stop"
    except (KeyError, IndexError, TypeError, AttributeError):
        raise ServerError(
            f"the server's answer has no choices: {str(answer)[:200]!r}; is `url` that of an "
            f"OpenAI-compatible server, up to /v1?"
        ) from None
    tokens, log_probs = _read_log_probs(choice.get("logprobs"))
    if text and not log_probs:
        raise ServerError(
            "the server gives no log-probabilities: allow them (vLLM: --max-logprobs, "
            "llama-cpp-python: --logits_all true), or use a server that has them"
        )
    return Completion(text, tokens, log_probs, ended)


def _read_log_probs(found: Any) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Raises ServerError for tokens and log-probabilities that do not go together."""
    try:
        if found and isinstance(found.get("content"), list):  # as chat completions have it
            pairs = [(_name(one), one["logprob"]) for one in found["content"]]
        else:
            found = found or {}
            tokens, log_probs = found.get("tokens") or (), found.get("token_logprobs") or ()
            pairs = list(zip(tokens, log_probs, strict=True))
        return tuple(str(t) for t, _ in pairs), tuple(float(p) for _, p in pairs)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ServerError(
            f"the server gives not one log-probability for each token: {str(found)[:200]!r}"
        ) from None


def _name(token: Mapping[str, Any]) -> str:
    """llama-server gives ids beside strings."""
    return f"token_id:{token['id']}" if "id" in token else token["token"]


def _wait(settings: ServerSettings) -> Callable[[RetryCallState], float]:
    doubling = wait_exponential(multiplier=settings.first_wait, max=settings.longest_wait)
    jitter = wait_random(0, settings.first_wait)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        after = error.after if isinstance(error, PassingError) else None
        return doubling(state) + jitter(state) if after is None else min(after, LONGEST_ASKED)

    return wait


def _seconds(value: str | None) -> float | None:
    try:
        return None if value is None else max(0.0, float(value))
    except ValueError:
        return None  # a date: the usual wait will do


def _reason(answer: httpx.Response) -> str:
    """The message of an error, or the beginning of whatever there is."""
    try:
        found = answer.json()
        message = found.get("message") or found.get("detail") or found["error"]
        return str(message.get("message", message) if isinstance(message, dict) else message)[:300]
    except (ValueError, KeyError, AttributeError, TypeError):
        return answer.text[:200]
