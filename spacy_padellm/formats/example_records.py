"""Texts with their mentions that are written by hand, to be shown to a model before each text.

A record has a text and, under one of these names, its mentions in the order of the text:

- "ents" or "spans": [[start, end, label], ...], or {"start", "end", "label"} each;
- "spans": [{"text", "is_entity", "label"}, ...], as spacy-llm's NER.v3 has them;
- "entities": {label: [string, ...]}, as its NER.v2 has them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import srsly

from .annotated_text import AnnotatedText, FormatError, Problem, annotate
from .annotation_tools import as_triple
from .conversion import Conversion
from .files import bare_suffix, read_text
from .guess import JSON_SUFFIXES, guess_input
from .json_records import read_records

MOST_EXAMPLES = 1000
_MEND = (
    'An example is {"text": ..., "ents": [[start, end, label], ...]}, {"text": ..., "spans": '
    '[{"text", "is_entity", "label"}, ...]} or {"text": ..., "entities": {label: [string, ...]}}'
)
_YAML = (".yml", ".yaml")
_KEYS = ("ents", "spans", "entities")
_OF_TOOLS = ("answer", "tokens", "error")  # of Prodigy, and of `padellm annotate`


def read_examples(given: Any) -> list[AnnotatedText]:
    """given: records in a list, a path, or a function without arguments that gives records, as
    spacy-llm's "spacy.FewShotReader.v1" makes one. A path is that of records in JSON, JSON lines or
    YAML, or of a corpus that `padellm convert` reads.

    Raises FormatError (a ValueError) for what is no example, for a mention that is not in its text,
    and for more texts than anyone could show; OSError for a file that cannot be read.
    """
    if callable(given):
        given = given()
    if isinstance(given, str | Path):
        read: Iterable[AnnotatedText] = _of_file(Path(given))
    elif isinstance(given, Iterable) and not isinstance(given, Mapping):
        read = (_read(record, "examples", i) for i, record in enumerate(given, 1))
    else:
        raise FormatError("examples", 0, f"{str(given)[:60]!r} is not a list, and no path", _MEND)
    found = list(islice(read, MOST_EXAMPLES + 1))
    if not found and isinstance(given, str | Path):
        raise FormatError(given, 0, "there is no text in it", _MEND)
    if len(found) > MOST_EXAMPLES:
        what = f"more than {MOST_EXAMPLES:,} texts"
        raise FormatError("examples", 0, what, "Give a few that show what is meant")
    for text in found:
        if not text.annotated or text.unknown:
            what = "the text is not annotated, or only in part"
            raise FormatError(text.file, text.line, what, "Annotate it whole, or leave it out")
        if not text.text.strip():
            raise FormatError(text.file, text.line, "the text is empty", "Leave it out")
    return found


def _of_file(path: Path) -> Iterator[AnnotatedText]:
    if not path.exists():
        raise FormatError(path, 0, "there is no such file", "Correct the path in `examples`")
    suffix = bare_suffix(path)
    records: Iterable[tuple[int, Any]] = ()
    if suffix in _YAML:
        records = enumerate(_yaml_records(path), 1)
    elif suffix in JSON_SUFFIXES:
        records = list(islice(read_records(path), MOST_EXAMPLES + 1))
        if not all(_is_example(record) for _, record in records):
            return _of_corpus(path)
    else:
        return _of_corpus(path)
    return (_read(record, path, line) for line, record in records)


def _of_corpus(path: Path) -> Iterator[AnnotatedText]:
    problems: list[Problem] = []
    for text in Conversion(problems=problems).read(path, guess_input(path)):
        _complain(problems)
        yield text
    _complain(problems)


def _complain(problems: Sequence[Problem]) -> None:
    lost = next((problem for problem in problems if problem.lost), None)
    if lost is not None:
        what = f"the mention {lost.string!r} {lost.reason}"
        raise FormatError(lost.file, lost.line, what, "Mend it, or leave the text out")


def _yaml_records(path: Path) -> list[Any]:
    try:
        found = srsly.yaml_loads(read_text(path))
    except Exception as error:  # whatever the YAML reader raises
        raise FormatError(path, 0, f"no YAML ({str(error)[:100]})", _MEND) from None
    if not isinstance(found, list):
        raise FormatError(path, 0, "no list of examples", _MEND)
    return found


def _is_example(record: Any) -> bool:
    """Whether a record is as the docstring of this module says, and no tool has added what its own
    reader heeds."""
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        return False
    return any(key in record for key in _KEYS) and not any(key in record for key in _OF_TOOLS)


def _read(record: Any, path: Path | str, line: int) -> AnnotatedText:
    """line: of a list, the number of the example."""
    if not isinstance(record, Mapping) or not isinstance(record.get("text"), str):
        raise FormatError(path, line, 'no object with "text"', _MEND)
    key = next((key for key in _KEYS if record.get(key) is not None), None)
    if key is None:
        raise FormatError(path, line, "the text has no mentions, not even an empty list", _MEND)
    text, given = record["text"], record[key]
    finder = _Finder(text, path, line)
    if isinstance(given, Mapping):
        spans = [span for label, strings in given.items() for span in finder.all(strings, label)]
    elif isinstance(given, list) and any(isinstance(s, Mapping) and "text" in s for s in given):
        spans = finder.reasoned(given)
    elif isinstance(given, list):
        spans = [as_triple(span) for span in given]
    else:
        raise FormatError(path, line, f"{key!r} is not a list", _MEND)
    problems: list[Problem] = []
    read = annotate(text, spans, path=path, line=line, problems=problems)
    _complain([problem for problem in problems if problem.reason != "is given twice"])
    return read


class _Finder:
    """Where strings stand in a text: the first time that one is listed, in its first place, then in
    the next."""

    def __init__(self, text: str, path: Path | str, line: int) -> None:
        self.text, self.path, self.line = text, path, line

    def all(self, strings: Any, label: str) -> list[Any]:
        """Of one label: a string that is there twice takes its next place."""
        if not isinstance(strings, list):
            raise FormatError(self.path, self.line, f"{label!r} has no list of strings", _MEND)
        reached: dict[str, int] = {}
        return [[*self._find(string, reached), label] for string in strings]

    def reasoned(self, records: Sequence[Any]) -> list[Any]:
        """Of all labels, and of what is not an entity, which is left out."""
        spans: list[Any] = []
        reached: dict[str, int] = {}
        for record in records:
            if not isinstance(record, Mapping) or "text" not in record:
                raise FormatError(self.path, self.line, f"{record!r} is not a span", _MEND)
            if not record.get("is_entity", True):
                continue
            spans.append([*self._find(record["text"], reached), record.get("label")])
        return spans

    def _find(self, string: Any, reached: dict[str, int]) -> tuple[int, int]:
        """The place of a string; reached: where each that was found before ends, which is noted."""
        if not isinstance(string, str) or not string:
            raise FormatError(self.path, self.line, f"{string!r} is not a mention", _MEND)
        start = self.text.find(string, reached.get(string, 0))
        if start < 0:
            what = f"the mention {string!r} is not in its text"
            if string in reached:
                what = f"the mention {string!r} is listed more often than it is in its text"
            raise FormatError(self.path, self.line, what, "Write it as it stands there")
        reached[string] = start + len(string)
        return start, reached[string]
