"""Requests of several texts that are made together: what becomes of each."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .completion import Completion
from .errors import PassingError, ServerError
from .silence import Silence


@dataclass(frozen=True)
class Request:
    """text: a number for each text of the round. body: what is sent, as JSON."""

    text: int
    body: Mapping[str, Any]

    @property
    def size(self) -> int:
        """Tokens of its prompt, or characters."""
        return len(self.body["prompt"])


# Gives a completion after as many tries as it takes; in a hurry, within the time of one.
Ask = Callable[[Mapping[str, Any], bool], Awaitable[Completion]]


class Round:
    """To be run once, in the event loop of its server.

    A text fails with the first of its requests that does, and its others are dropped. Where the
    server has answered nothing while a request had all its tries, the shortest of the texts that
    are left is asked next, in a hurry; where it is not answered either, the server is taken to be
    down, and all that is left fails with it. As long as a server is down, a round begins so.

    turns: as many as there may be simultaneous requests.
    """

    def __init__(
        self, requests: Sequence[Request], ask: Ask, turns: asyncio.Semaphore, silence: Silence
    ) -> None:
        self._requests = requests
        self._ask = ask
        self._turns = turns
        self._silence = silence
        self._answers: dict[int, Completion] = {}
        self._failed: dict[int, ServerError] = {}  # by text
        self._begun: set[int] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._of_text: defaultdict[int, list[int]] = defaultdict(list)
        for i, request in enumerate(requests):
            self._of_text[request.text].append(i)
        self._looks = False

    async def run(self) -> list[Completion | ServerError]:
        """Of each request its answer, or the error of its text. Begun in their order."""
        if self._silence.lasts:
            async with self._turns:
                await self._look()
        self._tasks = [asyncio.ensure_future(self._work(i)) for i in range(len(self._requests))]
        try:
            ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            self._drop(range(len(self._tasks)))
            await asyncio.gather(*self._tasks, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error
        return [
            self._failed[request.text] if request.text in self._failed else self._answers[i]
            for i, request in enumerate(self._requests)
        ]

    async def _work(self, i: int) -> None:
        async with self._turns:
            if not self._is_open(i):
                return
            answers = self._silence.answers
            try:
                await self._answer(i)
            except PassingError as error:
                silent = self._silence.since(answers)
                error.of_all = error.of_all and silent
                self._fail(self._requests[i].text, error)
                if error.of_all:
                    self._give_up(error)
                elif silent:
                    await self._look()

    async def _look(self) -> None:
        """Whether anything is answered: asks the shortest of what was not asked yet."""
        left = [i for i in range(len(self._requests)) if self._is_open(i)]
        if self._looks or not left:
            return
        self._looks = True
        try:
            await self._answer(min(left, key=lambda i: self._requests[i].size), hurry=True)
        except PassingError as error:
            error.of_all = True
            self._give_up(error)
        finally:
            self._looks = False

    async def _answer(self, i: int, hurry: bool = False) -> None:
        """Raises PassingError where all tries have failed."""
        self._begun.add(i)
        try:
            self._answers[i] = await self._ask(self._requests[i].body, hurry)
        except PassingError:
            raise
        except ServerError as error:
            self._fail(self._requests[i].text, error)
        self._silence.end()

    def _is_open(self, i: int) -> bool:
        return i not in self._begun and self._requests[i].text not in self._failed

    def _fail(self, text: int, error: ServerError) -> None:
        self._failed.setdefault(text, error)
        self._drop(self._of_text[text])

    def _give_up(self, error: ServerError) -> None:
        """All texts that are not answered to the end fail."""
        for text, requests in self._of_text.items():
            if not all(i in self._answers for i in requests):
                self._fail(text, error)

    def _drop(self, requests: Sequence[int]) -> None:
        for i in requests:
            if i < len(self._tasks) and self._tasks[i] is not asyncio.current_task():
                self._tasks[i].cancel()
