"""What somebody's texts hold, told before a model learns from them, and what will not go well."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wasabi import table

from ...formats.reading import Reading, check_offsets
from ...pipeline.corpora import messages_of, what_is_new
from ...plurals import count
from .survey import SurveyedText

FEW_TEXTS = 50  # with entities: fewer teach a model little
GOOD_TEXTS = 200  # with entities: as many as benchmarks/results/tuning.md has figures of
FEW_ENTITIES = 10  # of a label
_MOST_ROWS = 40  # labels


def check_reading(
    reading: Reading, corpus: str, overrides: Mapping[str, Any], strict: bool
) -> list[str]:
    """What to say of a file. corpus: its name in the config. Raises ValueError as
    `check_offsets`, unless somebody has said what is to become of spans that are off; strict: where
    anything is lost or changed."""
    messages = messages_of(reading)
    if strict and reading.problems:
        raise ValueError(f"{'. '.join(messages)}. That is an error with --strict")
    setting = f"corpora.{corpus}.alignment_mode"
    if setting not in overrides or reading.mostly_lost:
        check_offsets(reading, f"--{setting}", "--lang")
    return what_is_new(messages)


def make_table(
    train: Sequence[SurveyedText], dev: Sequence[SurveyedText], annotate: str, dev_name: str
) -> str:
    """Texts, entities and labels of both parts. dev_name: the head of the second column."""
    parts = train, dev
    found = [_count(texts, annotate) for texts in parts]
    total = found[0] + found[1]
    rows = [
        ("texts", *map(len, parts)),
        ("texts with entities", *(_with_entities(texts, annotate) for texts in parts)),
        ("entities", *(counts.total() for counts in found)),
    ]
    labels = [label for label, _ in total.most_common()]
    rows += [(f"  {label}", *(counts[label] for counts in found)) for label in labels[:_MOST_ROWS]]
    if more := labels[_MOST_ROWS:]:
        counted = (sum(counts[label] for label in more) for counts in found)
        rows.append((f"  {count(len(more), 'further label')}", *counted))
    shown = [(name, *(f"{number:,}" for number in numbers)) for name, *numbers in rows]
    return table(shown, header=("", "train", dev_name), divider=True, aligns=("l", "r", "r"))


def warn_of(
    train: Sequence[SurveyedText],
    dev: Sequence[SurveyedText],
    annotate: str,
    dev_file: Path | None,
) -> list[str]:
    """What is too little to learn from, or to score on. dev_file: that `dev` is of; None where it
    is held out."""
    learned, scored = (_count(texts, annotate) for texts in (train, dev))
    said = []
    if (n := _with_entities(train, annotate)) < FEW_TEXTS:
        said.append(
            f"Only {count(n, 'text')} with entities to learn from: expect little below "
            f"{FEW_TEXTS}, and add more until there are some {GOOD_TEXTS}. With a handful, do not "
            f"train: show them to a language model as `examples` of the component "
            f"(docs/examples.md)"
        )
    few = [f"{label} ({n})" for label, n in learned.most_common() if n < FEW_ENTITIES]
    if few:
        said.append(
            f"Labels with fewer than {FEW_ENTITIES} entities to learn from, of which the model "
            f"will find few: {_list(few)}"
        )
    if missing := sorted(set(learned) - set(scored)):
        where = "held-out text" if dev_file is None else f"text in {dev_file}"
        said.append(f"Labels that no {where} has, so that no score counts them: {_list(missing)}")
    if unknown := sorted(set(scored) - set(learned)):
        only, mend = f"texts in {dev_file}", "Add texts with such entities to learn from"
        if dev_file is None:
            only = "held-out texts"
            mend = "Add more texts, or pass your own evaluation texts with --dev"
        said.append(
            f"The model does not learn {_list(unknown)}: only {only} have such entities. {mend}"
        )
    return said


def _count(texts: Sequence[SurveyedText], annotate: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text.labels(annotate) or {})
    return counts


def _with_entities(texts: Sequence[SurveyedText], annotate: str) -> int:
    return sum(bool(text.labels(annotate)) for text in texts)


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown
