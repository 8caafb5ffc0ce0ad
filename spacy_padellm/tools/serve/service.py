"""What the routes ask: one pipeline, its queue, its metrics, and whether it is about to stop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeVar

from spacy.language import Language
from starlette.requests import Request

from ...formats.json_text import is_unicode
from ...pipeline.component import PaDeLLMNER
from ...spans.thresholds import Threshold
from ..explain.explanation import Explanation, Labels
from .batching import Batcher, ClosedError, QueueFullError
from .bodies import GoneError
from .errors import MOST_DETAILS, ApiError
from .extraction import Extractor, Failure, Question, QuestionError, UnknownLabelError
from .metrics import Metrics
from .racing import OvertakenError, unless
from .schema import ErrorCode, ExtractRequest, Span
from .settings import ServeSettings
from .stop import Stop

T = TypeVar("T")
RETRY_SECONDS = 10.0  # until a first text is tried again


class Service:
    """Answers for one app. Belongs to one event loop.

    accepted: requests that were given a place in the queue. answered: those of them that were
    answered, with an error too. left: those whose client went away. What remains was given up when
    the server stopped.
    """

    def __init__(self, nlp: Language, pipe: PaDeLLMNER, settings: ServeSettings) -> None:
        self.settings = settings
        nlp.max_length = max(nlp.max_length, settings.limit)
        self.extractor = Extractor(nlp, pipe, settings.any_labels)
        self.metrics = Metrics()
        self.stop = Stop()
        self.warm = False
        self.accepted = self.answered = self.left = 0
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
        """Within it requests are answered. It is ready once a text was read."""
        self.batcher.start()
        warming = asyncio.create_task(self._warm_up())
        try:
            yield
        finally:
            warming.cancel()
            await self.batcher.close()

    async def _warm_up(self) -> None:
        """Until a text was read. A model's server is not waited for: it comes back by itself, and
        requests are told."""
        while not self.warm:
            with contextlib.suppress(QueueFullError):
                failed = await self.batcher.run_alone(self.extractor.warm_up)
                if failed is None or failed.of_server:
                    self.warm = True
                    return
            await asyncio.sleep(RETRY_SECONDS)

    # --- what looks on the queue

    def queued(self, waiting: int) -> None:
        self.metrics.queue.set(waiting)

    def done(self, jobs: int, seconds: float) -> None:
        self.metrics.texts.inc(jobs)
        self.metrics.batch.observe(jobs)
        self.metrics.batch_seconds.observe(seconds)

    # --- questions

    async def extract(
        self, asked: ExtractRequest, request: Request
    ) -> tuple[list[list[Span]], list[str]]:
        """The spans of each text, and warnings. Raises ApiError, and GoneError without a client."""
        texts, labels, threshold = asked.named_texts, asked.labels, asked.threshold
        if len(texts) > self.settings.max_texts:
            said = (
                f"The request has {len(texts)} texts; this server takes up to "
                f"{self.settings.max_texts} at once."
            )
            raise ApiError(413, said, details=[("texts", said)])
        for name, text in texts.items():
            self.check_text(text, name)
        warnings = self._check_labels(labels, threshold)
        questions = [Question(text, labels, threshold) for text in texts.values()]
        results = await self._ask(lambda: self.batcher.run(questions), request)
        found = dict(zip(texts, results, strict=True))
        self._check({name: one for name, one in found.items() if isinstance(one, Failure)})
        self.warm = True
        return [one for one in found.values() if not isinstance(one, Failure)], warnings

    async def explain(self, text: str, labels: Labels, request: Request) -> Explanation:
        """All that is to say of a text. labels: some of the pipeline's, to show these alone, or
        others, to ask for these; empty for all of the pipeline's. Raises as `extract`."""
        self.check_text(text, "text")
        if not text.strip():
            said = "The text is empty."
            raise ApiError(422, said, details=[("text", said)])
        self._check_labels(labels or None)
        of_pipeline = not isinstance(labels, Mapping) and set(labels or ()) <= set(self.labels)
        asked = None if of_pipeline else labels
        found = await self._ask(
            lambda: self.batcher.run_alone(lambda: self.extractor.explain(text, asked)), request
        )
        self.metrics.texts.inc()
        if isinstance(found, Failure):
            self._check({"text": found})
        assert isinstance(found, Explanation)
        wanted = set(labels or self.labels)
        found.labels[:] = [label for label in found.labels if label.label in wanted]
        return found

    def _check_labels(self, labels: Labels, threshold: Threshold | None = None) -> list[str]:
        """What a user should know of them. Raises ApiError for what cannot be asked."""
        try:
            return self.extractor.check(labels, threshold)
        except QuestionError as error:
            code: ErrorCode = (
                "unknown_label" if isinstance(error, UnknownLabelError) else "invalid_request"
            )
            raise ApiError(422, str(error), code, [(error.field, str(error))]) from None

    def _check(self, failed: Mapping[str, Failure]) -> None:
        """Raises ApiError where texts failed, by their fields."""
        if not failed:
            return
        self.metrics.failed.inc(len(failed))
        first = next(iter(failed.values()))
        details = [(name, one.message) for name, one in failed.items()][:MOST_DETAILS]
        if first.of_server:
            raise ApiError(502, first.message, "model_server_failed", details)
        if first.of_request:
            raise ApiError(422, first.message, "invalid_request", details)
        raise ApiError(500, first.message, "text_failed", details)

    def check_text(self, text: str, where: str) -> None:
        """Raises ApiError for one that is too long, or is no Unicode."""
        most = self.settings.limit
        if len(text) > most:
            said = f"The text has {len(text)} characters; this server takes up to {most}."
            raise ApiError(413, said, details=[(where, said)])
        if not is_unicode(text):
            said = "The text contains an unpaired surrogate, which is not valid Unicode."
            raise ApiError(422, said, details=[(where, said)])

    async def _ask(self, ask: Callable[[], Awaitable[T]], request: Request) -> T:
        """What the queue gives; nothing for a client that goes away, whose texts leave it."""
        if not self.batcher.alive:
            raise self._closed()
        self.accepted += 1
        try:
            found = await self.stop.unless(
                _unless_gone(ask(), request), grace=self.settings.stop_timeout
            )
        except QueueFullError as error:
            self.accepted -= 1
            raise ApiError(
                429,
                f"The queue is full. Try again in {error.seconds} s.",
                headers={"Retry-After": str(error.seconds)},
            ) from None
        except GoneError:
            self.left += 1
            raise
        except ClosedError:
            raise self._closed() from None
        except ApiError:  # the server stops, and there is no more time
            raise
        except Exception:
            self.answered += 1  # with an error
            raise
        self.answered += 1
        return found

    def _closed(self) -> ApiError:
        if self.stop.draining:
            return ApiError(503, "The server is stopping.", "stopping")
        said = "Nothing works on the queue: the app runs without its lifespan, or has failed."
        return ApiError(503, said, "not_ready")


async def _unless_gone(work: Awaitable[T], request: Request) -> T:
    """Raises GoneError, and cancels the work, where the client goes away before."""
    try:
        return await unless(work, _gone(request))
    except OvertakenError:
        raise GoneError from None


async def _gone(request: Request) -> None:
    """Returns when the client goes away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
