"""Tables in Markdown."""

from collections.abc import Iterable, Sequence


def row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """With a line end. Without rows, a line that says so."""
    rows = list(rows)
    if not rows:
        return "Not measured yet.\n"
    lines = [row(*heads), "|---" * len(heads) + "|", *(row(*cells) for cells in rows)]
    return "\n".join(lines) + "\n"
