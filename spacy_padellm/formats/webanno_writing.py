"""Texts as WebAnno TSV 3.3: a sentence each, with one layer of named entities."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from .annotated_text import AnnotatedText, FormatError, Problem
from .files import write_lines
from .gold_text import Place, Span
from .offset_units import utf16_offsets
from .webanno import FORMAT
from .webanno_cells import NAMED_ENTITY, escape_text, escape_value


def write(
    path: Path, texts: Iterable[AnnotatedText], problems: list[Problem] | None = None
) -> None:
    """Spans that part a token are written of a part of it. Those that begin or end in white space
    are added to `problems`. Raises FormatError for a text that is not tokenised."""
    write_lines(path, _lines(texts, [] if problems is None else problems))


def _lines(texts: Iterable[AnnotatedText], problems: list[Problem]) -> Iterator[str]:
    yield f"{FORMAT}.3"
    yield f"#T_SP={NAMED_ENTITY}|identifier|value"
    yield ""
    begin = last_id = 0
    for number, text in enumerate(texts, 1):
        if text.tokens is None:
            what = f"the text {text.text[:40]!r} has no tokens"
            mend = "Tokenise it, for example by way of .spacy"
            raise FormatError(text.file, text.line, what, mend)
        tokens = [place for place in text.tokens if text.text[slice(*place)].strip()]
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
        yield ""
        yield f"#Text={escape_text(text.text)}"
        offsets = [begin + offset for offset in utf16_offsets(text.text)]
        for i, token in enumerate(tokens, 1):
            within = [p for p in covered if p != token and token[0] <= p[0] and p[1] <= token[1]]
            for k, place in enumerate([token, *sorted(within)]):
                name = f"{number}-{i}" + (f".{k}" if k else "")
                where = f"{offsets[place[0]]}-{offsets[place[1]]}"
                form = escape_text(text.text[slice(*place)])
                cells = _cells(covered.get(place, ()), ids)
                yield "\t".join((name, where, form, *cells, ""))
        begin = offsets[-1] + 1


def _parts(tokens: Iterable[Place], span: Span) -> list[Place]:
    """The tokens of a span, the first and the last of them cut where it begins and ends."""
    start, end, _ = span
    inside = (token for token in tokens if token[0] < end and start < token[1])
    return [(max(first, start), min(last, end)) for first, last in inside]


def _cells(spans: Iterable[Span], ids: dict[Span, int]) -> tuple[str, str]:
    """The features identifier, always without a value, and value."""
    names = [f"[{ids[span]}]" if span in ids else "" for span in spans]
    if not names:
        return "_", "_"
    values = [escape_value(span[2]) + name for span, name in zip(spans, names, strict=True)]
    return "|".join(f"*{name}" for name in names), "|".join(values)
