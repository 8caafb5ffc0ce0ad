"""What a conversion did, for the reader of a terminal, and its problems as JSON lines."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from wasabi import Printer

from ...formats.annotated_text import AnnotatedText, Problem, count_kinds, say_are_lost
from ...formats.json_records import write_records
from ...formats.unsaid import MISSING, PARTLY
from ...plurals import count, verb

SHOWN = 10


def show_written(
    msg: Printer, path: Path, texts: Sequence[AnnotatedText], problems: Iterable[Problem] = ()
) -> None:
    """One line: how many texts and spans, and the labels; without those lost in writing."""
    labels = Counter(label for text in texts for _, _, label in text.spans)
    problems = [problem for problem in problems if problem.lost]
    labels -= Counter(problem.label for problem in problems if problem.of == "span")
    n_texts = len(texts) - sum(problem.of == "text" for problem in problems)
    names = ", ".join(f"{label} {n:,}" for label, n in labels.most_common())
    spans = count(labels.total(), "span") + (f" ({names})" if names else "")
    counts = {
        MISSING: sum(not text.annotated for text in texts),
        PARTLY: sum(bool(text.unknown) and text.annotated for text in texts),
    }
    said = [f"{n:,} {what}" for what, n in counts.items() if n and n_texts == len(texts)]
    unknown = f" ({', '.join(said)})" if said else ""
    tell = msg.good if n_texts else msg.warn
    tell(f"{path}: {count(n_texts, 'text')}{unknown}, {spans}")


def show_problems(msg: Printer, problems: Sequence[Problem], report: Path | None) -> None:
    """A table of the reasons, and the first of each kind with file, line and text."""
    if report is not None:
        write_records(report, map(asdict, problems))
        msg.info(f"{report}: {count(len(problems), 'problem')}")
    if not problems:
        return
    others = [problem for problem in problems if not problem.lost]
    need = verb(len(others), "is changed or needs a look", "are changed or need a look")
    said = [say_are_lost(problems), f"{count_kinds(others)} {need}" if others else ""]
    msg.warn(", ".join(filter(None, said)))
    where = [
        f"{problem.file}:{problem.line}" if problem.line else problem.file
        for problem in problems[:SHOWN]
    ]
    rows = [
        (place, problem.label, _short(problem.string, 30), _short(problem.excerpt), problem.reason)
        for place, problem in zip(where, problems, strict=False)
    ]
    msg.table(rows, header=("Where", "Label", "Span", "Text", "What"), divider=True)
    if len(problems) > SHOWN:
        counts = Counter(problem.label for problem in problems)
        rest = ", ".join(f"{label or '-'} {n:,}" for label, n in counts.most_common())
        more = "" if report else "; --report FILE.jsonl writes all"
        msg.text(f"... and {len(problems) - SHOWN:,} more{more}. By label: {rest}")


def _short(string: str, width: int = 50) -> str:
    shown = repr(string)[1:-1]
    return shown if len(shown) <= width else shown[: width - 3] + "..."
