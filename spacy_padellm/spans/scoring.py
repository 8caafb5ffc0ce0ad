"""Precision, recall and F1 over sets of labelled items.

Plain tuples in, plain dicts out. Values lie between 0 and 1; a ratio without cases is 0.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from ..plurals import count


def string_set_scores(
    golds: Sequence[Iterable[tuple[str, str]]], preds: Sequence[Iterable[tuple[str, str]]]
) -> dict[str, Any]:
    """The score of PaDeLLM-NER (`eval/eval.py`): distinct (label, mention string) pairs a text.

    golds, preds: for each text its (label, string) pairs. A string that occurs twice under a label
    counts once, and places do not matter.

    Returns {"p", "r", "f", "tp", "fp", "fn", "macro_p", "macro_r", "macro_f", "per_type"}: the
    first six are micro (over all texts and labels); `macro_*` are means over the labels that occur
    in golds or preds; `per_type` maps a label to its {"p", "r", "f", "tp", "fp", "fn"}.

    Raises ValueError if golds and preds differ in length.
    """
    return _set_scores(golds, preds)


def span_scores(
    golds: Sequence[Iterable[tuple[str, int, int]]], preds: Sequence[Iterable[tuple[str, int, int]]]
) -> dict[str, Any]:
    """Exact span match: for each text its distinct (label, start, end), characters or tokens.
    Returns what `string_set_scores` returns; "p", "r", "f" and "per_type" equal what spaCy's Scorer
    gives for the same spans. Raises ValueError if golds and preds differ in length."""
    return _set_scores(golds, preds)


def _set_scores(
    golds: Sequence[Iterable[tuple[Any, ...]]], preds: Sequence[Iterable[tuple[Any, ...]]]
) -> dict[str, Any]:
    if len(golds) != len(preds):
        raise ValueError(
            f"golds has {count(len(golds), 'text')} and preds {len(preds)}: give one entry a text "
            f"in both, empty where it has no mention"
        )
    tp: Counter[str] = Counter()
    fp: Counter[str] = Counter()
    fn: Counter[str] = Counter()
    for gold, pred in zip(golds, preds, strict=True):
        wanted, found = set(gold), set(pred)
        tp.update(item[0] for item in wanted & found)
        fp.update(item[0] for item in found - wanted)
        fn.update(item[0] for item in wanted - found)

    per_type = {label: _prf(tp[label], fp[label], fn[label]) for label in sorted({*tp, *fp, *fn})}
    macro = {
        f"macro_{name}": sum(scores[name] for scores in per_type.values()) / max(len(per_type), 1)
        for name in ("p", "r", "f")
    }
    return {**_prf(tp.total(), fp.total(), fn.total()), **macro, "per_type": per_type}


def _prf(tp: int, fp: int, fn: int) -> dict[str, float]:
    p = tp / (tp + fp) if tp + fp else 0.0
    r = tp / (tp + fn) if tp + fn else 0.0
    f = 2 * p * r / (p + r) if p + r else 0.0
    return {"p": p, "r": r, "f": f, "tp": tp, "fp": fp, "fn": fn}
