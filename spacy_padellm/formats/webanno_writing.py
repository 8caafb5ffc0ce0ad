"""Texts as WebAnno TSV 3.3: a sentence each, with one layer of named entities."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from .annotated_text import AnnotatedText, Problem
from .files import write_lines
from .gold_text import Place, Span
from .offset_units import utf16_offsets
from .token_spans import TokenSpans
from .webanno import FORMAT
from .webanno_cells import escape_value
from .webanno_escapes import escape_text, escape_token

_NAMED_ENTITY = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"


def write(
    path: Path, texts: Iterable[AnnotatedText], problems: list[Problem] | None = None
) -> None:
    """Spans that part a token are written of a part of it. INCEpTION lets a sentence begin with a
    token: white space around a text is left out, and so is a text of nothing else. These, and spans
    that begin or end in white space, are added to `problems`. Raises FormatError for a text that is
    not tokenised."""
    write_lines(path, _lines(texts, [] if problems is None else problems))


def _lines(texts: Iterable[AnnotatedText], problems: list[Problem]) -> Iterator[str]:
    yield f"{FORMAT}.3"
    yield f"#T_SP={_NAMED_ENTITY}|identifier|value"
    yield ""
    begin = last_id = number = 0
    for text in texts:
        tokens = TokenSpans(text)
        if not tokens.places:
            problems.append(text.left_out("the text has no characters to write"))
            continue
        number += 1
        first, last = tokens.places[0][0], tokens.places[-1][1]
        if (first, last) != (0, len(text.text)):
            reason = "a sentence of INCEpTION begins and ends with a token"
            problems.append(text.respaced(text.text[first:last], reason))
        covered: dict[Place, list[Span]] = {}
        units: dict[Span, list[Place]] = {}
        for span in text.spans:
            parts = _parts(tokens, span)
            if not parts or (parts[0][0], parts[-1][1]) != span[:2]:
                problems.append(text.problem(span, "begins or ends in white space"))
                continue
            units[span] = parts
            for part in parts:
                covered.setdefault(part, []).append(span)
        ids: dict[Span, int] = {}
        for span, parts in units.items():
            if len(parts) > 1 or any(len(covered[part]) > 1 for part in parts):
                last_id += 1
                ids[span] = last_id
        rows: dict[int, list[Place]] = {i: [place] for i, place in enumerate(tokens.places)}
        for part in sorted(covered):
            (i,) = tokens.touched(*part)
            if part != tokens.places[i]:
                rows[i].append(part)
        yield ""
        yield f"#Text={escape_text(text.text[first:last])}"
        offsets = utf16_offsets(text.text[:last])
        shift = begin - offsets[first]
        for i, places in rows.items():
            for k, (start, end) in enumerate(places):
                name = f"{number}-{i + 1}" + (f".{k}" if k else "")
                where = f"{offsets[start] + shift}-{offsets[end] + shift}"
                cells = _cells(covered.get((start, end), ()), ids)
                yield "\t".join((name, where, escape_token(text.text[start:end]), *cells, ""))
        begin = offsets[last] + shift + 1


def _parts(tokens: TokenSpans, span: Span) -> list[Place]:
    """The tokens of a span, the first and the last of them cut where it begins and ends."""
    start, end, _ = span
    inside = (tokens.places[i] for i in tokens.touched(start, end))
    return [(max(first, start), min(last, end)) for first, last in inside]


def _cells(spans: Iterable[Span], ids: dict[Span, int]) -> tuple[str, str]:
    """The features identifier, always without a value, and value."""
    names = [f"[{ids[span]}]" if span in ids else "" for span in spans]
    if not names:
        return "_", "_"
    values = [escape_value(span[2]) + name for span, name in zip(spans, names, strict=True)]
    return "|".join(f"*{name}" for name in names), "|".join(values)
