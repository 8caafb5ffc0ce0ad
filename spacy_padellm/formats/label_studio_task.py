"""The records of Label Studio's exports: what each annotator said of a task, as it is given."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..plurals import count
from .annotated_text import FormatError
from .quoted_spans import Quoted

MEND = 'A task is {"data": {"text": ...}, "annotations": [{"result": [...]}]}; export it as JSON'
LABELS = "labels"  # the type of a region of plain text
OTHER_REGIONS = ("hypertextlabels", "paragraphlabels")  # of HTML, of dialogues
_MIN_KEYS = ("annotator", "annotation_id", "lead_time", "created_at", "updated_at")


@dataclass
class Region:
    """kind: its type. tag: of the labels, to: of the text, by their names in the interface."""

    kind: str
    tag: str
    to: str
    value: dict[str, Any]

    @property
    def is_of_text(self) -> bool:
        return self.kind == LABELS or self.kind in OTHER_REGIONS

    @property
    def labels(self) -> list[Any]:
        found = self.value.get(self.kind) or []
        return found if isinstance(found, list) else [found]

    @property
    def quoted(self) -> Quoted | None:
        """None where its offsets are none of characters, as those of sound are."""
        start, end = (_whole(self.value.get(name)) for name in ("start", "end"))
        said = self.value.get("text")
        if start is None or end is None:
            return None
        return Quoted(((start, end),), said if isinstance(said, str) else None)


@dataclass
class Answer:
    """What one annotator said."""

    annotator: str
    regions: list[Region]
    ground_truth: bool = False


@dataclass
class Record:
    """A task. data: what it shows. skipped: how many annotators did. predictions: how many there
    are. minimal: whether it is of JSON-MIN, which has a record for each annotator."""

    line: int
    name: Any
    data: dict[str, Any]
    answers: list[Answer] = field(default_factory=list)
    skipped: int = 0
    predictions: int = 0
    remarks: list[str] = field(default_factory=list)
    minimal: bool = False

    @property
    def strings(self) -> dict[str, str]:
        """What may be its text."""
        return {key: value for key, value in self.data.items() if isinstance(value, str)}

    @property
    def regions(self) -> Iterator[Region]:
        """Those of texts, of all annotators."""
        for answer in self.answers:
            yield from (region for region in answer.regions if region.is_of_text)


def read_record(path: Path, line: int, record: Any) -> Record:
    """A record of either export. Raises FormatError for one that is none."""
    if not isinstance(record, dict):
        raise FormatError(path, line, "no task", MEND)
    if not isinstance(record.get("data"), dict):
        return _read_minimal(line, record)
    given = record.get("annotations", record.get("completions", [])) or []
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        mend = "Export the tasks with their annotations, as JSON"
        raise FormatError(path, line, "the annotations are not a list of objects", mend)
    found = Record(line, record.get("id"), record["data"])
    for one in given:
        regions = _regions(path, line, one)
        if one.get("was_cancelled"):
            found.skipped += 1
            continue
        truth = one.get("ground_truth") is True
        found.answers.append(Answer(_annotator(one.get("completed_by")), regions, truth))
    if found.answers and found.skipped:
        found.remarks.append(f"{found.skipped} of its annotators skipped it")
    drafts, predictions = record.get("drafts"), record.get("predictions")
    if isinstance(drafts, list) and drafts:
        found.remarks.append(f"{count(len(drafts), 'draft')} not read")
    found.predictions = len(predictions) if isinstance(predictions, list) else 0
    return found


def is_task(record: dict[str, Any]) -> bool:
    """Whether a record is a task, in either export."""
    if isinstance(record.get("data"), dict):
        return True
    lists = (value for value in record.values() if _are_regions(value))
    # Prodigy's spans, and Doccano's entities, have one "label".
    minimal = any(key.endswith(LABELS) for found in lists for one in found for key in one)
    return minimal or ("annotation_id" in record and "annotator" in record)


def _read_minimal(line: int, record: dict[str, Any]) -> Record:
    keys = [name for name, value in record.items() if _are_regions(value)]
    left = {*keys, *_MIN_KEYS, "id"}
    data = {key: value for key, value in record.items() if key not in left}
    found = Record(line, record.get("id"), data, minimal=True)
    if record.get("annotation_id", "") is None:  # nobody has annotated it
        return found
    regions = [Region(_kind(one), name, name, one) for name in keys for one in record[name]]
    found.answers.append(Answer(_annotator(record.get("annotator")), regions))
    return found


def _are_regions(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, dict) for one in value)
        and any("start" in one and "end" in one for one in value)
    )


def _kind(value: dict[str, Any]) -> str:
    """Of a region of JSON-MIN, which does not name its type."""
    kinds = (LABELS, *OTHER_REGIONS)
    named = next((kind for kind in kinds if kind in value), None)
    return named or next((key for key in value if key.endswith(LABELS)), LABELS)


def _regions(path: Path, line: int, annotation: dict[str, Any]) -> list[Region]:
    found = annotation.get("result") or []
    if not isinstance(found, list):
        raise FormatError(path, line, '"result" is not a list', MEND)
    return [_region(one if isinstance(one, dict) else {}) for one in found]


def _region(result: dict[str, Any]) -> Region:
    kind, tag, to = (str(result.get(name)) for name in ("type", "from_name", "to_name"))
    value = result.get("value")
    if isinstance(value, dict):
        return Region(kind, tag, to, value)
    return Region(f"{kind} without a value" if kind == LABELS else kind, tag, to, {})


def _annotator(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("email") or value.get("id")
    return "unknown" if value is None else str(value)


def _whole(value: Any) -> int | None:
    """Label Studio writes offsets as numbers; by its documents they may be strings."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 19:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
