"""Makes a trained model fit the package: the pieces of words that English has, weights in 8 bits.

python scripts/english_shrink.py MODEL OUTPUT --texts corpus/english
    [--average MODEL ...] [--pieces 22000] [--begins 0.3] [--window 64] [--labels PER ORG LOC]

MODEL is a folder with a WordPiece vocabulary, of which the pieces that are the most frequent in the
texts stay, and all of one character: a word with another piece is cut into more of these.
`--labels` are what it finds unless it is asked for others: PER, ORG and LOC, or none. A mention
begins where the model says 0.5: `--begins` moves what it says, so that this is where it said so
much; a calibration of MODEL is left out, since it no longer holds. `--window` is the length, in
tokens, that it reads best. `--average` takes further runs that began with the same weights, and
writes the mean of all.
"""

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import srsly
import torch
from beginnings import POINTERS, add_begins, check_begins, take_begins, write_pointers
from english_data import LABELS
from safetensors.torch import load_file
from spacy.util import minibatch
from tokenizers import Tokenizer
from torch import Tensor

from spacy_padellm.models.files.rounded import write_rounded

WEIGHTS, SETTINGS = "model.safetensors", "padellm.json"
PREFIX = "##"  # of a piece inside a word


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--texts", type=Path, required=True, help="a folder of .jsonl files")
    parser.add_argument("--pieces", type=int, default=22_000)
    add_begins(parser)
    parser.add_argument("--window", type=int)
    parser.add_argument("--labels", nargs="*", default=list(LABELS), metavar="LABEL")
    parser.add_argument("--average", nargs="*", type=Path, default=[], metavar="MODEL")
    arguments = parser.parse_args()
    check_begins(parser, arguments.begins)
    model, output = arguments.model, arguments.output
    shutil.copytree(model, output, dirs_exist_ok=True)
    about = json.loads((model / "tokenizer.json").read_text(encoding="utf8"))
    counts = count_pieces(model / "tokenizer.json", read_texts(arguments.texts))
    kept = choose(about, counts, arguments.pieces)
    numbers = {old: new for new, old in enumerate(kept)}
    (output / "tokenizer.json").write_text(
        json.dumps(renumber(about, numbers), ensure_ascii=False), encoding="utf8"
    )
    config = json.loads((model / "config.json").read_text())
    size = config["vocab_size"]
    for name, value in config.items():
        if name.endswith("_token_id") and isinstance(value, int):
            config[name] = numbers[value]
    config["vocab_size"] = len(kept)
    (output / "config.json").write_text(json.dumps(config, indent=2))
    (output / "generation_config.json").unlink(missing_ok=True)
    settings = json.loads((model / SETTINGS).read_text(encoding="utf8"))
    settings["labels"] = arguments.labels
    settings.pop("made_of", None)  # the box knows its own
    begins = take_begins(settings, arguments.begins)
    described = settings.get("descriptions", {}).items()
    settings["descriptions"] = {
        label: text for label, text in described if label in settings["labels"]
    }
    settings["window"] = arguments.window or settings.get("window")
    (output / SETTINGS).write_text(json.dumps(settings, indent=2))
    runs = [model, *arguments.average]
    weights = average([load_file(run / WEIGHTS) for run in runs])
    rows = {k: v[kept] if v.shape[0] == size else v for k, v in weights.items()}
    write_rounded(rows, output / WEIGHTS)
    pointers = average([load_file(run / POINTERS) for run in runs])
    write_pointers(pointers, begins, model, output)
    total = sum(counts.values())
    whole = sum(counts[old] for old in kept) / total
    megabytes = sum(path.stat().st_size for path in output.iterdir()) / 1e6
    print(f"{len(kept):,} of {size:,} pieces, {whole:.2%} of those in texts; {megabytes:.1f} MB")


def average(runs: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Weights by name, the mean of runs that have the same ones; integers, which are not trained,
    are the first run's. Raises ValueError for others."""
    first = runs[0]
    sizes = {name: weight.shape for name, weight in first.items()}
    if any({name: weight.shape for name, weight in run.items()} != sizes for run in runs):
        raise ValueError("the weights of --average have other names or shapes than those of MODEL")
    return {
        name: torch.stack([run[name] for run in runs]).mean(0)
        if weight.is_floating_point()
        else weight
        for name, weight in first.items()
    }


def read_texts(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.jsonl")):
        if path.name.endswith(".dev.jsonl"):
            continue
        yield from (record["text"] for record in srsly.read_jsonl(path))


def count_pieces(path: Path, texts: Iterator[str]) -> Counter[int]:
    tokenizer = Tokenizer.from_file(str(path))
    counts: Counter[int] = Counter()
    for some in minibatch(texts, 1000):
        for encoded in tokenizer.encode_batch(some, add_special_tokens=False):
            counts.update(encoded.ids)
    return counts


def choose(about: dict[str, Any], counts: Counter[int], n: int) -> list[int]:
    """Ids that stay, in order: special tokens, single characters, the most frequent pieces."""
    vocabulary = about["model"]["vocab"]
    kept = {token["id"] for token in about["added_tokens"]}
    kept |= {i for piece, i in vocabulary.items() if len(piece.removeprefix(PREFIX)) == 1}
    for i, _ in counts.most_common():
        if len(kept) >= n:
            break
        kept.add(i)
    return sorted(kept)


def renumber(about: dict[str, Any], numbers: dict[int, int]) -> dict[str, Any]:
    """The tokenizer with these ids alone."""
    model = about["model"]
    vocabulary = {piece: numbers[i] for piece, i in model["vocab"].items() if i in numbers}
    added = [{**token, "id": numbers[token["id"]]} for token in about["added_tokens"]]
    processor = about["post_processor"]
    for special in (processor or {}).get("special_tokens", {}).values():
        special["ids"] = [numbers[i] for i in special["ids"]]
    return {**about, "model": {**model, "vocab": vocabulary}, "added_tokens": added}


if __name__ == "__main__":
    main()
