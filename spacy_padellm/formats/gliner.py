"""The training data of GLiNER: {"tokenized_text": [...], "ner": [[first, last, label], ...]}.

first and last count tokens, the last one included. A file is one JSON array, or JSON lines. Where
"ner_labels" or "ner_negatives" stand there, too, only these and the labels of the entities were
looked for.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..plurals import count
from .annotated_text import AnnotatedText, FormatError, Problem, annotate
from .detokenize import join_tokens, search_tokens
from .json_records import read_records, write_json_file
from .token_spans import TokenSpans

_MEND = 'A record is {"tokenized_text": [...], "ner": [[first, last, label], ...]}'
_LABELS = ("ner_labels", "ner_label", "label", "ner_negatives", "negatives")  # of any version
_OWN = ("tokenized_text", "ner", "text", "meta")


def read(path: Path, problems: list[Problem] | None = None) -> Iterator[AnnotatedText]:
    """The texts of a file, tokens joined by blanks unless a record has its "text", too. Entities
    beyond the tokens, and a "text" of other tokens, are added to `problems`. Raises FormatError for
    what is no such record."""
    problems = [] if problems is None else problems
    for line, record in read_records(path):
        tokens, entities = _checked(path, line, record)
        text, places = join_tokens(tokens)
        given = record.get("text")
        found = search_tokens(given, tokens) if isinstance(given, str) else None
        if isinstance(given, str) and found is not None:
            text, places = given, found
        bare = AnnotatedText(text, file=str(path), line=line)
        if given is not None and found is None:
            reason = 'its "text" is not made of its tokens, which are joined instead'
            problems.append(bare.left_out(reason, lost=False))
        spans = []
        for first, last, label in entities:
            if not 0 <= first < len(tokens) or last >= len(tokens):
                reason = f"[{first}, {last}] is outside of the {count(len(tokens), 'token')}"
                problems.append(bare.problem((0, 0, label), reason, fault="outside"))
            elif last < first:
                reason = f"[{first}, {last}] ends before it begins"
                problems.append(bare.problem((0, 0, label), reason, fault="empty"))
            else:
                spans.append((places[first][0], places[last][1], label))
        labels, named = _looked_for(record, [label for _, _, label in entities])
        meta = {key: value for key, value in record.items() if key not in (*_OWN, *named)}
        own = record.get("meta")
        meta |= own if isinstance(own, dict) else {} if own is None else {"meta": own}
        yield replace(annotate(text, spans, places, meta, path, line, problems), labels=labels)


def write(
    path: Path, texts: Iterable[AnnotatedText], problems: list[Problem] | None = None
) -> None:
    """One JSON array, or JSON lines if the name ends in .jsonl. A text whose tokens are not joined
    by single blanks stands there as "text", too, and what else is known under "meta", both of which
    GLiNER passes over. Spans off the tokens are added to `problems`. Raises FormatError for a text
    that is not tokenised."""
    problems = [] if problems is None else problems
    write_json_file(path, (_record(text, problems) for text in texts))


def _checked(path: Path, line: int, record: Any) -> tuple[list[str], list[Any]]:
    if not isinstance(record, dict):
        raise FormatError(path, line, "no object", _MEND)
    tokens, entities = record.get("tokenized_text"), record.get("ner")
    if not isinstance(tokens, list) or not all(isinstance(t, str) and t for t in tokens):
        raise FormatError(path, line, '"tokenized_text" is not a list of tokens', _MEND)
    if not isinstance(entities, list):
        raise FormatError(path, line, '"ner" is not a list', _MEND)
    for entity in entities:
        match entity:
            case [int(), int(), str(label)] if label:
                continue
        raise FormatError(path, line, f"{json.dumps(entity)} is not an entity", _MEND)
    return tokens, entities


def _looked_for(
    record: dict[str, Any], found: list[str]
) -> tuple[tuple[str, ...] | None, list[str]]:
    """The labels, None for all, and the keys that name them. found: of the entities."""
    given = {key: record[key] for key in _LABELS if isinstance(record.get(key), list)}
    given = {k: v for k, v in given.items() if all(isinstance(one, str) and one for one in v)}
    labels = dict.fromkeys([label for names in given.values() for label in names] + found)
    return (tuple(labels) if any(given.values()) else None), list(given)


def _record(text: AnnotatedText, problems: list[Problem]) -> dict[str, Any]:
    tokens = TokenSpans(text)
    entities = []
    for start, end, label in text.spans:
        inside = tokens.on(start, end)
        if inside is None:
            reason = "is not on token boundaries"
            problems.append(text.problem((start, end, label), reason, off=True))
        else:
            entities.append([inside[0], inside[-1], label])
    record: dict[str, Any] = {"tokenized_text": tokens.strings, "ner": entities}
    if text.labels is not None:
        record["ner_labels"] = list(text.labels)
    if text.text != " ".join(tokens.strings):
        record["text"] = text.text
    return {**record, "meta": text.meta} if text.meta else record
