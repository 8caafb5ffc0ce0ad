"""Exports of Label Studio, of the shapes that its documents show."""

import json

import pytest

from spacy_padellm.formats import label_studio
from spacy_padellm.formats.annotated_text import AnnotatedText, FormatError
from spacy_padellm.formats.guess import guess_input

from .samples import mark
from .tool_files import check, read_file

ADA = "Ada met Bob in Rome."


def region(start, end, text, *labels, **more):
    value = {"start": start, "end": end, "text": text, "labels": list(labels)}
    return {"value": value, "id": "x1", "from_name": "label", "to_name": "text", "type": "labels",
            "origin": "manual", **more}  # fmt: skip


def annotation(*result, by=1, **more):
    return {"id": 1, "completed_by": by, "result": list(result), "was_cancelled": False,
            "ground_truth": False, "created_at": "2026-01-12T10:00:00Z", "lead_time": 4.2,
            "prediction": {}, "result_count": len(result), **more}  # fmt: skip


def task(*annotations, text=ADA, number=1, data=None, **more):
    return {"id": number, "annotations": list(annotations), "file_upload": "a.json",
            "drafts": [], "predictions": [], "data": data or {"text": text}, **more}  # fmt: skip


PER = region(0, 3, "Ada", "PER")
BOB = region(3, 6, "Bob", "PER")
LOC = region(15, 19, "Rome", "LOC")
BOTH = [("Ada", "PER"), ("Rome", "LOC")]
RELATION = {"from_id": "x1", "to_id": "x2", "type": "relation", "direction": "right", "labels": []}
CHOICE = {"value": {"choices": ["news"]}, "from_name": "c", "to_name": "text", "type": "choices"}
MINIMAL = {"id": 7, "text": ADA, "annotator": 1, "annotation_id": 5, "created_at": "x",
           "updated_at": "y", "lead_time": 3.1}  # fmt: skip
