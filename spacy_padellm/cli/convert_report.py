"""What a conversion did, for the reader of a terminal, and its problems as JSON lines."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from wasabi import Printer

from ..formats.annotated import AnnotatedText, Problem
from ..formats.files import write_records
from ..formats.unsaid import MISSING, PARTLY

SHOWN = 10


def show_written(
    msg: Printer,
    path: Path,
    texts: Sequence[AnnotatedText],
    problems: Iterable[Problem] = (),
    left_out: int = 0,
) -> None:
    """One line: how many texts and spans, and the labels; without those lost in writing.

    left_out: how many of the texts were not written.
    """
    labels = Counter(label for text in texts for _, _, label in text.spans)
    labels -= Counter(problem.label for problem in problems if problem.lost)
    names = ", ".join(f"{label} {n:,}" for label, n in labels.most_common())
    spans = f"{labels.total():,} spans" + (f" ({names})" if names else "")
    counts = {
        MISSING: sum(not text.annotated for text in texts),
        PARTLY: sum(bool(text.unknown) and text.annotated for text in texts),
    }
    unknown = ", ".join(f"{n:,} {what}" for what, n in counts.items() if n and not left_out)
    written = len(texts) - left_out
    say = msg.good if written else msg.warn
    say(f"{path}: {written:,} texts{f' ({unknown})' if unknown else ''}, {spans}")


def show_problems(msg: Printer, problems: Sequence[Problem], report: Path | None) -> None:
    """A table of the reasons, and the first of each kind with file, line and text."""
    if report is not None:
        write_records(report, map(asdict, problems))
        msg.info(f"{report}: {len(problems):,} problems")
    if not problems:
        return
    lost = sum(problem.lost for problem in problems)
    texts = sum(problem.lost and problem.of_text for problem in problems)
    left_out = f" and {texts:,} texts left out" if texts else ""
    changed = len(problems) - lost
    msg.warn(f"{lost - texts:,} spans are lost{left_out}, {changed:,} are changed or need a look")
    where = [f"{problem.file}:{problem.line}" for problem in problems[:SHOWN]]
    rows = [
        (place, problem.label, _short(problem.string, 30), _short(problem.excerpt), problem.reason)
        for place, problem in zip(where, problems, strict=False)
    ]
    msg.table(rows, header=("Where", "Label", "Span", "Text", "What"), divider=True)
    if len(problems) > SHOWN:
        rest = _reasons(problems)
        more = "" if report else "; --report FILE.jsonl writes all"
        msg.text(f"... and {len(problems) - SHOWN:,} more{more}. By label: {rest}")


def _reasons(problems: Iterable[Problem]) -> str:
    counts = Counter(problem.label for problem in problems)
    return ", ".join(f"{label or '-'} {n:,}" for label, n in counts.most_common())


def _short(string: str, width: int = 50) -> str:
    shown = repr(string)[1:-1]
    return shown if len(shown) <= width else shown[: width - 3] + "..."
