"""brat standoff: a text in NAME.txt, its annotations in NAME.ann beside it.

A line of NAME.ann is "T1<tab>PER 0 3<tab>Ada": label, characters, string. Relations, events,
attributes, normalizations and notes have lines of their own.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..atomic import write_whole
from .annotated_text import AnnotatedText, FormatError, Problem, annotate
from .files import BOM, read_lines, read_text
from .gold_text import Span

_SPAN = re.compile(r"(\S+) (\d{1,15} \d{1,15}(?:;\d{1,15} \d{1,15})*)")
_OTHERS = {
    "R": "relations",
    "E": "events",
    "A": "attributes",
    "M": "attributes",
    "N": "normalizations",
    "#": "notes",
    "*": "equivalences",
    "F": "frames",
}
_MEND = 'A line is an id, a tab, and what it says, such as "T1<tab>PER 0 3<tab>Ada"'


def read(path: Path, problems: list[Problem] | None = None) -> Iterator[AnnotatedText]:
    """The text of NAME.ann, or those of all in a folder, in the order of their names.

    Spans of several parts are left out and added to `problems`; there it is counted, too, what is
    no span. Raises FormatError for a text that is not there, and for a line of another kind.
    """
    problems = [] if problems is None else problems
    if not path.is_dir():
        yield _read(path.with_suffix(".ann"), problems)
        return
    for file in sorted(path.rglob("*.ann")):
        yield _read(file, problems)
    for file in sorted(path.rglob("*.txt")):
        if not file.with_suffix(".ann").exists():
            reason = f"has no {file.stem}.ann beside it, and is not read"
            where = (str(file), 0, None, None, "", "", "")
            problems.append(Problem(*where, reason, False, "file"))


def write(path: Path, texts: Iterable[AnnotatedText]) -> None:
    """NAME.txt and NAME.ann; of several texts NAME-1.ann, NAME-2.ann and so on.

    Raises FormatError for a label with white space, which brat has no form for, for a text that
    begins with a byte order mark, and for a folder with files of such names that would remain.
    """
    texts = list(texts)
    width = len(str(len(texts)))
    names = [f"{path.stem}-{i:0{width}}" for i in range(1, len(texts) + 1)]
    names = names if len(texts) != 1 else [path.stem]
    numbered = re.compile(re.escape(path.stem) + r"(-\d+)?\.ann")
    present = {file.name for file in path.parent.glob("*.ann") if numbered.fullmatch(file.name)}
    if left := sorted(present - {f"{name}.ann" for name in names}):
        what = f"{path.parent} holds {left[0]}, of an earlier conversion, which would be read again"
        raise FormatError(path, 0, what, "Remove it, or write to another folder or name")
    files = [
        (name, text, "".join(_lines(path, text))) for name, text in zip(names, texts, strict=True)
    ]
    for name, text, annotations in files:
        write_whole(path.with_name(f"{name}.txt"), text.text.encode("utf8"))
        write_whole(path.with_name(f"{name}.ann"), annotations.encode("utf8"))


def _read(path: Path, problems: list[Problem]) -> AnnotatedText:
    beside = path.with_suffix(".txt")
    if not path.exists():
        raise FormatError(path, 0, "there is no such file", f"Put it beside {beside.name}")
    if not beside.exists():
        mend = "Put the text beside it, under the same name"
        raise FormatError(path, 0, f"there is no {beside.name}", mend)
    text = read_text(beside)
    bare = AnnotatedText(text, file=str(path), line=1)
    others: Counter[str] = Counter()
    spans: list[Span] = []
    lines: list[int] = []
    strings: list[str] = []
    triggers: set[str] = set()
    ids: dict[str, int] = {}
    for number, line in read_lines(path):
        if not line.strip():
            continue
        name, tab, rest = line.partition("\t")
        if not tab:
            raise FormatError(path, number, f"{line[:60]!r} is no annotation", _MEND)
        if name[:1] == "E":
            triggers.add(rest.split(" ")[0].rpartition(":")[2].strip())
        if name[:1] != "T":
            if name[:1] not in _OTHERS:
                raise FormatError(path, number, f"{name[:20]!r} is no id of brat", _MEND)
            others[_OTHERS[name[:1]]] += 1
            continue
        said, _, string = rest.partition("\t")
        match = _SPAN.fullmatch(said)
        if not match:
            raise FormatError(path, number, f"{said[:60]!r} is no span", _MEND)
        label, parts = match[1], [[int(n) for n in p.split(" ")] for p in match[2].split(";")]
        if len(parts) > 1:
            reason = f"has {len(parts)} parts that are apart, which no span of a Doc can have"
            span = (parts[0][0], parts[-1][1], label)
            problems.append(_at(bare, number).problem(span, reason))
            continue
        ids[name] = len(spans)
        spans.append((parts[0][0], parts[0][1], label))
        lines.append(number)
        strings.append(string)
    problems += _remarks(bare, others)
    for i, span in enumerate(spans):
        here = text[span[0] : span[1]]
        if strings[i] and here.split() != strings[i].split() and span[1] <= len(text):
            reason = f"is {strings[i][:40]!r} by its line: does it belong to another text?"
            problems.append(_at(bare, lines[i]).problem(span, reason, lost=False))
    for name in sorted(triggers & set(ids)):
        i = ids[name]
        reason = "is the trigger of an event, and read as a span"
        problems.append(_at(bare, lines[i]).problem(spans[i], reason, lost=False))
    meta: dict[str, Any] = {"id": path.stem}
    return annotate(text, spans, None, meta, path, 1, problems, lines)


def _at(bare: AnnotatedText, line: int) -> AnnotatedText:
    return AnnotatedText(bare.text, file=bare.file, line=line)


def _remarks(bare: AnnotatedText, others: Counter[str]) -> list[Problem]:
    if not others:
        return []
    counts = ", ".join(f"{n} {kind}" for kind, n in others.items())
    return [bare.left_out(f"has {counts}, which are no spans and are not read", lost=False)]


def _lines(path: Path, text: AnnotatedText) -> Iterator[str]:
    where = (text.file or path, text.line)
    if text.text.startswith(BOM):
        raise FormatError(*where, "the text begins with a byte order mark", "Remove it")
    for i, (start, end, label) in enumerate(text.spans, 1):
        if re.search(r"\s", label):
            what = f"the label {label!r} holds white space, which brat does not take"
            raise FormatError(*where, what, "Name it otherwise with --labels-map")
        string = re.sub(r"\s", " ", text.text[start:end])
        yield f"T{i}\t{label} {start} {end}\t{string}\n"
