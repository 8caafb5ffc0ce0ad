"""Which key of their data the tasks of Label Studio have their text under.

An export does not keep the interface, which says so; the strings of the regions do.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from .annotated_text import FormatError
from .label_studio_task import Record
from .quoted_spans import Count, Quoted, agrees, counts


class TextKeys:
    """The keys of the texts of a file; several where its interface shows several texts to label.

    That of a <Text> is the one that most of its regions fit; of equals the one that is called as
    the tag is, or "text". Without regions it is "text", or the only string that all tasks have.

    Raises FormatError where neither tells.
    """

    def __init__(self, path: Path, records: Sequence[Record]) -> None:
        self._path = path
        votes: dict[str, Counter[str]] = {}
        for record in records:
            _vote(record, votes)
        self._of_tag = {to: _best(to, found) for to, found in votes.items() if found.total()}
        default = None if self._of_tag else _default(records)
        if not self._of_tag and default is None:
            raise self._unclear(records)
        names = [*self._of_tag.values(), *([default] if default else ())]
        self.names = sorted(set(names), key=names.index)

    def of(self, to: str) -> str:
        """That of the regions of a <Text>, or of a set of labels where only these are named."""
        return self._of_tag.get(to, self.names[0])

    def _unclear(self, records: Sequence[Record]) -> FormatError:
        worst = next((one for one in records if len(one.strings) != 1), records[0])
        listed = ", ".join(map(repr, worst.strings))
        what = f"which of {listed} is the text, is not clear" if listed else "no text in the data"
        return FormatError(self._path, worst.line, what, 'Name it "text" in "data"')


def _vote(record: Record, votes: dict[str, Counter[str]]) -> None:
    """One vote of each region for each key whose string it fits."""
    regions = [(region.to, region.quoted) for region in record.regions]
    ways = {key: counts(text) for key, text in record.strings.items()} if regions else {}
    for to, quoted in regions:
        found = votes.setdefault(to, Counter())
        if quoted is None or not quoted.string:
            continue
        for key, text in record.strings.items():
            found[key] += any(_fits(text, quoted, way) for way in ways[key])


def _fits(text: str, quoted: Quoted, way: Count) -> bool:
    start, end = map(way, quoted.parts[0])
    if start is None or end is None:
        return False
    return agrees(text, [(start, end)], quoted.string)


def _best(to: str, votes: Counter[str]) -> str:
    most = max(votes.values())
    equal = [key for key, n in votes.items() if n == most]
    return next((key for key in (to, "text") if key in equal), equal[0])


def _default(records: Sequence[Record]) -> str | None:
    shared = set.intersection(*({*record.strings} for record in records))
    if any("text" in record.strings for record in records):
        return "text"
    return shared.pop() if len(shared) == 1 else None
