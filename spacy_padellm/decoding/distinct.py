"""Mentions of a label that begin at different places: the first tokens of all of them at once.

Each mention is decoded by itself, so two of them may come out as the same slice of the text, and
one is lost. Where a scheme has no nested mentions of a label, no two begin at the same place: a
token may begin as many mentions as it has places. The likelier mention takes it; the other takes
what is likeliest of the rest.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

Options = tuple[np.ndarray, np.ndarray]  # ids that may come first, and their log-probabilities


def choose_starts(options: Sequence[Options], places: Mapping[int, int]) -> list[int]:
    """Which option each mention takes, as an index into its options.

    places: how many mentions may begin with an id. Where there are fewer places than mentions,
    those left over take what is likeliest, as if they were alone.
    """
    free = Counter(places)
    chosen: dict[int, int] = {}
    waiting = {i: np.argsort(-log_probs, kind="stable") for i, (_, log_probs) in enumerate(options)}
    while waiting:
        best: dict[int, int] = {}
        for i, order in waiting.items():
            ids = options[i][0]
            at = next((int(k) for k in order if free[int(ids[k])] > 0), None)
            if at is not None:
                best[i] = at
        if not best:
            break
        i = max(best, key=lambda i: (options[i][1][best[i]], -i))
        free[int(options[i][0][best[i]])] -= 1
        chosen[i] = best[i]
        del waiting[i]
    return [chosen.get(i, int(np.argmax(p))) for i, (_, p) in enumerate(options)]
