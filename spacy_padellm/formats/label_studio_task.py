"""One task of Label Studio: its text, and what each annotator said of it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .annotated_text import FormatError
from .gold_text import Span
from .offset_units import from_utf16

_MEND = 'A task is {"data": {"text": ...}, "annotations": [{"result": [...]}]}; export it as JSON'
_MIN_KEYS = ("annotator", "annotation_id", "lead_time", "created_at", "updated_at")
_LABELS = "labels"  # the type of a region of plain text
_OTHER_REGIONS = ("hypertextlabels", "paragraphlabels")  # of HTML, of dialogues


@dataclass
class Copy:
    """What one annotator said. lost, changed: spans that are not among `spans`, or not as they
    were, and why. remarks: on the whole."""

    annotator: str
    ground_truth: bool = False
    spans: list[Span] = field(default_factory=list)
    lost: list[tuple[Span, str]] = field(default_factory=list)
    changed: list[tuple[Span, str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def said(self) -> frozenset[Span]:
        return frozenset((*self.spans, *(span for span, _ in self.lost)))


@dataclass
class Task:
    """skipped: how many annotators did. predictions: how many there are."""

    text: str
    line: int
    meta: dict[str, Any]
    copies: list[Copy] = field(default_factory=list)
    skipped: int = 0
    predictions: int = 0
    remarks: list[str] = field(default_factory=list)


def read_task(path: Path, line: int, record: Any) -> Task:
    """A record of either export. Raises FormatError for one that is none, or has no text."""
    if not isinstance(record, dict):
        raise FormatError(path, line, "no task", _MEND)
    if not isinstance(record.get("data"), dict):
        return _read_minimal(path, line, record)
    data = record["data"]
    given = record.get("annotations", record.get("completions", [])) or []
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        mend = "Export the tasks with their annotations, as JSON"
        raise FormatError(path, line, "the annotations are no list of objects", mend)
    results = [_results(path, line, one) for one in given]
    name = _name_of_text(path, line, data, results)
    meta = {key: value for key, value in data.items() if key != name}
    if isinstance(record.get("id"), int | str):
        meta.setdefault("id", record["id"])
    task = Task(data[name], line, meta)
    for one, regions in zip(given, results, strict=True):
        if one.get("was_cancelled"):
            task.skipped += 1
            continue
        truth = one.get("ground_truth") is True
        copy = Copy(_annotator(one.get("completed_by")), truth)
        _read_regions(path, line, task.text, regions, copy)
        task.copies.append(copy)
    if task.copies and task.skipped:
        task.remarks.append(f"{task.skipped} of its annotators skipped it")
    for name in ("predictions", "drafts"):
        found = record.get(name)
        if isinstance(found, list) and name == "predictions":
            task.predictions = len(found)
        elif isinstance(found, list) and found:
            task.remarks.append(f"its {len(found)} drafts are not read")
    return task


def _read_minimal(path: Path, line: int, record: dict[str, Any]) -> Task:
    keys = [name for name, value in record.items() if _is_regions(value)]
    texts = {k: v for k, v in record.items() if isinstance(v, str) and k not in _MIN_KEYS}
    regions = [
        {"type": _LABELS, "value": region, "from_name": name}
        for name in keys
        for region in record[name]
        if isinstance(region, dict)
    ]
    name = _name_of_text(path, line, texts, [regions])
    left = {name, *keys, *_MIN_KEYS}
    task = Task(texts[name], line, {k: v for k, v in record.items() if k not in left})
    copy = Copy(_annotator(record.get("annotator")))
    _read_regions(path, line, task.text, regions, copy)
    task.copies.append(copy)
    return task


def is_task(record: dict[str, Any]) -> bool:
    """Whether a record is a task, in either export."""
    if isinstance(record.get("data"), dict):
        return True
    minimal = any(_is_regions(value) for value in record.values())
    return minimal or ("annotation_id" in record and "annotator" in record)


def _is_regions(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, dict) and "start" in one and _LABELS in one for one in value)
    )


def _results(path: Path, line: int, annotation: dict[str, Any]) -> list[Any]:
    found = annotation.get("result") or []
    if not isinstance(found, list):
        raise FormatError(path, line, '"result" is no list', _MEND)
    return found


def _annotator(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("email") or value.get("id")
    return "unknown" if value is None else str(value)


def _name_of_text(path: Path, line: int, data: dict[str, Any], results: Iterable[list[Any]]) -> str:
    """The key of the text: "text", the only string, or the one that the regions are of."""
    names = [name for name, value in data.items() if isinstance(value, str)]
    if "text" in names or len(names) == 1:
        return "text" if "text" in names else names[0]
    regions = [one.get("value") for found in results for one in found if isinstance(one, dict)]
    fitting = [name for name in names if regions and all(_fits(data[name], one) for one in regions)]
    if len(fitting) != 1:
        listed = ", ".join(map(repr, names))
        what = f"which of {listed} is the text, is not clear" if names else "no text in the data"
        raise FormatError(path, line, what, 'Name it "text" in "data"')
    return fitting[0]


def _fits(text: str, value: Any) -> bool:
    match value:
        case {"start": int(start), "end": int(end), "text": str(string)}:
            return text[start:end] == string
    return True


def _read_regions(path: Path, line: int, text: str, regions: list[Any], copy: Copy) -> None:
    others: Counter[str] = Counter()
    tags: Counter[str] = Counter()
    for region in regions:
        kind = region.get("type") if isinstance(region, dict) else None
        value = region.get("value") if isinstance(region, dict) else None
        if kind in _OTHER_REGIONS and isinstance(value, dict):
            name = ", ".join(map(str, value.get(kind) or ()))
            copy.lost.append(((0, 0, name), f"is of the type {kind!r}: no span of plain text"))
            continue
        if kind != _LABELS or not isinstance(value, dict):
            others[str(kind)] += 1
            continue
        start, end = (_whole(path, line, value.get(name)) for name in ("start", "end"))
        place, remark = _place(text, start, end, value.get("text"))
        labels = value.get(_LABELS) or []
        if not isinstance(labels, list) or not all(isinstance(one, str) for one in labels):
            raise FormatError(path, line, f"{labels!r} are no labels", _MEND)
        spans = [(*place, label) for label in labels if label]
        copy.spans += spans
        tags[str(region.get("from_name"))] += bool(spans)
        if not spans:
            copy.lost.append(((*place, ""), "has no label"))
        if len(spans) > 1:
            names = " and ".join(labels)
            why = f"has {len(spans)} labels ({names}) and is read as as many spans"
            copy.changed.append((spans[0], why))
        if remark and spans:
            copy.changed.append((spans[0], remark))
    if len(tags) > 1:
        names = ", ".join(f"{name} ({n})" for name, n in tags.items())
        copy.remarks.append(f"spans of {len(tags)} tags are read together: {names}")
    for kind, n in others.items():
        copy.remarks.append(f"{n} results of the type {kind!r} are no spans of a text: not read")


def _whole(path: Path, line: int, value: Any) -> int:
    """Label Studio writes offsets as numbers; by its documents they may be strings."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 19:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise FormatError(path, line, f"{value!r} is no offset", "Export the tasks anew, as JSON")


def _place(text: str, start: int, end: int, said: Any) -> tuple[tuple[int, int], str]:
    """Characters of a region; browsers count UTF-16 units, and its own text tells which it is."""
    if not isinstance(said, str) or _same(text[max(start, 0) : max(end, 0)], said):
        return (start, end), ""
    place = from_utf16(text, (start, end))
    if place is not None and _same(text[slice(*place)], said):
        return place, ""
    return (start, end), f"is {said[:40]!r} by its own text"


def _same(one: str, other: str) -> bool:
    return one == other or one.split() == other.replace("\\n", "\n").split()
