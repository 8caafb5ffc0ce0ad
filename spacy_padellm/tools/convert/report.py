"""What a conversion did, for the reader of a terminal, and its problems as JSON lines."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from wasabi import Printer

from ...formats.annotated_text import AnnotatedText, Problem, count_kinds, say_are_lost
from ...formats.columns import JOINED
from ...formats.json_records import write_records
from ...formats.unsaid import MISSING, PARTLY
from ...plurals import count, verb

SHOWN = 10
_WIDEST = 40  # characters of a place
_KEEP_SPACING = (
    'With --text-comments, a line "# text = ..." keeps it, and every command that reads columns '
    "reads it back"
)


def show_written(
    msg: Printer, path: Path, texts: Sequence[AnnotatedText], problems: Iterable[Problem] = ()
) -> None:
    """How many texts and spans, and the labels, without those lost in writing; and how many texts
    lose their spacing."""
    labels = Counter(label for text in texts for _, _, label in text.spans)
    problems = list(problems)
    respaced = Counter((p.lost, p.reason) for p in problems if p.of == "spacing")
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
    for (lost, reason), n in respaced.items():
        what = verb(n, "its spacing", "their spacing")
        if not lost:
            what = f"the white space around {verb(n, 'it', 'them')}"
        mend = f". {_KEEP_SPACING}" if reason == JOINED else ""
        loses = f"{verb(n, 'loses', 'lose')} {what}"
        msg.warn(f"{n:,} of {count(n_texts, 'text')} {loses}: {reason}{mend}")


def show_problems(msg: Printer, problems: Sequence[Problem], report: Path | None) -> None:
    """How much is lost or changed, and a table of the first with file, line and text. Spacing is
    only counted: of that, `show_written` has told all there is."""
    if report is not None:
        write_records(report, map(asdict, problems))
        msg.info(f"{report}: {count(len(problems), 'problem')}")
    if not problems:
        return
    listed = [problem for problem in problems if problem.of != "spacing"]
    others = [problem for problem in listed if not problem.lost]
    need = verb(len(others), "is changed or needs a look", "are changed or need a look")
    said = [say_are_lost(problems), f"{count_kinds(others)} {need}" if others else ""]
    if not listed:
        if report is None:
            msg.text("--report FILE.jsonl lists these texts")
        return
    msg.warn(", ".join(filter(None, said)))
    rows = [
        (
            _place(problem),
            problem.label,
            _short(problem.string, 30),
            _short(problem.excerpt),
            problem.reason,
        )
        for problem in listed[:SHOWN]
    ]
    header = ("Where", "Label", "Span", "Text", "What")
    # Columns as wide as what is in them: a longer cell would shift those after it.
    widest = max(len(cell) for row in rows for cell in row)
    msg.table(rows, header=header, divider=True, max_col=widest)
    if len(listed) > SHOWN:
        counts = Counter(problem.label for problem in listed)
        rest = ", ".join(f"{label or '-'} {n:,}" for label, n in counts.most_common())
        more = "" if report else "; --report FILE.jsonl writes all"
        msg.text(f"... and {len(listed) - SHOWN:,} more{more}. By label: {rest}")


def _place(problem: Problem) -> str:
    """The end of a long path, where the name of the file is, and the line."""
    place = f"{problem.file}:{problem.line}" if problem.line else problem.file
    return place if len(place) <= _WIDEST else "..." + place[3 - _WIDEST :]


def _short(string: str, width: int = 50) -> str:
    shown = repr(string)[1:-1]
    return shown if len(shown) <= width else shown[: width - 3] + "..."
