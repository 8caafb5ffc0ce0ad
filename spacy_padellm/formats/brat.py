"""brat standoff: a text in NAME.txt, its annotations in NAME.ann beside it.

A line of NAME.ann is "T1<tab>PER 0 3<tab>Ada": label, characters, string. Relations, events,
attributes, normalizations and notes have lines of their own.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from ..plurals import count
from .annotated_text import AnnotatedText, FormatError, Problem, annotate
from .files import BOM, read_lines, read_text
from .gold_text import Place, Span
from .quoted_spans import Quoted, Settled, counts, settle

_SPAN = re.compile(r"(\S+) (\d{1,15} \d{1,15}(?:;\d{1,15} \d{1,15})*)")
_OTHERS = {
    "R": "relation",
    "E": "event",
    "A": "attribute",
    "M": "attribute",
    "N": "normalization",
    "#": "note",
    "*": "equivalence",
    "F": "frame",
}
_MEND = 'A line is an id, a tab, and what it says, such as "T1<tab>PER 0 3<tab>Ada"'


def read(path: Path, problems: list[Problem] | None = None) -> Iterator[AnnotatedText]:
    """The text of NAME.ann, or those of all in a folder, in the order of their names.

    Spans of parts that are apart, and those whose string is another than that of the text, are left
    out and added to `problems`, with how many other annotations there are, and which files are
    empty. Raises FormatError for a text that is not there, and for a line of another kind.
    """
    problems = [] if problems is None else problems
    if not path.is_dir():
        yield _read(path.with_suffix(".ann"), path.stem, problems)
        return
    for file in sorted(path.rglob("*.ann")):
        yield _read(file, file.relative_to(path).with_suffix("").as_posix(), problems)
    for file in sorted(path.rglob("*.txt")):
        if not file.with_suffix(".ann").exists():
            reason = f"has no {file.stem}.ann beside it, and is not read"
            where = (str(file), 0, None, None, "", "", "")
            problems.append(Problem(*where, reason, False, "file"))


@dataclass
class _Annotations:
    """The lines of NAME.ann. spans: (id, label, line, what it covers). triggers: ids of spans that
    are such of an event. others: how many lines of each other kind."""

    spans: list[tuple[str, str, int, Quoted]] = field(default_factory=list)
    triggers: set[str] = field(default_factory=set)
    others: Counter[str] = field(default_factory=Counter)


def _read(path: Path, name: str, problems: list[Problem]) -> AnnotatedText:
    """name: what the text is called in its meta."""
    beside = path.with_suffix(".txt")
    if not path.exists():
        raise FormatError(path, 0, "there is no such file", f"Put it beside {beside.name}")
    if not beside.exists():
        mend = "Put the text beside it, under the same name"
        raise FormatError(path, 0, f"there is no {beside.name}", mend)
    given = read_text(beside, keep_mark=True)
    text = given.lstrip(BOM)
    # brat counts a byte order mark; others read it away.
    marks = len(given) - len(text)
    ways = [way for shift in dict.fromkeys((marks, 0)) for way in counts(text, shift)]
    said = _annotations(path)
    bare = AnnotatedText(text, file=str(path), line=1)
    problems += _remarks(bare, said)
    spans: list[Span] = []
    lines: list[int] = []
    joined = 0
    settled = settle(text, [quoted for *_, quoted in said.spans], ways)
    for (key, label, line, _), found in zip(said.spans, settled, strict=True):
        at = AnnotatedText(text, file=str(path), line=line)
        parts = sorted(found.parts)
        span = (parts[0][0], parts[-1][1], label)
        reason = _why_lost(text, parts, found)
        if reason:
            problems.append(at.problem(span, reason, fault="absent" if found.lost else ""))
            continue
        joined += len(parts) > 1
        spans.append(span)
        lines.append(line)
        remarks = [found.remark] if found.remark else []
        if key in said.triggers:
            remarks.append("is the trigger of an event, and read as a span")
        problems += [at.problem(span, remark, lost=False) for remark in remarks]
    if joined:
        reason = f"has {count(joined, 'span')} in parts with white space between them: joined"
        problems.append(bare.left_out(reason, lost=False))
    return annotate(text, spans, None, {"id": name}, path, 1, problems, lines)


def _annotations(path: Path) -> _Annotations:
    """Raises FormatError for a line of another kind."""
    found = _Annotations()
    for number, line in read_lines(path):
        if not line.strip():
            continue
        name, tab, rest = line.partition("\t")
        if not tab:
            raise FormatError(path, number, f"{line[:60]!r} is not an annotation", _MEND)
        if name[:1] == "E":
            found.triggers.add(rest.split(" ")[0].rpartition(":")[2].strip())
        if name[:1] != "T":
            if name[:1] not in _OTHERS:
                raise FormatError(path, number, f"{name[:20]!r} is not an id of brat", _MEND)
            found.others[_OTHERS[name[:1]]] += 1
            continue
        said, _, tail = rest.partition("\t")
        match = _SPAN.fullmatch(said)
        if not match:
            raise FormatError(path, number, f"{said[:60]!r} is not a span", _MEND)
        pairs = (part.split(" ") for part in match[2].split(";"))
        parts = tuple((int(start), int(end)) for start, end in pairs)
        string = tail.partition("\t")[0]  # brat lets more follow
        found.spans.append((name, match[1], number, Quoted(parts, string or None)))
    return found


def _why_lost(text: str, parts: list[Place], found: Settled) -> str:
    """Why a span cannot be kept; "" where it can, as far as its string and its parts go."""
    if found.lost:
        return found.remark
    if parts[-1][1] > len(text):
        return ""  # as any other span that is not in its text
    gaps = (text[before[1] : after[0]] for before, after in pairwise(parts))
    if any(gap.strip() for gap in gaps):
        return f"has {len(parts)} parts that are apart, which no span of a Doc can have"
    return ""


def _remarks(bare: AnnotatedText, said: _Annotations) -> list[Problem]:
    remarks = []
    if said.others:
        counted = ", ".join(count(n, kind) for kind, n in said.others.items())
        remarks.append(f"has {counted}: not read, since only spans are")
    elif not said.spans:
        remarks.append("is empty, as before anyone annotates: read as a text without entities")
    return [bare.left_out(remark, lost=False) for remark in remarks]
