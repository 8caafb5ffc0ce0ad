"""How cost grows: with the length of a text, with labels, with mentions. Random Llama, gold-forced.

    python benchmarks/growth.py --data DATA [--output benchmarks/results/growth]

Needs matplotlib (`pip install -e .[benchmark]`).

DATA holds `ner/conll03/test.jsonl.gz`. Each point is the median of some runs of one text, after a
warm-up; a long text is also read in windows of 512 tokens, as the component does by default.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from sizes import make_model, read_golds
from tqdm import tqdm

from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.models.loaded_model import LoadedModel
from spacy_padellm.tools.benchmark.methods import make_decoder

LENGTHS = (125, 250, 500, 1000, 2000, 4000)
LABELS = (1, 2, 4, 8, 16, 32, 64)
MENTIONS = (0, 4, 8, 16, 32, 64)
WINDOW = 512


def joined(golds: Sequence[GoldText], size: int, loaded: LoadedModel) -> list[GoldText]:
    """Texts in a row, of `size` tokens in all, cut into windows of at most WINDOW tokens."""
    encoder = loaded.encoder()
    windows: list[GoldText] = []
    text, spans, tokens, total = "", [], 0, 0
    for gold in golds:
        n = len(encoder.encode_text(" " + gold.text).ids)
        if tokens + n > WINDOW or total + n > size:
            windows.append(GoldText(text, tuple(spans)))
            text, spans, tokens = "", [], 0
        if total + n > size:
            break
        start = len(text) + 1 if text else 0
        text = f"{text} {gold.text}" if text else gold.text
        spans += [(s + start, e + start, label) for s, e, label in gold.spans]
        tokens, total = tokens + n, total + n
    return [window for window in windows if window.text]


def one_text(windows: Sequence[GoldText]) -> GoldText:
    text, spans = "", []
    for window in windows:
        start = len(text) + 1 if text else 0
        text = f"{text} {window.text}" if text else window.text
        spans += [(s + start, e + start, label) for s, e, label in window.spans]
    return GoldText(text, tuple(spans))


def seconds(
    method: str, loaded: LoadedModel, golds: Sequence[GoldText], labels: Sequence[str], runs: int
) -> float:
    decoder = make_decoder(method, loaded, golds)
    times = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        decoder.predict([gold.text for gold in golds], labels)
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/growth"))
    parser.add_argument("--size", default="30M")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    golds, labels = read_golds(arguments.data, "conll03", 1000)
    many = (*labels, *(f"TYPE{i}" for i in range(max(LABELS) - len(labels))))
    loaded = make_model(arguments.size, golds, many)
    named = [gold for gold in golds if gold.spans]
    words = [f"W{i}" for i in range(100)]
    curves: dict[str, dict[str, list[tuple[int, float]]]] = {}

    def add(plot: str, curve: str, x: int, method: str, texts: Sequence[GoldText], of: int) -> None:
        found = seconds(method, loaded, texts, many[:of], arguments.runs)
        curves.setdefault(plot, {}).setdefault(curve, []).append((x, found))

    for length in tqdm(LENGTHS, "tokens of the text, 4 labels"):
        windows = joined(golds, length, loaded)
        whole = [one_text(windows)]
        add("tokens of the text", "ahead, windows of 512", length, "ahead", windows, 4)
        add("tokens of the text", "ahead, one piece", length, "ahead", whole, 4)
        if length <= 500:
            add("tokens of the text", "paper, windows of 512", length, "paper", windows, 4)
    for n in tqdm(LABELS, "labels"):
        gold = next(gold for gold in named if len(gold.text.split()) == 25)
        add("labels", "ahead", n, "ahead", [gold], n)
        add("labels", "paper", n, "paper", [gold], n)
    for n in tqdm(MENTIONS, "mentions"):
        spans, at = [], 0
        for i, word in enumerate(words):
            if i < n:
                spans.append((at, at + len(word), labels[0]))
            at += len(word) + 1
        gold = GoldText(" ".join(words), tuple(spans))
        add("mentions", "ahead", n, "ahead", [gold], 4)
        add("mentions", "paper", n, "paper", [gold], 4)
    write(
        arguments.output, curves, f"python benchmarks/growth.py --data DATA --runs {arguments.runs}"
    )


def write(output: Path, curves: dict, command: str) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    report = {"command": command, "date": time.strftime("%Y-%m-%d"), "seconds": curves}
    output.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf8")
    lines = ["# How cost grows", "", f"`{command}`, 30M parameters, milliseconds of one text", ""]
    for plot, by_name in curves.items():
        xs = [x for x, _ in next(iter(by_name.values()))]
        lines += [f"| {plot} | " + " | ".join(map(str, xs)) + " |", "|---" * (len(xs) + 1) + "|"]
        for name, points in by_name.items():
            cells = [f"{1000 * y:.0f}" for _, y in points]
            lines.append(f"| {name} | " + " | ".join(cells) + " |" + " |" * (len(xs) - len(cells)))
        lines.append("")
    output.with_suffix(".md").write_text("\n".join(lines), encoding="utf8")
    figure = Figure(figsize=(12, 3.4), layout="constrained")
    for axes, (plot, by_name) in zip(figure.subplots(1, len(curves)), curves.items(), strict=True):
        for name, points in by_name.items():
            axes.plot(*zip(*points, strict=True), marker="o", label=name)
        axes.set_xlabel(plot)
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=8)
    figure.axes[0].set_ylabel("seconds per text")
    figure.savefig(output.with_suffix(".png"), dpi=120)


if __name__ == "__main__":
    main()
