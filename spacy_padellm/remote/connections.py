"""The connections of one process to a completions endpoint, and what is asked over them.

httpx keeps them, tenacity waits and tries again; `transport` bounds each request, `round` says what
becomes of many.
"""

import asyncio
import json
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

import httpx
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
)
from tenacity.wait import wait_exponential, wait_random

from ..formats.json_text import read_json
from ..plurals import verb
from .completion import Completion, read_completion, reason_of
from .errors import PassingError, ServerError
from .round import Request, Round
from .secrets import Secrets
from .settings import ServerSettings
from .silence import Silence
from .transport import MOST_BYTES, Answer, TooLargeError, TooSlowError, UnreadableError, send

WORTH_ANOTHER_TRY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 529})
NOBODY_THERE = frozenset({502, 503, 504})  # whatever is asked: no other text would fare better
LONGEST_ASKED = 60.0  # seconds that a server may ask to wait; longer, and it counts as failed


class Connections:
    """Connections of one process to one server, in a thread of their own."""

    def __init__(self, settings: ServerSettings, secrets: Secrets) -> None:
        self.process = os.getpid()
        self.secrets = secrets
        self._settings = settings
        self._base = settings.url.rstrip("/")
        self._url = self._base + "/completions"
        self._silence = Silence()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, name="completions", daemon=True).start()
        self._http = self.wait_for(self._open())

    async def _open(self) -> httpx.AsyncClient:
        most = self._settings.concurrency
        self._turns = asyncio.Semaphore(most)
        return httpx.AsyncClient(
            headers={"Authorization": self.secrets.header} if self.secrets.header else {},
            timeout=self._settings.timeout,
            limits=httpx.Limits(max_connections=most, max_keepalive_connections=most),
        )

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def wait_for(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What comes of the work, which ends where the caller is interrupted."""
        waiting = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return waiting.result()
        finally:
            waiting.cancel()

    def end(self) -> None:
        """Closes them; nothing of a parent process."""
        if self.process != os.getpid():
            return

        async def close() -> None:
            await self._http.aclose()
            self._loop.stop()

        self._loop.call_soon_threadsafe(lambda: self._loop.create_task(close()))

    async def complete(self, requests: Sequence[Request]) -> list[Completion | ServerError]:
        """As `Round.run`."""
        return await Round(requests, self._complete, self._turns, self._silence).run()

    async def owner(self) -> str:
        """As `CompletionsClient.owner`."""
        answers = self._silence.answers
        try:
            async with self._turns:
                answer = await self._try(self._get, "/models", self._silence.lasts)
            if answer.status in (401, 403):
                raise ServerError(self._refused(self._base + "/models", answer))
        except ServerError as error:
            if isinstance(error, PassingError):
                self._silence.since(answers)
            error.of_all = True  # no text has a part in it
            raise
        try:
            named = read_json(answer.body)["data"] if answer.status == 200 else []
            owners = {str(one["owned_by"]) for one in named if isinstance(one, dict)}
        except (ValueError, KeyError, TypeError):
            return ""
        return owners.pop() if len(owners) == 1 else ""

    async def _get(self, path: str) -> Answer:
        answer = await self._send(self._base + path, None)
        self._check_passing(self._base + path, answer)
        return answer

    async def _complete(self, body: Mapping[str, Any], hurry: bool) -> Completion:
        found: Completion = await self._try(self._ask, body, hurry)
        return found

    async def _try(self, ask: Callable[..., Awaitable[Any]], what: Any, hurry: bool) -> Any:
        """hurry: no further try begins once an answer has had its time."""
        stop = stop_after_attempt(self._settings.tries)
        tries = AsyncRetrying(
            retry=retry_if_exception(_is_worth_another_try),
            stop=stop | stop_after_delay(self._settings.timeout) if hurry else stop,
            wait=_wait(self._settings),
            reraise=True,
        )
        try:
            return await tries(ask, what)
        except PassingError as error:
            n = tries.statistics["attempt_number"]
            said = f"{error} ({n} {verb(n, 'try', 'tries')})"
            raise PassingError(said, error.of_all) from error

    async def _ask(self, body: Mapping[str, Any]) -> Completion:
        answer = await self._send(self._url, json.dumps(body, allow_nan=False).encode("utf8"))
        self._check_passing(self._url, answer)
        if answer.status != 200:
            raise ServerError(self._refused(self._url, answer))
        try:
            found = read_json(answer.body)
        except ValueError:
            raise PassingError(
                f"{self._url} answered what is not JSON: {self._reason(answer)}"
            ) from None
        return read_completion(found, self.secrets)

    async def _send(self, url: str, body: bytes | None) -> Answer:
        try:
            return await send(self._http, url, body, self._settings.timeout)
        except TooSlowError:
            raise PassingError(
                f"{url} did not answer within {self._settings.timeout} s: raise the model "
                f"setting `timeout`, or lower `concurrency`"
            ) from None
        except TooLargeError:
            raise ServerError(
                f"{url} answered with more than {MOST_BYTES} bytes: is `url` that of an "
                f"OpenAI-compatible server, up to /v1?"
            ) from None
        except UnreadableError as error:
            raise ServerError(
                f"{url} answered in an encoding that was not asked for ({error}): let it, or "
                f"the proxy before it, send plain JSON"
            ) from None
        except httpx.HTTPError as error:
            why = self.secrets.mask(str(error)) or type(error).__name__
            raise PassingError(
                f"{url} cannot be reached ({why}): is it running?",
                of_all=isinstance(error, httpx.ConnectError),
            ) from None

    def _check_passing(self, url: str, answer: Answer) -> None:
        """Raises PassingError for what another try may mend."""
        if answer.status in WORTH_ANOTHER_TRY:
            after = _seconds(answer.headers.get("retry-after"))
            nobody = answer.status in NOBODY_THERE
            raise PassingError(self._refused(url, answer), nobody, after)

    def _refused(self, url: str, answer: Answer) -> str:
        return f"{url} answered {answer.status}: {self._reason(answer)}"

    def _reason(self, answer: Answer) -> str:
        return reason_of(answer.body, self.secrets)


def _is_worth_another_try(error: BaseException) -> bool:
    return isinstance(error, PassingError) and (error.after or 0.0) <= LONGEST_ASKED


def _wait(settings: ServerSettings) -> Callable[[RetryCallState], float]:
    doubling = wait_exponential(multiplier=settings.first_wait, max=settings.longest_wait)
    jitter = wait_random(0, settings.first_wait)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        after = error.after if isinstance(error, PassingError) else None
        return doubling(state) + jitter(state) if after is None else after

    return wait


def _seconds(value: str | None) -> float | None:
    try:
        return None if value is None else max(0.0, float(value))
    except ValueError:
        return None  # a date: the usual wait will do