SHORT = [{"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]}]

FILES = {
    "one annotator": ([task(annotation(PER, LOC))], [(ADA, BOTH)], []),
    "no entities": ([task(annotation())], [(ADA, [])], []),
    "skipped": (
        [task(annotation(was_cancelled=True)), task(annotation(PER), text="Ada", number=2)],
        [("Ada", [("Ada", "PER")])],
        ["skipped (cancelled) by 1"],
    ),
    "predicted only": (
        [task(predictions=[{"model_version": "m", "score": 0.9, "result": [PER]}])],
        [(ADA, None)],
        ["nobody has annotated it; its 1 predictions are not read"],
    ),
    "annotators agree": (
        [task(annotation(PER, LOC), annotation(LOC, PER, by=2))], [(ADA, BOTH)], []
    ),
    "annotators disagree": (
        [task(annotation(PER), annotation(PER, LOC, by={"id": 4, "email": "b@x.org"}))],
        [],
        ["lost: its 2 annotations differ (annotators 1, b@x.org)", "lost: holds something"],
    ),
    "ground truth": (
        [task(annotation(PER), annotation(LOC, by=2, ground_truth=True))],
        [(ADA, [("Rome", "LOC")])],
        ["of 2 annotations that differ, the ground truth is read"],
    ),
    "several labels a span, and one without": (
        [task(annotation(region(15, 19, "Rome", "LOC", "CITY"), region(8, 11, "Bob")))],
        [(ADA, [("Rome", "CITY"), ("Rome", "LOC")])],
        ["lost: has no label", "has 2 labels (LOC and CITY)"],
    ),
    "two sets of labels": (
        [task(annotation(PER, {**LOC, "from_name": "places"}))],
        [(ADA, BOTH)],
        ["spans of 2 tags are read together: label (1), places (1)"],
    ),
    "regions of HTML": (
        [task(annotation(PER, {"type": "hypertextlabels", "value": {
            "start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "hypertextlabels": ["LOC"]}}))],
        [(ADA, [("Ada", "PER")])],
        ["lost: is of the type 'hypertextlabels'"],
    ),
    "relations and choices": (
        [task(annotation(PER, RELATION, CHOICE))],
        [(ADA, [("Ada", "PER")])],
        ["1 result of the type 'relation'", "1 result of the type 'choices'"],
    ),
    "offsets of a browser": (
        [task(annotation(region(3, 6, "Ada", "PER")), text="👩 Ada")],
        [("👩 Ada", [("Ada", "PER")])],
        [],
    ),
    "minimal": (
        [{**MINIMAL, "label": SHORT}, {**MINIMAL, "id": 8, "text": "Nobody."}],
        [(ADA, [("Ada", "PER")]), ("Nobody.", [])],
        [],
    ),
    "minimal, annotators disagree": (
        [{**MINIMAL, "ner": SHORT}, {**MINIMAL, "annotator": 2, "annotation_id": 6}],
        [],
        ["lost: its 2 annotations differ (annotators 1, 2)", "lost: holds something"],
    ),
    "another key, older names": (
        [{"id": 1, "data": {"url": "http://x", "content": ADA},
          "completions": [{"id": 3, "result": [PER]}]}],
        [(ADA, [("Ada", "PER")])],
        [],
    ),
    "a region of another text": (
        [task(annotation(region(0, 3, "Eve", "PER"), region(18, 40, "Rome ...", "LOC"), BOB,
                         region(1, 2, "o", "X")))],
        [(ADA, [("Bob", "PER")])],
        ["lost: is 'Eve' by its own string, which the text has not", "lost: is 'Rome ...' by its",
         "lost: is 'o' by its own string, which the text has several times",
         "is 'Bob' by its own string, and read where that stands"],
    ),
    "offsets that no region by itself explains": (
        [task(annotation(region(9, 11, "Bo", "PER"), region(13, 15, "Bo", "X")),
              text="👩👩👩👩 Bo, Bo")],
        [("👩👩👩👩 Bo, Bo", [("Bo", "PER"), ("Bo", "X")])],
        [],
    ),
    "two texts to label": (
        [task(annotation(region(0, 3, "Bob", "PER", to_name="head"),
                         {**LOC, "to_name": "story"}, CHOICE),
              data={"title": "Bob", "body": ADA, "text": "an id"}),
         task(annotation({**PER, "to_name": "story"}), number=2,
              data={"title": "Eve", "body": ADA, "text": "an id"}),
         task(number=3, data={"title": None, "body": "To do"})],
        [("Bob", [("Bob", "PER")]), (ADA, [("Rome", "LOC")]), ("Eve", []), (ADA, [("Ada", "PER")]),
         ("To do", None)],
        ["the task has no text under 'title'", "1 result of the type 'choices'",
         "the same text as in line"],
    ),
    "a key that tasks without regions do not tell": (
        [{"id": 1, "data": {"url": "http://x", "content": "Nobody."},
          "annotations": [annotation()]},
         {"id": 2, "data": {"url": "http://y", "content": ADA}, "annotations": [annotation(PER)]},
         {"id": 3, "data": {"url": "http://z"}, "annotations": [annotation()]}],
        [("Nobody.", []), (ADA, [("Ada", "PER")])],
        ["lost: the task has no text under 'content'"],
    ),
    "a text beside the one that is labelled": (
        [task(annotation(PER), data={"text": "summary", "body": ADA})],
        [(ADA, [("Ada", "PER")])],
        [],
    ),
    "regions of sound": (
        [task(annotation(PER, {"type": "labels", "to_name": "audio", "value": {
            "start": 0.5, "end": 1.25, "channel": 0, "labels": ["Speaker"]}}))],
        [(ADA, [("Ada", "PER")])],
        ["lost: has offsets that are none of a text"],
    ),
    "minimal, nobody has annotated it": (
        [{**MINIMAL, "label": SHORT},
         {"id": 8, "text": "To do", "annotator": None, "annotation_id": None, "created_at": None,
          "updated_at": None, "lead_time": None}],
        [(ADA, [("Ada", "PER")]), ("To do", None)],
        [],
    ),
    "minimal, regions without labels and of HTML": (
        [{**MINIMAL, "label": [*SHORT, {"start": 15, "end": 19, "text": "Rome"}]},
         {**MINIMAL, "id": 8, "text": "<p>Rome</p>", "label": [{
             "start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "startOffset": 0, "endOffset": 4,
             "text": "Rome", "hypertextlabels": ["LOC"]}]}],
        [(ADA, [("Ada", "PER")]), ("<p>Rome</p>", [])],
        ["lost: has no label", "lost: is of the type 'hypertextlabels'"],
    ),
    "minimal, with a choice": (
        [{**MINIMAL, "text": None, "review": ADA, "sentiment": "positive", "label": SHORT},
         {**MINIMAL, "id": 8, "text": None, "review": "Nobody.", "sentiment": "negative"}],
        [(ADA, [("Ada", "PER")]), ("Nobody.", [])],
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_files(name, suffix, tmp_path):
    tasks, expected, said = FILES[name]
    path = tmp_path / f"export{suffix}"
    if suffix == ".json":
        path.write_text(json.dumps(tasks, indent=1), encoding="utf8")
    else:
        path.write_text("".join(json.dumps(one) + "\n" for one in tasks), encoding="utf8")
    assert guess_input(path) == "labelstudio"
    check(path, expected, said)


def test_what_is_written_can_be_imported(tmp_path):
    texts = [
        mark(ADA, ("Ada", "PER"), ("Rome", "LOC"), meta={"id": 4, "source": "x"}),
        AnnotatedText("Nobody."),
        AnnotatedText("To be done.").without_annotation(),
    ]
    label_studio.write(tmp_path / "a.json", texts)
    tasks = json.loads((tmp_path / "a.json").read_text())
    assert tasks[0]["id"] == 4 and tasks[0]["data"] == {"text": ADA, "source": "x"}
    (found,) = tasks[0]["annotations"]
    assert [one["value"] for one in found["result"]] == [
        {"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]},
        {"start": 15, "end": 19, "text": "Rome", "labels": ["LOC"]},
    ]
    assert {(r["from_name"], r["to_name"], r["type"]) for r in found["result"]} == {
        ("label", "text", "labels")
    }
    assert tasks[1]["annotations"] == [{"result": []}] and "annotations" not in tasks[2]
    assert list(label_studio.read(tmp_path / "a.json")) == texts
    shown, said = read_file(tmp_path / "a.json")
    assert shown[2] == ("To be done.", None) and not said


@pytest.mark.parametrize("record", [
    {"data": {"image": 3}}, {"data": {"a": "x", "b": "y"}}, {"data": {"text": "x"},
     "annotations": 3}, {"data": {"text": "x"}, "annotations": [{"result": 3}]},
    task(annotation(region(0, 3, "x", 3))),
])  # fmt: skip
def test_what_is_no_task(record, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(record))
    with pytest.raises(FormatError, match=r"a\.jsonl:1"):
        list(label_studio.read(path))
