"""The OpenAPI document: valid, and true of what the server answers."""

import pytest
from fastapi.openapi.models import OpenAPI

from serving.doors import in_app
from spacy_padellm.tools.serve.errors import CODES, MEANINGS
from spacy_padellm.tools.serve.metrics import ROUTES

jsonschema = pytest.importorskip("jsonschema")
ASKS = {"/v1/extract", "/v1/explain"}


def refs(value):
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for one in value.values():
            yield from refs(one)
    elif isinstance(value, list):
        for one in value:
            yield from refs(one)


def document(nlp, **settings):
    key = settings.get("api_key", "")
    headers = {"X-API-Key": key} if key else {}
    return in_app(nlp, lambda http, _: http.get("/openapi.json", headers=headers), **settings)


def test_it_is_valid_and_names_every_error(scripted):
    said = document(scripted({})[0], api_key="key").json()
    OpenAPI.model_validate(said)
    schemas = said["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for ref in refs(said):
        assert ref.startswith("#/components/schemas/") and ref.rsplit("/", 1)[1] in schemas
    assert set(said["paths"]) == {*ASKS, "/v1/labels", "/health", "/ready", "/metrics"}
    assert {*said["paths"], "/", "/docs", "/openapi.json"} == set(ROUTES)
    errors = {401: 401, **{status: status for status in MEANINGS}}
    named = set()
    for path, methods in said["paths"].items():
        for method in methods.values():
            answers = {int(status) for status in method["responses"]}
            named |= answers
            if path in ASKS:
                assert answers == {200, *errors} - {404, 405}
            for status in answers - {200}:
                content = method["responses"][str(status)]["content"]["application/json"]
                assert content["schema"]["$ref"].endswith("/ErrorResponse")
                assert CODES[status][0] in method["responses"][str(status)]["description"]
    assert named == {200, *errors} - {404, 405}
    codes = schemas["ErrorBody"]["properties"]["code"]["enum"]
    assert set(codes) == {code for of_status in CODES.values() for code in of_status}
    assert "security" in said["paths"]["/v1/extract"]["post"]
    assert "security" not in said["paths"]["/health"]["get"]


def test_answers_are_as_it_says(scripted):
    nlp, _ = scripted({"Ada.": [("PER", "Ada", 0.9)]})

    async def test(http, _):
        said = (await http.get("/openapi.json")).json()
        requests = [
            ("/v1/extract", {"text": "Ada."}),
            ("/v1/extract", {"texts": ["Ada.", ""], "labels": ["PER"], "threshold": {"PER": 0.5}}),
            ("/v1/extract", {"text": 5}),
            ("/v1/extract", {"text": "x" * 30_000}),
            ("/v1/explain", {"text": "Ada."}),
            ("/v1/explain", {"text": ""}),
        ]
        found = [(path, await http.post(path, json=body)) for path, body in requests]
        for path in ("/v1/labels", "/health", "/ready"):
            found.append((path, await http.get(path)))
        return said, found

    said, found = in_app(nlp, test)
    assert {answer.status_code for _, answer in found} >= {200, 413, 422}
    for path, answer in found:
        (method,) = said["paths"][path].values()
        content = method["responses"][str(answer.status_code)]["content"]["application/json"]
        assert content["schema"], path
        schema = {**content["schema"], "components": said["components"]}
        jsonschema.validate(answer.json(), schema)
        if answer.status_code == 200:  # it says what is in an answer, not only what kind it is
            (name,) = refs(content["schema"])
            fields = said["components"]["schemas"][name.rsplit("/", 1)[1]]["properties"]
            assert set(answer.json()) <= set(fields), path
    for example in said["components"]["schemas"]["ExtractRequest"]["examples"]:
        schema = {"$ref": "#/components/schemas/ExtractRequest", "components": said["components"]}
        jsonschema.validate(example, schema)
