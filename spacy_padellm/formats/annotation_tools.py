"""Exports of annotation tools: Prodigy's and Doccano's spans.

Prodigy: {"text", "spans": [{"start", "end", "label"}], "tokens": [{"start", "end"}], "answer"}.
Doccano: {"text", "label": [[start, end, label]]}, with the name "labels" in older versions, or
"entities": [{"start_offset", "end_offset", "label"}] where relations are annotated too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from .annotated_text import AnnotatedText, FormatError, Problem, annotate
from .gold_text import Place
from .json_records import read_records, write_records

SPAN_KEYS = ("spans", "entities", "label", "labels")
# What doccano's records say themselves, and the reader heeds.
KEYS = ("text", *SPAN_KEYS, "answer", "tokens", "_is_binary", "_view_id")
_TOKEN_KEYS = ("text", "start", "end", "id", "ws")
# What Prodigy's records say themselves, beside keys that begin with "_".
_OF_PRODIGY = ("text", "spans", "answer", "tokens", "meta", "relations")


def read(path: Path, problems: list[Problem] | None = None) -> Iterator[AnnotatedText]:
    """The texts of a Prodigy or Doccano export, JSON lines or one JSON array.

    Texts answered "reject" or "ignore" in Prodigy are no gold data: they are left out and added
    to `problems`. Of a text without spans (none, or null) and without an answer, which is a task
    to be done, nothing is known; of one whose suggested spans were accepted as they are (a binary
    answer), nothing but these spans. Raises FormatError for a record without text or spans.
    """
    problems = [] if problems is None else problems
    for line, record in read_records(path):
        if not isinstance(record, dict) or "text" not in record:
            raise FormatError(path, line, 'no object with "text"', 'Give each record a "text"')
        present = [key for key in SPAN_KEYS if key in record]
        key = next((key for key in present if record[key]), next(iter(present), None))
        # Prodigy leaves "spans" out of a text that was accepted without any.
        if key is None and "answer" not in record and "tokens" not in record:
            mend = f"Name the spans one of {', '.join(SPAN_KEYS)}; without any, write an empty list"
            raise FormatError(path, line, "no spans", mend)
        spans = record.get(key or "spans") or []
        if not isinstance(spans, list):
            raise FormatError(
                path, line, f'"{key}" is not a list', 'Without spans write "spans": []'
            )
        answer = record.get("answer", "accept")
        if answer != "accept":
            bare = annotate(record["text"], [], path=path, line=line)
            reason = f"the text is answered {answer!r}, not 'accept'"
            problems.append(bare.left_out(reason, lost=False))
            continue
        tokens = _tokens(path, line, record)
        triples = [as_triple(span) for span in spans]
        if key in (None, "spans") and record.get("relations"):  # of others they are meta
            bare = annotate(record["text"], [], path=path, line=line)
            problems.append(bare.left_out("its relations are not read", lost=False))
        text = annotate(record["text"], triples, tokens, _meta(record, key), path, line, problems)
        for other in present:
            if other != key and isinstance(record[other], list) and record[other]:
                reason = f'its "{other}" is not read, as "{key}" has its spans'
                problems.append(text.left_out(reason, lost=record[other] != record[key or ""]))
        if "answer" not in record and record.get(key or "spans") is None:
            yield text.without_annotation()
            continue
        if record.get("_is_binary") is True or record.get("_view_id") == "ner":
            reason = "a binary answer: nothing is known of the text beside its spans"
            problems.append(text.left_out(reason, lost=False))
            yield replace(text, unknown=_outside(text)) if text.spans else text.without_annotation()
            continue
        yield text


def write_prodigy(path: Path, texts: Iterable[AnnotatedText]) -> None:
    """Records as Prodigy reads them; tokens where the text has them."""
    write_records(path, map(_prodigy_record, texts))


def write_doccano(path: Path, texts: Iterable[AnnotatedText]) -> None:
    """Records as Doccano reads them for sequence labelling. What a text has in its meta under
    `KEYS` would be taken for what Doccano says, and is left out."""
    write_records(path, map(_doccano_record, texts))


def as_triple(span: Any) -> Any:
    """[start, end, label] of a span in any spelling; anything else as it is."""
    if isinstance(span, dict):
        start, end = ("start_offset", "end_offset") if "start_offset" in span else ("start", "end")
        return [span.get(start), span.get(end), span.get("label")]
    return span


def _outside(text: AnnotatedText) -> tuple[Place, ...]:
    """What lies before, between and behind the spans."""
    places, reached = [], 0
    for start, end, _ in text.spans:
        if start > reached:
            places.append((reached, start))
        reached = max(reached, end)
    return (*places, (reached, len(text.text))) if reached < len(text.text) else tuple(places)


def _meta(record: dict, key: str | None) -> dict[str, Any]:
    if key == "spans" or key is None:
        others = {
            name: value
            for name, value in record.items()
            if name not in (*_OF_PRODIGY, *SPAN_KEYS) and not name.startswith("_")
        }
        meta = record.get("meta", {})
        return others | (meta if isinstance(meta, dict) else {"meta": meta})
    return {name: value for name, value in record.items() if name not in ("text", key)}


def _tokens(path: Path, line: int, record: dict) -> list[Place] | None:
    tokens = record.get("tokens")
    if not isinstance(tokens, list) or not tokens or not isinstance(record.get("text"), str):
        return None
    places = []
    reached = 0
    for token in tokens:
        match token:
            case {"start": int(start), "end": int(end)} if reached <= start < end:
                places.append((start, end))
                reached = end
            case _:
                mend = 'Give each token "start" and "end" in characters, or leave "tokens" out'
                raise FormatError(path, line, f"{token!r} is not a token after {reached}", mend)
    if reached > len(record["text"]):
        what = f"the last token ends at {reached}, beyond the text"
        raise FormatError(path, line, what, 'Mend or leave out "tokens"')
    return places


def _doccano_record(text: AnnotatedText) -> dict[str, Any]:
    meta = {key: value for key, value in text.meta.items() if key not in KEYS}
    return {**meta, "text": text.text, "label": [*map(list, text.spans)]}


def _prodigy_record(text: AnnotatedText) -> dict[str, Any]:
    record: dict[str, Any] = {"text": text.text}
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    if text.tokens is not None:
        rows = []
        for i, (start, end) in enumerate(text.tokens):
            values = (text.text[start:end], start, end, i, text.text[end : end + 1] == " ")
            rows.append(dict(zip(_TOKEN_KEYS, values, strict=True)))
            starts[start], ends[end] = i, i
        record["tokens"] = rows
    record["spans"] = []
    for start, end, label in text.spans:
        span: dict[str, Any] = {"start": start, "end": end, "label": label}
        if start in starts and end in ends:
            span |= {"token_start": starts[start], "token_end": ends[end]}
        record["spans"].append(span)
    record["answer"] = "accept"
    if text.meta:
        record["meta"] = text.meta
    return record
