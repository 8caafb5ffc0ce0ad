"""The JSON lines of the PaDeLLM-NER release, `ner_data/*`.

A line is ["text", [first, last, "mention", "label"], ...]. What first and last count differs from
set to set: tokens between blanks with the last one included (CoNLL03) or excluded (GENIA), or
characters with the last one included (the Chinese sets). Which it is, is told from the mentions.

Source: https://github.com/GeorgeLuImmortal/PaDeLLM_NER
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args

from .annotated_text import AnnotatedText, FormatError, Problem, annotate
from .gold_text import Place
from .json_records import read_records, write_records
from .offset_units import fit_other_units

Indices = Literal["tokens", "tokens_exclusive", "characters"]
INDICES: tuple[Indices, ...] = get_args(Indices)
_TOKEN = re.compile(r"[^ ]+")
_MEND = 'A line is ["text", [first, last, "mention", "label"], ...]'


def read(
    path: Path, problems: list[Problem] | None = None, indices: Indices | None = None
) -> Iterator[AnnotatedText]:
    """The texts of a file.

    indices: how the mentions are counted, None to tell it from the file. A mention that the counts
    do not give is searched for, if it occurs in the text once; otherwise it is left out and added
    to `problems`. Raises FormatError for a line that is not such a list.
    """
    problems = [] if problems is None else problems
    rows = [(line, *_checked(path, line, record)) for line, record in read_records(path)]
    order = [indices] if indices else _likeliest((text, row) for _, text, row in rows)
    for line, text, mentions in rows:
        tokens = _tokens(text)
        spans = []
        for mention in mentions:
            place = _find(text, tokens, mention, order)
            if place:
                spans.append((*place, mention[3]))
            else:
                first, last, string, label = mention
                reason = f"the mention is not where the indices {first}, {last} say"
                reason += _other_unit(text, mention)
                where = (str(path), line, None, None)
                problems.append(Problem(*where, label, string, text[:40], reason, fault="absent"))
        yield annotate(text, spans, None, None, path, line, problems)


def write(path: Path, texts: Iterable[AnnotatedText], indices: Indices | None = None) -> None:
    """One line a text. The format has no place for tokens and meta.

    indices: None for tokens if every span lies on tokens between blanks, otherwise characters.
    Raises FormatError if "tokens" is asked for and a span does not.
    """
    texts = list(texts)
    if indices is None:
        indices = "characters" if any(_off_tokens(text) for text in texts) else "tokens"
    records = []
    for text in texts:
        off = _off_tokens(text) if indices != "characters" else None
        if off:
            what = f"{text.text[off[0] : off[1]]!r} does not begin and end at a blank"
            mend = "Count characters instead, with {paper_indices}"
            raise FormatError(text.file or path, text.line, what, mend, ("paper_indices",))
        tokens = _tokens(text.text)
        starts = {start: i for i, (start, _) in enumerate(tokens)}
        ends = {end: i for i, (_, end) in enumerate(tokens)}
        record: list[Any] = [text.text]
        for start, end, label in text.spans:
            if indices == "characters":
                first, last = start, end - 1
            else:
                first, last = starts[start], ends[end] + (indices == "tokens_exclusive")
            record.append([first, last, text.text[start:end], label])
        records.append(record)
    write_records(path, records)


def _checked(path: Path, line: int, record: Any) -> tuple[str, list[Any]]:
    match record:
        case [str(text), *mentions]:
            for mention in mentions:
                match mention:
                    case [int(), int(), str(string), str(label)] if string and label:
                        continue
                raise FormatError(path, line, f"{mention!r} is not a mention", _MEND)
            return text, mentions
    raise FormatError(path, line, "no list that begins with a text", _MEND)


def _likeliest(rows: Iterable[tuple[str, list[Any]]]) -> list[Indices]:
    """All ways to count, that which fits the most mentions first."""
    votes: Counter[Indices] = Counter()
    for text, mentions in rows:
        tokens = _tokens(text)
        for mention in mentions:
            votes.update(way for way in INDICES if _place(text, tokens, mention, way))
    return sorted(INDICES, key=lambda way: (-votes[way], INDICES.index(way)))


def _find(text: str, tokens: list[Place], mention: list[Any], order: list[Indices]) -> Place | None:
    for way in order:
        place = _place(text, tokens, mention, way)
        if place:
            return place
    string = mention[2]
    start = text.find(string)
    if start >= 0 and text.find(string, start + 1) < 0:
        return start, start + len(string)
    return None


def _other_unit(text: str, mention: list[Any]) -> str:
    """Said of indices that give the mention when they are not counted in characters."""
    fit = fit_other_units(text, [(mention[0], mention[1] + 1)])
    place = fit[1][0] if fit else None
    if fit is None or place is None or text[place[0] : place[1]] != mention[2]:
        return ""
    return f"; they seem to be counted in {fit[0]}: give characters (code points)"


def _place(text: str, tokens: list[Place], mention: list[Any], way: Indices) -> Place | None:
    """Characters of a mention counted that way, None if its string is not there."""
    first, last, string, _ = mention
    if way == "tokens_exclusive":
        last -= 1
    if not 0 <= first <= last:
        return None
    if way == "characters":
        start, end = first, last + 1
    elif last < len(tokens):
        start, end = tokens[first][0], tokens[last][1]
    else:
        return None
    return (start, end) if text[start:end] == string else None


def _tokens(text: str) -> list[Place]:
    return [match.span() for match in _TOKEN.finditer(text)]


def _off_tokens(text: AnnotatedText) -> Place | None:
    """A span that does not begin and end at a blank."""
    tokens = _tokens(text.text)
    starts, ends = {start for start, _ in tokens}, {end for _, end in tokens}
    return next(((s, e) for s, e, _ in text.spans if s not in starts or e not in ends), None)
