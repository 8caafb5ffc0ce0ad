"""Texts that were there before, with other spans: one of the two teaches what the other denies."""

from dataclasses import dataclass, field

from .annotated_text import AnnotatedText, Problem

ANOTHER_ID = "another id"


@dataclass
class Repeats:
    """The texts of a corpus so far. Those of which something is unknown, and those in which other
    labels were looked for, contradict none."""

    _first: dict[tuple[str, tuple[str, ...] | None], AnnotatedText] = field(default_factory=dict)

    def see(self, text: AnnotatedText, by_rows: bool = False) -> Problem | None:
        """What is to be said of a text, if it contradicts the first of its kind. by_rows: an id may
        be the number of a row, so that rows of one text are apart."""
        if not text.annotated or text.unknown or not text.text.strip():
            return None
        labels = None if text.labels is None else tuple(sorted(text.labels))
        bare = AnnotatedText(text.text, text.spans, meta=_id(text), file=text.file, line=text.line)
        first = self._first.setdefault((text.text, labels), bare)
        if {*first.spans} == {*text.spans}:
            return None
        where = f"line {first.line}" if first.file == text.file else f"{first.file}:{first.line}"
        ids = f" and {ANOTHER_ID}" if by_rows and first.meta != bare.meta else ""
        reason = f"is the same text as in {where} with other spans{ids}; both are read"
        return text.left_out(reason, lost=False, fault="repeat")


def _id(text: AnnotatedText) -> dict[str, object]:
    return {"id": text.meta["id"]} if "id" in text.meta else {}
