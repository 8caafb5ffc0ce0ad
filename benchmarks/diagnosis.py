"""Where a model that writes counts and mentions loses: F1 with gold counts, with gold first tokens.

    python benchmarks/diagnosis.py training/mine/model-best test.jsonl

Each row gives the model more of the answer: nothing, how many mentions there are, and how each
of them begins. What is missing in the last row is lost by ends; what the rows gain, by counts and
by which mention is the i-th.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import spacy

from spacy_padellm.decoding import Decoder, DecodingSettings
from spacy_padellm.formats.gold_text import GoldText, Item, Place, touches
from spacy_padellm.pipeline.component import PaDeLLMNER
from spacy_padellm.spans.scoring import span_scores
from spacy_padellm.tools.benchmark.corpus import read_corpus
from spacy_padellm.tools.benchmark.forcing import Forced, GoldForcedModel

ROWS: dict[str, Forced | None] = {
    "as it is": None,
    "counts given": "counts",
    "counts and first tokens given": "starts",
}


def decode(pipe: PaDeLLMNER, golds: Sequence[GoldText], forced: Forced | None) -> list[set[Item]]:
    """What is found in each text, of what gold judges. forced: the part of the answer that is
    given."""
    loaded, labels = pipe.shim.loaded, list(pipe.labels)
    encoder = loaded.encoder()
    lm = GoldForcedModel(loaded.lm, encoder, golds, forced) if forced else loaded.lm
    decoder = Decoder(lm, encoder, DecodingSettings("tree", draft_tokens=0, guess_counts=()))
    predictions = decoder.predict([gold.text for gold in golds], labels)
    return [
        gold.judged({(m.label, m.start, m.end) for m in p.mentions if m.start is not None})
        for gold, p in zip(golds, predictions, strict=True)
    ]


def kinds_of_errors(found: Sequence[set[Item]], golds: Sequence[GoldText]) -> Counter[str]:
    """missed: nothing of the label overlaps it. edges: one does. made up: overlaps no gold one."""
    kinds: Counter[str] = Counter()
    for mentions, gold in zip(found, golds, strict=True):
        wanted = gold.items()
        for label, start, end in wanted - mentions:
            near = touches(start, end, _places(mentions - wanted, label))
            kinds["edges" if near else "missed"] += 1
        for label, start, end in mentions - wanted:
            kinds["made up"] += not touches(start, end, _places(wanted, label))
    return kinds


def _places(items: Iterable[Item], label: str) -> list[Place]:
    return [(start, end) for other, start, end in items if other == label]


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pipeline", type=Path)
    parser.add_argument("corpus", type=Path)
    arguments = parser.parse_args(given)
    nlp = spacy.load(arguments.pipeline)
    pipe = nlp.get_pipe("padellm_ner")
    if pipe.shim.loaded.lm.points:
        parser.error(f"{arguments.pipeline} points at mentions; this is about models that write")
    golds = read_corpus(arguments.corpus)
    print("| | F1 | P | R | missed | wrong edges | made up |\n|---|---|---|---|---|---|---|")
    for name, forced in ROWS.items():
        found = decode(pipe, golds, forced)
        scores = span_scores([gold.items() for gold in golds], found)
        kinds = kinds_of_errors(found, golds)
        cells = [f"{100 * scores[key]:.1f}" for key in ("f", "p", "r")]
        cells += [str(kinds[kind]) for kind in ("missed", "edges", "made up")]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
