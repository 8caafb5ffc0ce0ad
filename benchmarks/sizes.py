"""Speed at the sizes of real models: random Llamas, gold-forced, all methods side by side.

    python benchmarks/sizes.py --data DATA [--sizes 30M 120M] [--cases conll03 weibo labels60]

DATA holds `ner/<set>/test.jsonl.gz`, lines {"text": ..., "ents": [[start, end, label], ...]}. The
weights are random: what is decoded is forced to gold, every pass is a real one. "labels60" asks
60 labels of the CoNLL-2003 texts, four of which occur.
"""

import argparse
import gzip
import json
import time
from collections.abc import Iterable
from pathlib import Path

import torch
from tqdm import tqdm

from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.lm.language_model import LanguageModel
from spacy_padellm.models.loaded_model import LoadedModel
from spacy_padellm.models.make import create_model, train_tokenizer
from spacy_padellm.models.model_settings import ModelSettings
from spacy_padellm.prompts.template import get_template
from spacy_padellm.tools.benchmark.measuring import measure
from spacy_padellm.tools.benchmark.methods import make_decoder
from spacy_padellm.tools.benchmark.report import make_table, write_report

METHODS = ("paper", "tree", "ahead", "structured", "augmented")
SIZES = {
    "30M": {"hidden_size": 448, "num_hidden_layers": 8, "intermediate_size": 1216, "heads": 7},
    "120M": {"hidden_size": 768, "num_hidden_layers": 12, "intermediate_size": 2048, "heads": 12},
    "1B": {"hidden_size": 2048, "num_hidden_layers": 20, "intermediate_size": 5504, "heads": 16},
    "7B": {"hidden_size": 4096, "num_hidden_layers": 32, "intermediate_size": 11008, "heads": 32},
}
VOCABULARY = {"30M": 16384, "120M": 32768, "1B": 32000, "7B": 32000}
CASES: dict[str, str] = {
    "conll03": "conll03",
    "weibo": "weibo",
    "genia": "genia",
    "labels60": "conll03",
}


SPACELESS = {"weibo"}


def read_golds(data: Path, case: str, limit: int) -> tuple[list[GoldText], tuple[str, ...]]:
    """Texts spread over the whole test set, and the labels to ask."""
    path = data / "ner" / CASES[case] / "test.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf8") as file:
        records = [json.loads(line) for line in file]
    labels = sorted({label for record in records for _, _, label in record["ents"]})
    if case == "labels60":
        labels += [f"TYPE{i}" for i in range(60 - len(labels))]
    records = [record for record in records if record["text"].strip()]
    chosen = records[:: max(len(records) // limit, 1)][:limit]
    golds = [GoldText(r["text"], tuple((s, e, label) for s, e, label in r["ents"])) for r in chosen]
    return golds, tuple(labels)


def make_model(
    size: str,
    golds: list[GoldText],
    labels: tuple[str, ...],
    device: str = "cpu",
    dtype: str = "float32",
    spaceless: bool = False,
) -> LoadedModel:
    """A vocabulary smaller than asked (few texts) is filled up, so that the head has its size."""
    torch.manual_seed(0)
    sizes = dict(SIZES[size])
    heads = sizes.pop("heads")
    # A word is a token at most, and so is a character where there are no blanks between words.
    texts: Iterable[str] = (gold.text for gold in golds)
    if spaceless:  # twice, since only the second stands as it does inside a text
        texts = [2 * character for gold in golds for character in gold.text]
    tokenizer = train_tokenizer(texts, VOCABULARY[size], labels)
    with torch.device(device):
        model = create_model(
            tokenizer,
            "llama",
            **{**sizes, "vocab_size": VOCABULARY[size]},
            num_attention_heads=heads,
            num_key_value_heads=heads,
            max_position_embeddings=8192,
            tie_word_embeddings=True,
        )
    lm = LanguageModel(model.to(getattr(torch, dtype)).eval(), tokenizer, size)
    return LoadedModel(lm, ModelSettings(get_template("compact", copies=True), labels))


def weight_read_seconds(model: torch.nn.Module) -> float:
    """How long it takes to read every weight once, tensor by tensor."""
    weights = list(model.parameters())
    times = []
    for _ in range(6):
        began = time.perf_counter()
        for weight in weights:
            total = weight.sum()
        total.item()  # an accelerator is waited for
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sizes", nargs="+", default=["30M", "120M"], choices=SIZES)
    parser.add_argument(
        "--cases", nargs="+", default=["conll03", "weibo", "labels60"], choices=CASES
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--limit", type=int, default=64, help="texts of a set")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/sizes"))
    arguments = parser.parse_args()
    for size in arguments.sizes:
        for case in arguments.cases:
            golds, labels = read_golds(arguments.data, case, arguments.limit)
            loaded = make_model(
                size, golds, labels, arguments.device, arguments.dtype, case in SPACELESS
            )
            decoders = {name: make_decoder(name, loaded, golds) for name in arguments.methods}
            total = len(decoders) * len(arguments.batch_sizes) * arguments.rounds
            with tqdm(total=total, desc=f"{size} {case}") as bar:
                found = measure(
                    decoders,
                    golds,
                    labels,
                    arguments.batch_sizes,
                    arguments.rounds,
                    loaded.lm.device,
                    bar.update,
                )
            parameters = sum(weight.numel() for weight in loaded.lm.model.parameters())
            about = {"texts": len(golds), "labels": len(labels), "forced": True}
            about |= {"parameters": parameters, "device": arguments.device}
            about["dtype"] = arguments.dtype
            about["weight_read_ms"] = round(1000 * weight_read_seconds(loaded.lm.model), 2)
            command = (
                f"python benchmarks/sizes.py --data DATA --sizes {size} --cases {case} "
                f"--methods {' '.join(decoders)} --limit {arguments.limit} "
                f"--rounds {arguments.rounds} --device {arguments.device} "
                f"--dtype {arguments.dtype} "
                f"--batch-sizes {' '.join(map(str, arguments.batch_sizes))}"
            )
            output = arguments.output / f"{size}-{case}"
            write_report(output, f"{size} parameters, {case}", command, about, found)
            print(f"{size} {case}\n{make_table(found)}")


if __name__ == "__main__":
    main()
