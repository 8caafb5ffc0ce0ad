"""A problem of reading as a person sees it: where it is, and the text around it."""

from .annotated_text import CONTEXT, Problem

# Faults of spans that are lost as they have no place: of one, of many.
MISPLACED = {
    "outside": ("is outside its text", "are outside their texts"),
    "empty": ("ends where it begins or before", "end where they begin or before"),
    "absent": ("is not in its text", "are not in their texts"),
}
_MOST_SHOWN = 60  # characters of a span


def show(problem: Problem) -> str:
    """A problem with its place and reason, such as `a.csv:2: "Ada [met] Bo" (PER) is given
    twice`."""
    where = f"{problem.file}:{problem.line}" if problem.line else problem.file
    if problem.of != "span":
        excerpt = f'"{_cut(problem.excerpt)}" ' if problem.excerpt else ""
        return f"{where}: {excerpt}{problem.reason}"
    if problem.start is None or problem.end is None or problem.end <= problem.start:
        string = f"{problem.string!r} ({problem.label})" if problem.string else problem.label
        return f"{where}: {string} {problem.reason}".replace("\n", " ")
    return f"{show_in_context(problem)} {problem.reason}".rstrip()


def show_in_context(problem: Problem) -> str:
    """Such as `a.csv:2: "Ate at N[oma to]night" (PLACE)`, or `a.csv:3: PLACE 57 to 62 is outside
    the text of 11 characters ("It was good")`."""
    if problem.fault in MISPLACED:
        place = "" if problem.fault == "absent" else f" {problem.start} to {problem.end}"
        said = f"{problem.label}{place} {problem.reason}"
        return f'{problem.file}:{problem.line}: {said} ("{_cut(problem.excerpt)}")'
    start, end = in_excerpt(problem)
    text = problem.excerpt
    marked = f"{text[:start]}[{_cut(text[start:end])}]{text[end:]}".replace("\n", " ")
    return f'{problem.file}:{problem.line}: "{marked}" ({problem.label})'


def _cut(text: str) -> str:
    if len(text) > _MOST_SHOWN:
        text = f"{text[: _MOST_SHOWN // 2]} ... {text[-_MOST_SHOWN // 2 :]}"
    return text.replace("\n", " ")


def in_excerpt(problem: Problem) -> tuple[int, int]:
    """Where the span is in the excerpt."""
    begin = max((problem.start or 0) - CONTEXT, 0)
    return (problem.start or 0) - begin, (problem.end or 0) - begin
