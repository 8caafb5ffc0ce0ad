"""Exports of Label Studio, JSON and JSON-MIN, and tasks as it imports them.

JSON: {"id", "data": {"text": ...}, "annotations": [{"result": [{"type": "labels", "value":
{"start", "end", "text", "labels": [...]}}]}]}. JSON-MIN: {"id", "text", "label": [{"start", "end",
"text", "labels": [...]}], "annotator"}.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .annotated_text import AnnotatedText, Problem, annotate
from .json_records import read_records, write_json_file
from .json_text import write_json
from .label_studio_task import Copy, Task, read_task

_NO_WORD = "nobody has annotated it"


def read(path: Path, problems: list[Problem] | None = None) -> Iterator[AnnotatedText]:
    """The texts of an export.

    Of a task without annotations nothing is known, whatever was predicted. A task that annotators
    skipped is left out, and so is one whose annotators disagree, unless one of the copies is marked
    as ground truth; both are added to `problems`, as is all that is no span of the text.
    Raises FormatError for a record that is no task with a text.
    """
    problems = [] if problems is None else problems
    for task in _tasks(path):
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


def _tasks(path: Path) -> Iterator[Task]:
    """In JSON-MIN, the copies of one task stand in records of their own."""
    together: dict[tuple[str, str], Task] = {}
    for line, record in read_records(path):
        task = read_task(path, line, record)
        if "data" in record or "id" not in record:
            yield task
            continue
        key = (write_json(record["id"]), task.text)
        if key in together:
            together[key].copies += task.copies
            together[key].skipped += task.skipped
        else:
            together[key] = task
    yield from together.values()


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
