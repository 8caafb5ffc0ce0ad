"""The copy constraint: a mention is a contiguous slice of its text's own tokens.

Per branch, the set of places where the mention may have begun. A next token is allowed if it
continues one of them; the end is allowed if one of them may end there.
"""

from collections.abc import Collection

import numpy as np

# np.unique imports it when it is first called; a process that is forked meanwhile would hang.
import numpy.ma
import numpy.typing as npt

from ..cached import cached_property
from ..prompts.plain_text import EncodedText


class TextSlices:
    """The slices of one text that mentions may be.

    starts, ends: characters at which a mention may start and end, for example token boundaries
    of a Doc; anywhere if None.
    """

    def __init__(
        self,
        encoded: EncodedText,
        starts: Collection[int] | None = None,
        ends: Collection[int] | None = None,
    ) -> None:
        self.encoded = encoded
        self.ids = np.asarray(encoded.ids, dtype=np.int64)
        self.distinct_ids = np.unique(self.ids)
        offsets = encoded.offsets
        self.may_start, self.may_end = (np.array(b, dtype=bool) for b in encoded.boundaries())
        if starts is not None:
            self.may_start &= np.array([start in starts for start, _ in offsets], dtype=bool)
        if ends is not None:
            self.may_end &= np.array([end in ends for _, end in offsets], dtype=bool)
        # A start is of use only if some end lies behind it.
        if self.may_end.any():
            self.may_start[np.flatnonzero(self.may_end)[-1] + 1 :] = False
        else:
            self.may_start[:] = False
        self.last_end = int(np.flatnonzero(self.may_end)[-1]) if self.may_end.any() else -1
        self.all_starts = np.flatnonzero(self.may_start)

    @cached_property
    def places(self) -> dict[int, int]:
        """How many mentions may begin with an id."""
        ids, counts = np.unique(self.ids[self.all_starts], return_counts=True)
        return dict(zip(ids.tolist(), counts.tolist(), strict=True))

    def __bool__(self) -> bool:
        return len(self.all_starts) > 0


class CopyBranch:
    """One mention on its way: places where it may have begun, and how long it is (tokens)."""

    def __init__(
        self, slices: TextSlices, starts: npt.NDArray[np.int64] | None = None, length: int = 0
    ) -> None:
        self.slices = slices
        self.starts = slices.all_starts if starts is None else starts
        self.length = length

    def allowed(self, end_ids: Collection[int]) -> npt.NDArray[np.int64]:
        """The ids that may come next; never empty before the end."""
        slices = self.slices
        following = self.starts + self.length
        ids = np.unique(slices.ids[following[following <= slices.last_end]])
        if self.length and slices.may_end[following - 1].any():
            ids = np.concatenate([ids, np.fromiter(end_ids, dtype=np.int64)])
        return ids

    def advanced(self, token: int) -> "CopyBranch":
        """The same mention with one token more."""
        following = self.starts + self.length
        inside = following <= self.slices.last_end
        starts = self.starts[inside]
        going = starts[self.slices.ids[following[inside]] == token]
        return CopyBranch(self.slices, going, self.length + 1)

    def continuation(self, length: int) -> list[int]:
        """At most `length` ids that follow the mention in the text, where it occurs first."""
        begin = int(self.starts[0]) + self.length
        return self.slices.ids[begin : min(begin + length, self.slices.last_end + 1)].tolist()

    def spans(self) -> list[tuple[int, int]]:
        """Characters of every slice that the mention can be, in the order of the text.

        A mention that was cut where none may end goes on to the next place where it may.
        """
        offsets, may_end = self.slices.encoded.offsets, self.slices.may_end
        last = self.starts + self.length - 1
        exact = may_end[last]
        if exact.any():
            starts, last = self.starts[exact], last[exact]
        else:
            ends = np.flatnonzero(may_end)
            starts, last = self.starts, ends[np.searchsorted(ends, last)]
        return [(offsets[i][0], offsets[j][1]) for i, j in zip(starts, last, strict=True)]
