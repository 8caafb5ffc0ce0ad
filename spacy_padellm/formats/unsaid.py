"""What a format has no words for: texts that are left out for it, and what is said of a text
besides."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from spacy.tokens import Doc

from ..plurals import count, verb
from .annotated_text import AnnotatedText, Problem
from .annotation_tools import KEYS as DOCCANO_KEYS
from .doc_gold import LABELS
from .docbin import META, nameless
from .guess import Format

MISSING = "not annotated"
PARTLY = "annotated in part"
_SAY_MISSING = ("labelstudio", "datasets")  # formats that know texts which nobody annotated
_SAY_PARTLY = ("datasets",)
_SAY_LABELS = ("gliner",)
# What of a text's meta has a place in formats that have one for some of it,
_META_KEPT: dict[Format, tuple[str, ...]] = {
    "brat": (),
    "webanno": (),
    "paper": (),
    "columns": ("document",),
    "table": ("id",),
}
# and what has none in formats that have one for the rest.
_META_LEFT: dict[Format, tuple[str, ...]] = {
    "jsonl": ("text", "ents"),
    "labelstudio": ("text",),
    "doccano": DOCCANO_KEYS,
}


@dataclass
class Unsaid:
    """left_out: why → how many texts. besides: part of a text → in how many texts it was.

    A text of which something is unknown would come back from most formats but `.spacy` as one
    that has nothing there, and is left out.
    """

    target: Format
    spans_key: str
    left_out: Counter[str] = field(default_factory=Counter)
    besides: Counter[str] = field(default_factory=Counter)

    def sayable(
        self, texts: Iterable[AnnotatedText], problems: list[Problem]
    ) -> Iterator[AnnotatedText]:
        """The texts that the format can say; the others, and their spans, go to `problems`."""
        for text in texts:
            why = PARTLY if text.annotated else MISSING
            known = _SAY_PARTLY if text.annotated else _SAY_MISSING
            if text.unknown and self.target not in known:
                self.left_out[why] += 1
                reason = f"the text is {why}, which the format {self.target!r} cannot say"
                problems += [text.problem(span, reason) for span in text.spans]
                problems.append(text.left_out(reason))
                continue
            if isinstance(text.doc, Doc):
                problems += nameless(text, self.spans_key)
            self.besides.update(self._besides(text))
            yield text

    def messages(self) -> list[str]:
        """For the terminal, a sentence each."""
        said = []
        if self.left_out:
            counts = " and ".join(
                f"{n:,} {verb(n, 'is', 'are')} {why}"
                for why, n in sorted(self.left_out.items(), reverse=True)
            )
            total = self.left_out.total()
            said.append(
                f"{count(total, 'text')} {verb(total, 'is', 'are')} left out: {counts}, which the "
                f"format {self.target!r} cannot say. Write .spacy to keep "
                f"{verb(total, 'it', 'them')}"
            )
        if self.besides:
            parts = ", ".join(f"{part} (of {count(n, 'text')})" for part, n in self.besides.items())
            said.append(f"The format {self.target!r} has no place for {parts}")
        return said

    def _besides(self, text: AnnotatedText) -> list[str]:
        """What is said of a text besides itself, its tokens and spans, and has no place."""
        parts = _of_doc(text.doc, self.spans_key) if isinstance(text.doc, Doc) else []
        if text.labels is not None and self.target not in _SAY_LABELS:
            parts.append(f"doc._.{LABELS}, the labels that were looked for")
        return parts + [f"the field {key!r}" for key in text.meta if not self._keeps(key)]

    def _keeps(self, key: str) -> bool:
        """Whether the format has a place for this key of a text's meta."""
        kept = _META_KEPT.get(self.target)
        return key in kept if kept is not None else key not in _META_LEFT.get(self.target, ())


def _of_doc(doc: Doc, spans_key: str) -> list[str]:
    """What a Doc holds besides its text, tokens, spans, meta and labels."""
    parts = ["doc.cats"] if doc.cats else []
    parts += [f"doc.spans[{name!r}]" for name in doc.spans if name != spans_key]
    named = (META, ("._.", LABELS, None, None))
    return parts + (["other doc.user_data"] if any(k not in named for k in doc.user_data) else [])
