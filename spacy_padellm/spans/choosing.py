"""Thresholds that keep a promise: a precision, or a recall, with a stated confidence.

Exact and without assumptions on how probabilities are spread; one label at a time, of mentions that
are taken as independent. The bound of a share is Clopper and Pearson's ("The use of confidence or
fiducial limits illustrated in the case of the binomial", 1934).
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .numeric import check_number

Scored = Sequence[tuple[float, bool]]
CUTS = 20  # thresholds that are looked at, each keeping so much more of the mentions
TIE = 1e-9  # probabilities so close are kept or dropped together
# How many times as many mentions are looked at, to say how many would be enough; and how many
# mentions that may be.
_TIMES = (2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50)
_MOST = 20_000


@dataclass(frozen=True)
class Aim:
    """What thresholds are to keep. precision: of the mentions that stay, else recall: of the gold
    ones. share: between 0 and 1. confidence: that a label's threshold keeps it, between 0 and 1.

    Raises ValueError for other numbers."""

    precision: bool
    share: float
    confidence: float = 0.9

    def __post_init__(self) -> None:
        for name, value in ((self.name, self.share), ("confidence", self.confidence)):
            check_number(name, value, above=0)
            if value >= 1:
                raise ValueError(f"{name} is {value}: it must be below 1")

    @property
    def name(self) -> str:
        return "precision" if self.precision else "recall"


@dataclass(frozen=True)
class Choice:
    """A threshold between the probabilities `below` and `least`, of which the first is dropped and
    the second kept; below is None where nothing is dropped. bound: what the share that is aimed at
    is at least; None where that is not enough."""

    below: float | None
    least: float
    bound: float | None

    @property
    def reached(self) -> bool:
        return self.bound is not None


def lower_bound(right: int, n: int, confidence: float) -> float:
    """The share of right ones that lies behind `right` of `n`, at least, with this confidence."""
    if right <= 0:
        return 0.0
    more = np.arange(right, n + 1)  # as many right ones, or more, of n
    ways = np.array(
        [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in more]
    )
    low, high = 0.0, right / n
    for _ in range(50):
        share = (low + high) / 2
        logs = ways + more * math.log(share) + (n - more) * math.log1p(-share)
        highest = logs.max()
        if highest + math.log(np.exp(logs - highest).sum()) < math.log(1.0 - confidence):
            low = share
        else:
            high = share
    return low


def fewest_mentions(aim: float, confidence: float) -> int:
    """How many mentions, all of them right, show a share of `aim`."""
    return math.ceil(math.log(1.0 - confidence) / math.log(aim) - 1e-9)


def choose_for_precision(
    scored: Scored, n_gold: int, aim: float, confidence: float
) -> Choice | None:
    """The lowest threshold above which at least `aim` of the mentions are right.

    scored: of each mention of a label its probability, and whether it is right. Where no threshold
    reaches the aim, that with the highest bound. None without mentions, and without gold ones: in
    texts where nobody looked for a label, nothing says that its mentions are wrong.

    Many thresholds are looked at, and the best of many would look better than it is. So they are
    tested in an order that does not look at what is right (fixed sequence testing; Angelopoulos et
    al., "Learn then Test", 2021): from all mentions, their likeliest half, their likeliest quarter
    and so on downwards, as long as the bound holds, with the risk shared among these beginnings.
    """
    if not scored or not n_gold:
        return None
    ranked = sorted(scored, key=lambda one: -one[0])
    cuts = _cuts([p for p, _ in ranked])
    firsts = _beginnings(cuts, aim, confidence)
    shared = 1.0 - (1.0 - confidence) / len(firsts)
    right = [0]
    for _, is_right in ranked:
        right.append(right[-1] + is_right)
    bounds = {n: lower_bound(right[n], n, shared) for n in cuts}
    reached = 0
    for first in firsts:
        for n in cuts[cuts.index(first) :]:
            if bounds[n] < aim:
                break
            reached = max(reached, n)
    chosen = reached or max(cuts, key=lambda n: (bounds[n], n))
    below = ranked[chosen][0] if chosen < len(ranked) else None
    return Choice(below, ranked[chosen - 1][0], bounds[reached] if reached else None)


def choose_for_recall(scored: Scored, n_gold: int, aim: float, confidence: float) -> Choice | None:
    """The highest threshold that keeps at least `aim` of the gold mentions of a label.

    scored: of each mention its probability, and whether it is gold. Where too many gold ones were
    not found at all, the threshold is 0 and all are kept; None without gold mentions. Recall only
    falls as the threshold rises, so that nothing is lost by looking at all of them (a tolerance
    limit; Wilks, 1941).
    """
    if not n_gold:
        return None
    gold = sorted((p for p, is_gold in scored if is_gold), reverse=True)
    kept = bisect_left(
        range(len(gold)), True, key=lambda i: lower_bound(i + 1, n_gold, confidence) >= aim
    )
    if kept == len(gold):
        return Choice(None, gold[-1] if gold else 0.0, None)
    least = gold[kept]
    below = max((p for p, _ in scored if p < least - TIE), default=None)
    n = sum(p >= least - TIE for p in gold)
    return Choice(below, least, lower_bound(n, n_gold, confidence))


def times_enough(scored: Scored, n_gold: int, aim: Aim) -> int | None:
    """How many times as many mentions would reach the aim, if they came out like these; about, and
    None where so many are not known to be enough. scored, n_gold: as those are chosen for."""
    choose = choose_for_precision if aim.precision else choose_for_recall
    for times in _TIMES:
        if times * max(len(scored), n_gold) > _MOST:
            break
        choice = choose([*scored] * times, n_gold * times, aim.share, aim.confidence)
        if choice is not None and choice.reached:
            return times
    return None


def _cuts(ranked: Sequence[float]) -> list[int]:
    """How many mentions thresholds keep: parts of about equal size, equals never parted."""
    n = len(ranked)
    cuts = set()
    for i in range(1, CUTS + 1):
        cut = math.ceil(i * n / CUTS)
        while cut < n and ranked[cut] >= ranked[cut - 1] - TIE:
            cut += 1
        cuts.add(cut)
    return sorted(cuts)


def _beginnings(cuts: Sequence[int], aim: float, confidence: float) -> list[int]:
    """All mentions, their likeliest half, and so on, as far as so few could reach the aim when
    the risk is shared among them; fewer than half where equals leave no other."""
    firsts = [cuts[-1]]
    while smaller := [cut for cut in cuts if cut < firsts[-1]]:
        following = next((cut for cut in smaller if 2 * cut >= firsts[-1]), smaller[-1])
        shared = 1.0 - (1.0 - confidence) / (len(firsts) + 1)
        if following < fewest_mentions(aim, shared):
            break
        firsts.append(following)
    return firsts


def between(below: float | None, least: float) -> float:
    """A threshold that drops `below` and keeps `least`, with as few digits as serve and well apart
    from both: probabilities are computed again elsewhere. 0 where nothing is dropped."""
    if below is None:
        return 0.0
    middle = (below + least) / 2
    for digits in range(2, 16):
        rounded = round(middle, digits)
        if abs(rounded - middle) <= (least - below) / 4:
            return rounded
    return middle
