"""What is said of a request that is wrong: one sentence for each fault, in the API's own words."""

import json

from serving.doors import code_of, in_app

EXTRACT, EXPLAIN = "/v1/extract", "/v1/explain"
LABELS = "give a list of names, or a mapping name → description"
THRESHOLD = "give a number from 0 to 1, or a mapping label → number"
NAME = "give a name of 1 to 200 characters, as a string"
TEXT = "give a text, as a string"
EMPTY = "it is empty: give at least one item"
MANY = "it has too many items: give up to 200"
FIELDS = "there is no such field; the fields are `text`, `texts`, `labels`, `threshold`"
BODY = "the body must be a JSON object with `text` or `texts`"
EITHER = "give either `text` or `texts`"
TOO_MANY = [f"L{i}" for i in range(201)]


def meant(name):
    return f"there is no such field; did you mean `{name}`?"


FAULTS = [
    (EXTRACT, [1], {"": BODY}),
    (EXTRACT, "Ada", {"": BODY}),
    (EXTRACT, {}, {"": EITHER}),
    (EXTRACT, {"text": "a", "texts": ["a"]}, {"": EITHER}),
    (EXTRACT, {"text": 5}, {"text": TEXT}),
    (EXTRACT, {"txt": "a"}, {"txt": meant("text")}),
    (EXTRACT, {"texts": "a"}, {"texts": "give a list of texts"}),
    (EXTRACT, {"texts": []}, {"texts": EMPTY}),
    (EXTRACT, {"texts": ["a", None, {}]}, {"texts.1": TEXT, "texts.2": TEXT}),
    *[(EXTRACT, {"text": "a", "labels": wrong}, {"labels": LABELS}) for wrong in ("PER", 1, True)],
    (EXTRACT, {"text": "a", "labels": []}, {"labels": EMPTY}),
    (EXTRACT, {"text": "a", "labels": {}}, {"labels": EMPTY}),
    (EXTRACT, {"text": "a", "labels": ["PER", 1, ""]}, {"labels.1": NAME, "labels.2": NAME}),
    (EXTRACT, {"text": "a", "labels": TOO_MANY}, {"labels": MANY}),
    (EXTRACT, {"text": "a", "labels": dict.fromkeys(TOO_MANY, "")}, {"labels": MANY}),
    (
        EXTRACT,
        {"text": "a", "labels": {"PER": 1}},
        {"labels": "for 'PER', give a description of up to 2,000 characters"},
    ),
    (EXTRACT, {"text": "a", "labels": {"": "x"}}, {"labels": f"'' cannot be a label: {NAME}"}),
    *[
        (EXTRACT, {"text": "a", "threshold": wrong}, {"threshold": THRESHOLD})
        for wrong in (1.5, -1, True, "0.5", [0.5])
    ],
    (EXTRACT, {"text": "a", "threshold": {}}, {"threshold": EMPTY}),
    *[
        (
            EXTRACT,
            {"text": "a", "threshold": {"PER": wrong}},
            {"threshold": "for 'PER', give a number from 0 to 1"},
        )
        for wrong in (1.5, "0.5", None, {})
    ],
    (EXTRACT, {"text": "a", "treshold": 1}, {"treshold": meant("threshold")}),
    (EXTRACT, {"text": "a", "Labels": ["PER"]}, {"Labels": meant("labels")}),
    (EXTRACT, {"text": "a", "lang": "en"}, {"lang": FIELDS}),
    (
        EXTRACT,
        {"text": "a", "labels": "PER", "threshold": 2},
        {"labels": LABELS, "threshold": THRESHOLD},
    ),
    (EXPLAIN, [1], {"": "the body must be a JSON object with `text`"}),
    (EXPLAIN, {}, {"text": f"it is missing: {TEXT}"}),
    (EXPLAIN, {"texts": ["a"]}, {"texts": meant("text")}),
    (EXPLAIN, {"text": "a", "labels": "PER"}, {"labels": LABELS}),
    (
        EXPLAIN,
        {"text": "a", "threshold": 0.5},
        {"threshold": "there is no such field; the fields are `text`, `labels`"},
    ),
]


def post(http, path, body):
    """httpx's own `json` sends nothing for None. body: or the bytes of one."""
    headers = {"Content-Type": "application/json"}
    content = body if isinstance(body, bytes) else json.dumps(body)
    return http.post(path, content=content, headers=headers)


def test_one_fault_is_one_sentence(scripted):
    async def test(http, _):
        return [await post(http, path, body) for path, body, _ in FAULTS]

    for (_, body, faults), answer in zip(FAULTS, in_app(scripted({})[0], test), strict=True):
        assert code_of(answer) == (422, "invalid_request"), body
        said = answer.json()["error"]
        assert [(one["where"], one["message"]) for one in said["details"]] == [*faults.items()]
        (where, first), *more = faults.items()
        told = f"Invalid request: {where}: {first}" if where else f"Invalid request: {first}"
        assert said["message"] == told + (f" (and {len(more)} more)" if more else ""), body


WRONG = (None, True, 7, -0.5, "", "x", [], [1], [[]], {}, {"": 1}, {"x": []}, ["x", None])
PYDANTIC = ("Input should", "should have", "a valid", "Extra", "Value error", "permitted", "Field")


def test_no_words_of_the_library_that_checks(scripted):
    """Of every field with every kind of value."""
    bodies = [
        {"text": "a", field: value} if field != "texts" else {field: value}
        for field in ("text", "texts", "labels", "threshold", "other")
        for value in WRONG
    ]

    async def test(http, _):
        for path in (EXTRACT, EXPLAIN):
            for body in [*bodies, *WRONG[1:]]:
                answer = await post(http, path, body)
                if answer.status_code == 422:
                    assert not [word for word in PYDANTIC if word in answer.text], answer.text
                    details = answer.json()["error"]["details"]
                    assert all(one["message"] for one in details), answer.text
                else:
                    assert answer.status_code == 200, answer.text

    in_app(scripted({})[0], test)


def test_no_body(scripted):
    async def test(http, _):
        for body in (b"", None):
            answer = await post(http, EXTRACT, body)
            assert code_of(answer) == (422, "invalid_request")
            assert "body" in answer.text and "JSON object" in answer.text

    in_app(scripted({})[0], test)
