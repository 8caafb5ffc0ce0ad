"""The page with a text box, of the same app as the API."""

import asyncio
import re

import pytest
import spacy
from looking.test_explain import text_of

from serving.doors import code_of, in_app

TEXT = "Ada Lovelace lives in Paris."
SCRIPT = {TEXT: [("PER", "Ada Lovelace", 0.9), ("LOC", "Paris", 0.8)]}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SMALL = {"limit": 300, "max_bytes": 10_000}


def test_the_page_shows_what_was_found(scripted):
    async def test(http, _):
        empty = await http.get("/")
        found = await http.post("/", data={"text": TEXT, "labels": ["PER"]})
        return empty, found, await http.head("/")

    empty, found, head = in_app(scripted(SCRIPT)[0], test)
    assert empty.status_code == found.status_code == head.status_code == 200
    assert "PER 0.90" in " ".join(text_of(found.text).split())
    assert empty.text.count("checked") == 2 and found.text.count("checked") == 1
    for page in (empty, found):
        policy = page.headers["content-security-policy"]
        assert "script" not in policy and "default-src 'none'" in policy


def test_labels_are_typed_where_a_model_takes_any():
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": {"name": "english-any"}})
    text = "Does Noma serve ramen?"

    async def test(http, _):
        sent = {"text": text, "others": "dish: food that is served <b>\n\nrestaurant, city"}
        asked = {"text": text, "labels": {"dish": "food that is served"}}
        return [
            await http.get("/"),
            await http.post("/", data={"text": text}),
            await http.post("/", data=sent),
            await http.post("/v1/explain", json={"text": text, "labels": ["restaurant"]}),
            await http.post("/v1/explain", json=asked),
            *[await http.post("/", data={"text": text, "others": many}) for many in too_many],
        ]

    too_many = [",".join(map(str, range(300))), "x" * 201, "x:" + "y" * 2001]
    empty, none, found, named, described, *refused = in_app(nlp, test)
    for page in refused:
        assert page.status_code == 422 and "Up to 200 labels" in page.text
    assert 'name="others"' in empty.text and none.status_code == 422 and "label" in none.text
    shown = " ".join(text_of(found.text).split())
    assert "ramen dish 0." in shown and "Noma restaurant 0." in shown and "city found 0" in shown
    assert "dish: food that is served &lt;b&gt;" in found.text and "<b>" not in found.text
    (label,) = named.json()["labels"]
    assert [m["text"] for m in label["mentions"]] == ["Noma"] and named.json()["passes"] == 1
    (label,) = described.json()["labels"]
    assert label["description"] == "food that is served" and described.json()["passes"] == 1
    assert [m["text"] for m in label["mentions"]] == ["ramen"]


def test_all_labels_of_a_pipeline_may_be_ticked(scripted):
    many = [f"L{i}" for i in range(201)]
    nlp, _ = scripted({}, labels=many)
    sent = {"text": TEXT, "labels": many}
    page = in_app(nlp, lambda http, _: http.post("/", data=sent))
    assert page.status_code == 200 and "L200 " in text_of(page.text)


def test_a_script_in_a_text_stays_text(scripted):
    bad = "</textarea><script>document.title='taken'</script> Ada Lovelace lives in Paris."
    page = in_app(scripted({})[0], lambda http, _: http.post("/", data={"text": bad}))
    assert page.status_code == 200
    assert "<script" not in page.text and "&lt;script&gt;" in page.text


@pytest.mark.parametrize(("text", "labels", "status", "message"), [
    (" ", [], 422, "empty"),
    ("x" * 301, [], 413, "300"),
    ("x" * 100_000, [], 413, "larger"),
    ("Ada", ["<b>"], 422, "was not trained for"),
])  # fmt: skip
def test_bad_forms_are_refused_on_the_page(scripted, text, labels, status, message):
    sent = {"text": text, "labels": labels}
    page = in_app(scripted({})[0], lambda http, _: http.post("/", data=sent), **SMALL)
    assert page.status_code == status and message in text_of(page.text) and "<b>" not in page.text
    assert "<form" in page.text and "content-security-policy" in page.headers


def test_forms_of_any_kind_are_refused_or_answered(scripted):
    bodies = [b"", b"\xff=\xff", b"text=%FF%FE", b"text=%ED%A0%80", b"&" * 9000, b"a=1&" * 2000,
              b"--x\r\nnonsense", b"text=" + b"%41" * 100]  # fmt: skip
    types = [FORM, {"Content-Type": "multipart/form-data; boundary=x"}, {}]

    async def test(http, _):
        asked = (http.post("/", content=b, headers=t) for b in bodies for t in types)
        return await asyncio.gather(*asked)

    for page in in_app(scripted({})[0], test, **SMALL):
        assert page.status_code in (200, 400, 413, 422) and "Traceback" not in page.text


def test_the_explanation_is_there_for_programs(scripted):
    async def test(http, _):
        asked = [{"text": TEXT}, {"text": TEXT, "labels": ["LOC"]}, {"text": TEXT, "labels": ["X"]},
                 {"text": " "}]  # fmt: skip
        return [await http.post("/v1/explain", json=one) for one in asked]

    every, places, unknown, empty = in_app(scripted(SCRIPT)[0], test)
    assert [label["label"] for label in every.json()["labels"]] == ["PER", "LOC"]
    (label,) = places.json()["labels"]
    assert [m["text"] for m in label["mentions"]] == ["Paris"] and label["count"] == 1
    assert re.match(r"\d", str(every.json()["seconds"]))
    assert code_of(unknown) == (422, "unknown_label") and code_of(empty)[0] == 422
