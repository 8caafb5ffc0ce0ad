"""The training data of GLiNER: {"tokenized_text": [...], "ner": [[first, last, label], ...]}.

first and last count tokens, the last one included. A file is one JSON array, or JSON lines.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .annotated_text import AnnotatedText, FormatError, Problem, annotate
from .detokenize import join_tokens, search_tokens
from .gold_text import Place
from .json_records import read_records, write_json_file

_MEND = 'A record is {"tokenized_text": [...], "ner": [[first, last, label], ...]}'
_OWN = ("tokenized_text", "ner", "text")


def read(path: Path, problems: list[Problem] | None = None) -> Iterator[AnnotatedText]:
    """The texts of a file, tokens joined by blanks unless a record has its "text", too. Entities
    beyond the tokens are added to `problems`. Raises FormatError for what is no such record."""
    problems = [] if problems is None else problems
    for line, record in read_records(path):
        tokens, entities = _checked(path, line, record)
        text, places = join_tokens(tokens)
        given = record.get("text")
        if isinstance(given, str) and (found := search_tokens(given, tokens)) is not None:
            text, places = given, found
        meta = {key: value for key, value in record.items() if key not in _OWN}
        bare = AnnotatedText(text, file=str(path), line=line)
        spans = []
        for first, last, label in entities:
            if not 0 <= first < len(tokens) or last >= len(tokens):
                reason = f"[{first}, {last}] is outside of the {len(tokens)} tokens"
                problems.append(bare.problem((0, 0, label), reason))
            elif last < first:
                reason = f"[{first}, {last}] ends before it begins"
                problems.append(bare.problem((0, 0, label), reason))
            else:
                spans.append((places[first][0], places[last][1], label))
        yield annotate(text, spans, places, meta, path, line, problems)


def write(
    path: Path, texts: Iterable[AnnotatedText], problems: list[Problem] | None = None
) -> None:
    """One JSON array, or JSON lines if the name ends in .jsonl. A text whose tokens are not joined
    by single blanks stands there as "text", too, which GLiNER passes over. Spans off the tokens are
    added to `problems`. Raises FormatError for a text that is not tokenised."""
    problems = [] if problems is None else problems
    write_json_file(path, (_record(text, problems) for text in texts))


def _checked(path: Path, line: int, record: Any) -> tuple[list[str], list[Any]]:
    if not isinstance(record, dict):
        raise FormatError(path, line, "no object", _MEND)
    tokens, entities = record.get("tokenized_text"), record.get("ner")
    if not isinstance(tokens, list) or not all(isinstance(t, str) and t for t in tokens):
        raise FormatError(path, line, '"tokenized_text" is no list of tokens', _MEND)
    if not isinstance(entities, list):
        raise FormatError(path, line, '"ner" is no list', _MEND)
    for entity in entities:
        match entity:
            case [int(), int(), str(label)] if label:
                continue
        raise FormatError(path, line, f"{json.dumps(entity)} is no entity", _MEND)
    return tokens, entities


def _record(text: AnnotatedText, problems: list[Problem]) -> dict[str, Any]:
    if text.tokens is None:
        what = f"the text {text.text[:40]!r} has no tokens"
        raise FormatError(text.file, text.line, what, "Tokenise it, for example by way of .spacy")
    places = [place for place in text.tokens if text.text[slice(*place)].strip()]
    entities = []
    for span in text.spans:
        inside = tokens_of(places, span[0], span[1])
        if inside is None:
            problems.append(text.problem(span, "is not on token boundaries"))
        else:
            entities.append([*inside, span[2]])
    tokens = [text.text[start:end] for start, end in places]
    record: dict[str, Any] = {**text.meta, "tokenized_text": tokens, "ner": entities}
    if text.text != " ".join(tokens):
        record["text"] = text.text
    return record


def tokens_of(places: Iterable[Place], start: int, end: int) -> tuple[int, int] | None:
    """The first and the last token of a span; None where it is not on their boundaries."""
    starts, ends = {}, {}
    for i, (begin, stop) in enumerate(places):
        starts[begin], ends[stop] = i, i
    return (starts[start], ends[end]) if start in starts and end in ends else None
