"""What the routes ask: one pipeline, its queue, its metrics, and whether it is about to stop."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from spacy.language import Language
from starlette.requests import Request

from ...formats.json_text import is_unicode
from ...pipeline.component import PaDeLLMNER
from ...spans.thresholds import Threshold
from ..explain.explanation import Explanation, explain
from .batching import Batcher, QueueFullError
from .bodies import GoneError
from .errors import ApiError
from .extraction import Extractor, Failure, Labels, Question, UnknownLabelError
from .metrics import Metrics
from .schema import Span
from .settings import ServeSettings
from .stop import Stop

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Service:
    """Answers for one app. Belongs to one event loop. accepted: requests that were given a place in
    the queue; answered: those of them whose client, or end, did not come first."""

    def __init__(self, nlp: Language, pipe: PaDeLLMNER, settings: ServeSettings) -> None:
        self.settings = settings
        nlp.max_length = max(nlp.max_length, settings.limit)
        self.extractor = Extractor(nlp, pipe, settings.any_labels)
        self.metrics = Metrics()
        self.stop = Stop()
        self.warm = False
        self.accepted = self.answered = 0
        self.batcher: Batcher[Question, list[Span] | Failure] = Batcher(
            self.extractor.extract,
            settings.batch_size,
            settings.max_wait / 1000,
            settings.queue,
            self,
        )
        self.metrics.ready.set_function(lambda: float(self.ready))

    @property
    def ready(self) -> bool:
        return self.warm and self.batcher.alive and not self.stop.draining

    @property
    def labels(self) -> dict[str, str]:
        """Of the pipeline: label → description."""
        return self.extractor.pipe.described

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Within it requests are answered. It is ready after a first text."""
        self.batcher.start()
        warming = asyncio.create_task(self._warm_up())
        try:
            yield
        finally:
            warming.cancel()
            await self.batcher.close()

    async def _warm_up(self) -> None:
        try:
            await self.batcher.run_alone(self.extractor.warm_up)
        except Exception as error:
            logger.warning("a first text was not answered: %s", error)
        self.warm = True

    # --- what looks on the queue

    def queued(self, waiting: int) -> None:
        self.metrics.queue.set(waiting)

    def done(self, jobs: int, seconds: float) -> None:
        self.metrics.texts.inc(jobs)
        self.metrics.batch.observe(jobs)
        self.metrics.batch_seconds.observe(seconds)

    # --- questions

    async def extract(
        self, texts: Sequence[str], labels: Labels, threshold: Threshold | None, request: Request
    ) -> tuple[list[list[Span]], list[str]]:
        """The spans of each text, and warnings. Raises ApiError, and GoneError without a client."""
        if len(texts) > self.settings.max_texts:
            raise ApiError(
                413,
                f"The request has {len(texts)} texts; this server takes up to "
                f"{self.settings.max_texts} at once.",
            )
        for i, text in enumerate(texts):
            self.check_text(text, f"texts.{i}" if len(texts) > 1 else "text")
        try:
            warnings = self.extractor.check(labels, threshold)
        except UnknownLabelError as error:
            raise ApiError(422, str(error), "unknown_label", [("labels", str(error))]) from None
        except ValueError as error:
            raise ApiError(422, str(error), None, [("threshold", str(error))]) from None
        questions = [Question(text, labels, threshold) for text in texts]
        found = await self._ask(lambda: self.batcher.run(questions), request)
        failed = [(i, one) for i, one in enumerate(found) if isinstance(one, Failure)]
        if failed:
            self.metrics.failed.inc(len(failed))
            first = failed[0][1]
            details = [(f"texts.{i}", one.message) for i, one in failed[:20]]
            raise _failed(first.message, first.unreachable, details)
        return [one for one in found if not isinstance(one, Failure)], warnings

    async def explain(self, text: str, labels: Sequence[str], request: Request) -> Explanation:
        """All that is to say of a text, under these of the pipeline's labels; all if empty. Raises
        as `extract`."""
        self.check_text(text, "text")
        if not text.strip():
            raise ApiError(422, "The text is empty.", details=[("text", "empty")])
        if unknown := [label for label in labels if label not in self.labels]:
            said = f"The model is not asked for {', '.join(unknown)[:200]}."
            raise ApiError(422, said, "unknown_label", [("labels", said)])
        found = await self._ask(
            lambda: self.batcher.run_alone(lambda: self._explain(text)), request
        )
        wanted = set(labels or self.labels)
        found.labels[:] = [label for label in found.labels if label.label in wanted]
        return found

    def check_text(self, text: str, where: str) -> None:
        """Raises ApiError for one that is too long, or is no Unicode."""
        most = self.settings.limit
        if len(text) > most:
            said = f"The text has {len(text)} characters; this server takes up to {most}."
            raise ApiError(413, said, details=[(where, said)])
        if not is_unicode(text):
            said = "The text is no Unicode: it has half of a character."
            raise ApiError(422, said, details=[(where, said)])

    def _explain(self, text: str) -> Explanation:
        nlp, pipe = self.extractor.nlp, self.extractor.pipe
        with nlp.memory_zone():
            return explain(nlp, pipe, text)

    async def _ask(self, ask: Callable[[], Awaitable[T]], request: Request) -> T:
        """What the queue gives; nothing for a client that goes away, whose texts leave it."""
        self.accepted += 1
        try:
            work = _unless_gone(ask(), request)
            found = await self.stop.unless(work, grace=self.settings.stop_timeout)
            self.answered += 1
            return found
        except QueueFullError as error:
            self.accepted -= 1
            raise ApiError(
                429,
                f"The queue is full. Try again in {error.seconds} s.",
                headers={"Retry-After": str(error.seconds)},
            ) from None
        except (ValueError, OSError) as error:  # such as a model server that is down
            self.answered += 1
            logger.warning("a text was not answered: %s", error)
            raise _failed(
                f"The model did not answer: {error}", isinstance(error, OSError)
            ) from error


def _failed(message: str, unreachable: bool, details: Sequence[tuple[str, str]] = ()) -> ApiError:
    if unreachable:
        return ApiError(502, message, "model_unreachable", details)
    return ApiError(500, message, "text_failed", details)


async def _unless_gone(work: Awaitable[T], request: Request) -> T:
    """Raises GoneError, and cancels the work, where the client goes away before."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_wait_until_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise GoneError
        return task.result()
    finally:
        task.cancel()
        gone.cancel()


async def _wait_until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
