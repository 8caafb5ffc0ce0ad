"""The routes for programs: `/v1/...`, and what orchestrators and Prometheus ask."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request, Response
from fastapi.security import HTTPBearer

from ...formats.json_text import write_json
from ..explain.explanation import Explanation
from .errors import HEADERS, ApiError, responses
from .json_requests import JSONRoute
from .schema import (
    ExplainRequest,
    ExtractRequest,
    ExtractResponse,
    LabelsResponse,
    Status,
    TextResult,
)
from .service import Service

JSON = "application/json"


def make_router(service: Service) -> APIRouter:
    """With a key, the OpenAPI document says that one is asked for; `Guard` checks it."""
    keyed = [Depends(HTTPBearer(auto_error=False))] if service.settings.api_key else []
    refused = (401,) if keyed else ()
    errors = (400, *refused, 408, 413, 415, 422, 429, 500, 502, 503)
    router = APIRouter(route_class=JSONRoute)

    @router.post(
        "/v1/extract",
        summary="Find entities",
        response_model=ExtractResponse,
        responses=responses(*errors),
        dependencies=keyed,
    )
    async def extract(request: Request, asked: Annotated[ExtractRequest, Body()]) -> Response:
        """Spans with their offsets, labels and probabilities. Texts of requests that arrive at the
        same time are decoded together; those that describe labels, with others that use the same
        descriptions."""
        found, warnings = await service.extract(asked, request)
        results = [TextResult.model_construct(spans=spans) for spans in found]
        answer = ExtractResponse.model_construct(results=results, warnings=warnings)
        return Response(answer.model_dump_json(), 200, HEADERS, JSON)

    @router.post(
        "/v1/explain",
        summary="See why",
        response_model=Explanation,
        responses=responses(*errors),
        dependencies=keyed,
    )
    async def explain(request: Request, asked: Annotated[ExplainRequest, Body()]) -> Response:
        """Counts and mentions of each label, what became of each mention and why. The text is
        decoded by itself."""
        found = await service.explain(asked.text, asked.labels, request)
        return Response(write_json(found.to_dict()), 200, HEADERS, JSON)

    @router.get(
        "/v1/labels",
        summary="What can be asked for",
        responses=responses(400, *refused),
        dependencies=keyed,
    )
    async def labels() -> LabelsResponse:
        found = service.extractor
        return LabelsResponse(
            labels=service.labels, trained=found.trained, others=found.takes_others
        )

    @router.get("/health", summary="Whether to keep the process", responses=responses(400, 500))
    async def health() -> Status:
        if not service.batcher.alive:
            raise ApiError(500, "Nothing works on the queue: start the process anew.")
        return Status(status="alive")

    @router.get("/ready", summary="Whether to send requests", responses=responses(400, 503))
    async def ready() -> Status:
        if service.stop.draining:
            raise ApiError(503, "The server is stopping.", "stopping")
        if not service.ready:
            said = "No text was read yet; if this stays so, the server's log says why."
            raise ApiError(503, said, "not_ready", headers={"Retry-After": "1"})
        return Status(status="ready")

    for path, probe in (("/health", health), ("/ready", ready)):  # some monitors ask so
        router.add_api_route(path, probe, methods=["HEAD"], include_in_schema=False)

    @router.get(
        "/metrics",
        summary="For Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, **responses(400, *refused)},
        dependencies=keyed,
    )
    async def metrics() -> Response:
        return service.metrics.show()

    return router
