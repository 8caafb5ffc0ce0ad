"""Exports of Label Studio, JSON and JSON-MIN, and tasks as it imports them.

JSON: {"id", "data": {"text": ...}, "annotations": [{"result": [{"type": "labels", "value":
{"start", "end", "text", "labels": [...]}}]}]}. JSON-MIN: {"id", "text", "label": [{"start", "end",
"text", "labels": [...]}], "annotator"}.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .annotated_text import AnnotatedText, Problem, annotate
from .json_records import read_records, write_json_file
from .json_text import write_json
from .label_studio_copy import Copy
from .label_studio_task import Record, Region, read_record
from .label_studio_texts import TextKeys

_NO_WORD = "nobody has annotated it"


def read(path: Path, problems: list[Problem] | None = None) -> Iterator[AnnotatedText]:
    """The texts of an export.

    Of a task without annotations nothing is known, whatever was predicted. A task that annotators
    skipped is left out, and so is one whose annotators disagree, unless one of the copies is marked
    as ground truth; both are added to `problems`, as is all that is not a span of the text. A task
    whose interface shows several texts to label gives each of them. Raises FormatError for a record
    that is no task, and where it is not clear what the text is (`TextKeys`).
    """
    problems = [] if problems is None else problems
    for task in _tasks(path, problems):
        bare = AnnotatedText(task.text, meta=task.meta, file=str(path), line=task.line)
        problems += [bare.left_out(remark, lost=False) for remark in task.remarks]
        if not task.copies:
            if task.skipped:
                reason = f"the task is skipped (cancelled) by {task.skipped} of its annotators"
                problems.append(bare.left_out(reason, lost=False))
                continue
            if task.predictions:
                reason = f"{_NO_WORD}; its {task.predictions} predictions are not read"
                problems.append(bare.left_out(reason, lost=False))
            text = annotate(task.text, [], None, task.meta, path, task.line)
            yield text.without_annotation()
            continue
        copy = _choose(bare, task.copies, problems)
        if copy is not None:
            problems += [bare.left_out(remark, lost=False) for remark in copy.remarks]
            problems += [bare.problem(span, why) for span, why in copy.lost]
            text = annotate(task.text, copy.spans, None, task.meta, path, task.line, problems)
            problems += [bare.problem(span, why, lost=False) for span, why in copy.changed]
            yield text


def write(path: Path, texts: Iterable[AnnotatedText]) -> None:
    """Tasks with an annotation each, as Label Studio imports them: one JSON array, or JSON lines if
    the name ends in .jsonl. A text that nobody annotated has none."""
    write_json_file(path, map(make_task, texts))


def make_task(text: AnnotatedText) -> dict[str, Any]:
    """A task with the spans of the text as its annotation."""
    data = {name: value for name, value in text.meta.items() if name != "text"}
    number = data.get("id")
    task: dict[str, Any] = {}
    if isinstance(number, int) and not isinstance(number, bool):
        task["id"] = data.pop("id")
    task["data"] = {"text": text.text, **data}
    if text.annotated:
        task["annotations"] = [{"result": [make_region(text.text, *span) for span in text.spans]}]
    return task


def make_region(
    text: str, start: int, end: int, label: str, from_name: str = "label", to_name: str = "text"
) -> dict[str, Any]:
    """A span as Label Studio has it. from_name, to_name: of the tags <Labels> and <Text>."""
    return {
        "id": f"{start}-{end}-{label}",
        "from_name": from_name,
        "to_name": to_name,
        "type": "labels",
        "value": {"start": start, "end": end, "text": text[start:end], "labels": [label]},
    }


@dataclass
class _Task:
    """A text of a task with what each annotator said of it. skipped: how many annotators did.
    predictions: how many there are."""

    text: str
    line: int
    meta: dict[str, Any]
    copies: list[Copy]
    skipped: int
    predictions: int
    remarks: list[str]


def _tasks(path: Path, problems: list[Problem]) -> Iterator[_Task]:
    """A task for each text of a record. In JSON-MIN, the copies of one stand in records of their
    own. A record without the text is added to `problems`."""
    records = [read_record(path, line, record) for line, record in read_records(path)]
    if not records:
        return
    keys = TextKeys(path, records)
    tasks: list[_Task] = []
    together: dict[tuple[str, str, str], _Task] = {}
    for record in records:
        for key in keys.names:
            if key not in record.strings:
                bare = AnnotatedText("", file=str(path), line=record.line)
                reason = f"the task has no text under {key!r}"
                problems.append(
                    bare.left_out(reason, lost=record.strings.keys().isdisjoint(keys.names))
                )
                continue
            task = _task(path, record, keys, key)
            same = (write_json(record.name), key, task.text)
            if same in together:
                together[same].copies += task.copies
                continue
            tasks.append(task)
            if record.minimal and record.name is not None:
                together[same] = task
    yield from tasks


def _task(path: Path, record: Record, keys: TextKeys, key: str) -> _Task:
    text = record.strings[key]
    meta = {name: value for name, value in record.data.items() if name not in keys.names}
    if isinstance(record.name, int | str):
        meta.setdefault("id", record.name)
    copies = []
    for answer in record.answers:
        copy = Copy(answer.annotator, answer.ground_truth)
        # What is of no text is said of the first.
        of_text = [region for region in answer.regions if _key(keys, region) == key]
        copy.read(path, record.line, text, of_text)
        copies.append(copy)
    remarks = record.remarks if key == keys.names[0] else []
    counted = (record.skipped, record.predictions)
    return _Task(text, record.line, meta, copies, *counted, remarks)


def _key(keys: TextKeys, region: Region) -> str:
    return keys.of(region.to) if region.is_of_text else keys.names[0]


def _choose(bare: AnnotatedText, copies: list[Copy], problems: list[Problem]) -> Copy | None:
    """The copy that is gold; None where annotators disagree."""
    true = [copy for copy in copies if copy.ground_truth]
    asked = true or copies
    if len({copy.said for copy in asked}) == 1:
        if true and len({copy.said for copy in copies}) > 1:
            reason = f"of {len(copies)} annotations that differ, the ground truth is read"
            problems.append(bare.left_out(reason, lost=False))
        return asked[0]
    names = ", ".join(dict.fromkeys(copy.annotator for copy in asked))
    reason = (
        f"its {len(asked)} annotations differ (annotators {names}): mark one of them as ground "
        f"truth in Label Studio"
    )
    problems.append(bare.left_out(reason))
    return None
