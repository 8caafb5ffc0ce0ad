"""Texts as the pairs of files that brat opens."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..atomic import write_whole
from .annotated_text import AnnotatedText, FormatError, Problem
from .files import BOM
from .gold_text import Place, Span

# brat makes a part of each line, and of each stretch without tabs. It reads lines as Python does.
_PIECE = re.compile(r"[^\t\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")


def write(
    path: Path, texts: Iterable[AnnotatedText], problems: list[Problem] | None = None
) -> None:
    """NAME.txt and NAME.ann; of several texts NAME-1.ann, NAME-2.ann and so on.

    A span over a line end or a tab is written in parts, as brat does. One that begins or ends with
    such is written without it, and one of white space alone is left out; both are added to
    `problems`. Raises FormatError for a label with white space, which brat has no form for, for a
    text that begins with a byte order mark, for files that the texts were read from or that are no
    earlier conversion, and for a folder with files of such names that would remain.
    """
    problems = [] if problems is None else problems
    texts = list(texts)
    names = _names(path, len(texts))
    _check_place(path, names, texts)
    files = [
        (name, text, "".join(_lines(path, text, problems)))
        for name, text in zip(names, texts, strict=True)
    ]
    for name, text, annotations in files:
        write_whole(path.with_name(f"{name}.txt"), text.text.encode("utf8"))
        write_whole(path.with_name(f"{name}.ann"), annotations.encode("utf8"))


def may_meet(one: Path, other: Path) -> bool:
    """Whether the files of two outputs may have the same names: NAME.ann, and NAME-1.ann."""
    stems = sorted((one.stem, other.stem), key=len)
    numbered = re.fullmatch(re.escape(stems[0]) + r"-\d+", stems[1])
    return one.parent == other.parent and (stems[0] == stems[1] or numbered is not None)


def _names(path: Path, number: int) -> list[str]:
    if number == 1:
        return [path.stem]
    width = len(str(number))
    return [f"{path.stem}-{i:0{width}}" for i in range(1, number + 1)]


def _check_place(path: Path, names: Sequence[str], texts: Sequence[AnnotatedText]) -> None:
    present = {
        file.name
        for file in path.parent.glob("*.ann")
        if may_meet(file, path) and len(file.stem) >= len(path.stem)
    }
    if left := sorted(present - {f"{name}.ann" for name in names}):
        what = f"{path.parent} holds {left[0]}, of an earlier conversion, which would be read again"
        raise FormatError(path, 0, what, "Remove it, or write to another folder or name")
    read = {Path(file).resolve() for file in {text.file for text in texts if text.file}}
    for name in names:
        files = [path.with_name(f"{name}{suffix}") for suffix in (".txt", ".ann")]
        if any(file.resolve() in read for file in files):
            what = f"{name}.ann and {name}.txt would replace what is read"
            raise FormatError(path, 0, what, "Give another OUTPUT")
        if files[0].exists() and not files[1].exists():
            what = f"{files[0]} is there, without an .ann, and would be replaced"
            raise FormatError(path, 0, what, "Move it away, or give another OUTPUT")


def _lines(path: Path, text: AnnotatedText, problems: list[Problem]) -> Iterator[str]:
    where = (text.file or path, text.line)
    if text.text.startswith(BOM):
        raise FormatError(*where, "the text begins with a byte order mark", "Remove it")
    number = 0
    for span in text.spans:
        start, end, label = span
        if re.search(r"\s", label):
            what = f"the label {label!r} holds white space, which brat does not take"
            raise FormatError(*where, what, "Rename it with {labels_map}", ("labels_map",))
        parts = _parts(text.text, span)
        if not parts:
            problems.append(text.problem(span, "is white space alone"))
            continue
        if (parts[0][0], parts[-1][1]) != (start, end):
            reason = "begins or ends in white space with a line end or tab, and is written without"
            problems.append(text.problem(span, reason, lost=False))
        number += 1
        offsets = ";".join(f"{first} {last}" for first, last in parts)
        string = " ".join(text.text[first:last] for first, last in parts)
        yield f"T{number}\t{label} {offsets}\t{string}\n"


def _parts(text: str, span: Span) -> list[Place]:
    """The pieces of a span between line ends and tabs that hold more than white space."""
    pieces = _PIECE.finditer(text, span[0], span[1])
    return [piece.span() for piece in pieces if piece[0].strip()]
