"""Where a model that writes counts and mentions loses: F1 with gold counts, with gold first tokens.

    python benchmarks/diagnosis.py training/mine/model-best test.jsonl

Each row gives the model more of the answer: nothing, how many mentions there are, and how each
of them begins. What is missing in the last row is lost by ends; what the rows gain, by counts and
by which mention is the i-th.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import spacy

from spacy_padellm.decoding import Decoder, DecodingSettings
from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.tools.benchmark.corpus import read_corpus
from spacy_padellm.tools.benchmark.forcing import Forced, GoldForcedModel

ROWS: dict[str, Forced | None] = {
    "as it is": None,
    "counts given": "counts",
    "counts and first tokens given": "starts",
}
Found = set[tuple[int, int, str]]


def decode(pipe, golds: Sequence[GoldText], forced: Forced | None) -> list[Found]:
    """What is found in each text. forced: the part of the answer that is given."""
    loaded, labels = pipe.shim.loaded, list(pipe.labels)
    encoder = loaded.encoder()
    lm = GoldForcedModel(loaded.lm, encoder, golds, forced) if forced else loaded.lm
    decoder = Decoder(lm, encoder, DecodingSettings("tree", draft_tokens=0, guess_counts=()))
    predictions = decoder.predict([gold.text for gold in golds], labels)
    return [
        {(m.start, m.end, m.label) for m in p.mentions if m.start is not None} for p in predictions
    ]


def kinds_of_errors(found: Sequence[Found], golds: Sequence[GoldText]) -> Counter[str]:
    """missed: nothing of the label overlaps it. edges: one does. made up: overlaps no gold one."""
    kinds: Counter[str] = Counter()
    for mentions, gold in zip(found, golds, strict=True):
        wanted = set(gold.spans)
        for s, e, label in wanted - mentions:
            near = any(a < e and s < b and x == label for a, b, x in mentions - wanted)
            kinds["edges" if near else "missed"] += 1
        for s, e, label in mentions - wanted:
            near = any(a < e and s < b and x == label for a, b, x in wanted)
            kinds["made up"] += not near
    return kinds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pipeline", type=Path)
    parser.add_argument("corpus", type=Path)
    arguments = parser.parse_args()
    nlp = spacy.load(arguments.pipeline)
    pipe = nlp.get_pipe("padellm_ner")
    if pipe.shim.loaded.lm.points:
        parser.error(f"{arguments.pipeline} points at mentions; this is about models that write")
    golds = [gold for gold in read_corpus(arguments.corpus) if gold.text.strip()]
    print("| | F1 | P | R | missed | wrong edges | made up |\n|---|---|---|---|---|---|---|")
    for name, forced in ROWS.items():
        found = decode(pipe, golds, forced)
        right = sum(len(f & set(g.spans)) for f, g in zip(found, golds, strict=True))
        said, wanted = sum(map(len, found)), sum(len(set(g.spans)) for g in golds)
        p, r = right / max(said, 1), right / max(wanted, 1)
        kinds = kinds_of_errors(found, golds)
        cells = [f"{100 * x:.1f}" for x in (2 * p * r / max(p + r, 1e-9), p, r)]
        cells += [str(kinds[kind]) for kind in ("missed", "edges", "made up")]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
