"""The model in the box against autoregressive models of its size, each trained for its answers.

    python benchmarks/english.py --corpus corpus/english/uner_ewt.spacy \\
        [--autoregressive training/autoregressive]

The autoregressive models are those of `scripts/english_autoregressive.py`.
"""

import argparse
from pathlib import Path

from tqdm import tqdm

from spacy_padellm.benchmarking.corpus import read_corpus
from spacy_padellm.benchmarking.measuring import measure
from spacy_padellm.benchmarking.methods import AnyDecoder, make_decoder
from spacy_padellm.benchmarking.report import make_table, write_report
from spacy_padellm.loading import ModelSource, load_model

FORMATS = ("structured", "augmented")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--autoregressive", type=Path, help="left out where it is not given")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--limit", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/english_speed"))
    arguments = parser.parse_args()
    box = load_model(ModelSource("english"))
    golds = read_corpus(arguments.corpus, arguments.limit)
    decoders: dict[str, AnyDecoder] = {
        name: make_decoder(name, box) for name in ("paper-copy", "tree", "ahead")
    }
    for name in FORMATS if arguments.autoregressive else ():
        loaded = load_model(ModelSource(str(arguments.autoregressive / name / "model")))
        decoders[name] = make_decoder(name, loaded)
    total = len(decoders) * len(arguments.batch_sizes) * arguments.rounds
    with tqdm(total=total) as bar:
        found = measure(
            decoders,
            golds,
            box.labels,
            arguments.batch_sizes,
            arguments.rounds,
            box.lm.device,
            bar.update,
        )
    other = f"--autoregressive {arguments.autoregressive} " if arguments.autoregressive else ""
    command = (
        f"python benchmarks/english.py --corpus {arguments.corpus.name} "
        f"{other}--limit {arguments.limit} "
        f"--rounds {arguments.rounds} --batch-sizes {' '.join(map(str, arguments.batch_sizes))}"
    )
    about = {"texts": len(golds), "labels": len(box.labels), "forced": False}
    write_report(arguments.output, "The model in the box, UNER EWT test", command, about, found)
    print(make_table(found))


if __name__ == "__main__":
    main()
