"""What the server counts, as Prometheus reads it."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .stop import Stop

ROUTES = ("/", "/v1/extract", "/v1/explain", "/v1/labels", "/health", "/ready", "/metrics",
          "/docs", "/openapi.json")  # fmt: skip
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Of one app, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "padellm_requests", "Requests answered", ["route", "status"], registry=registry
        )
        self.latency = Histogram(
            "padellm_request_seconds",
            "From the head of a request to the last byte of its answer",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self.texts = Counter("padellm_texts", "Texts that requests had decoded", registry=registry)
        self.failed = Counter(
            "padellm_texts_failed", "Those of them that failed", registry=registry
        )
        self.batch = Histogram(
            "padellm_batch_texts", "Texts decoded together", buckets=TEXTS, registry=registry
        )
        self.batch_seconds = Histogram(
            "padellm_batch_seconds", "Decoding of a batch", buckets=SECONDS, registry=registry
        )
        self.queue = Gauge("padellm_queue_texts", "Texts that wait", registry=registry)
        self.ready = Gauge("padellm_ready", "1 where `/ready` says so", registry=registry)

    def show(self) -> Response:
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)


class Measured:
    """Middleware that counts and times requests, and says of a server that drains that connections
    close."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        stop: Stop,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._app, self._metrics, self._stop, self._clock = app, metrics, stop, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = self._clock(), "499"  # of a client that leaves

        async def count(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
                if self._stop.draining:
                    message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        try:
            await self._app(scope, receive, count)
        except Exception:
            status = "500"
            raise
        finally:
            # Any path may be asked for, and each would be a series of its own.
            route = scope["path"] if scope["path"] in ROUTES else "other"
            self._metrics.requests.labels(route, status).inc()
            self._metrics.latency.labels(route).observe(self._clock() - began)
