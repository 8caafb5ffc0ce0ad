"""What one annotator said of a text in Label Studio, as spans."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..plurals import count
from .annotated_text import FormatError
from .gold_text import Span
from .label_studio_task import LABELS, MEND, OTHER_REGIONS, Region
from .quoted_spans import Quoted, counts, settle


@dataclass
class Copy:
    """What one annotator said. lost, changed: spans that are not among `spans`, or not as they
    were, and why. remarks: on the whole."""

    annotator: str
    ground_truth: bool = False
    spans: list[Span] = field(default_factory=list)
    lost: list[tuple[Span, str]] = field(default_factory=list)
    changed: list[tuple[Span, str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def said(self) -> frozenset[Span]:
        return frozenset((*self.spans, *(span for span, _ in self.lost)))

    def read(self, path: Path, line: int, text: str, regions: Iterable[Region]) -> None:
        """Adds regions of the text. What their offsets count is that in which most of them fit.
        Raises FormatError for labels that are none."""
        others: Counter[str] = Counter()
        tags: Counter[str] = Counter()
        placed: list[tuple[Region, Quoted]] = []
        for region in regions:
            quoted = region.quoted
            if region.kind == LABELS and quoted is not None:
                placed.append((region, quoted))
            elif region.is_of_text:
                name = ", ".join(map(str, region.labels))
                why = (
                    f"is of the type {region.kind!r}: no span of plain text"
                    if region.kind in OTHER_REGIONS
                    else "has offsets that are none of a text"
                )
                self.lost.append(((0, 0, name), why))
            else:
                others[region.kind] += 1
        settled = settle(text, [quoted for _, quoted in placed], counts(text))
        for (region, _), found in zip(placed, settled, strict=True):
            if not all(isinstance(one, str) for one in region.labels):
                raise FormatError(path, line, f"{region.labels!r} are not labels", MEND)
            labels = [label for label in region.labels if label]
            spans = [(*found.parts[0], label) for label in labels]
            if not spans:
                self.lost.append(((*found.parts[0], ""), "has no label"))
                continue
            if found.lost:
                self.lost += [(span, found.remark) for span in spans]
                continue
            self.spans += spans
            tags[region.tag] += 1
            if len(spans) > 1:
                why = (
                    f"has {len(spans)} labels ({' and '.join(labels)}) and is read as as many spans"
                )
                self.changed.append((spans[0], why))
            if found.remark:
                self.changed.append((spans[0], found.remark))
        if len(tags) > 1:
            names = ", ".join(f"{name} ({n})" for name, n in tags.items())
            self.remarks.append(f"spans of {len(tags)} tags are read together: {names}")
        for kind, n in others.items():
            what = f"{count(n, 'result')} of the type {kind!r} not read: only spans of a text are"
            self.remarks.append(what)
