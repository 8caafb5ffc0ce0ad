"""Fine-tuning on packed trees against rows of their own for every prompt, side by side.

    python benchmarks/training.py --data DATA [--size 30M] [--labels 4 16]

Same random Llama, texts (CoNLL-2003, gold), loss, optimiser and texts of a step; the rows are what
fine-tuning without a tree has: the text again for each label and for each mention. Both are read in
passes of at most `--token-budget` tokens, padding included, and rows of about the same length share
a pass, as fine-tuning usually groups them. Further labels do not occur in the texts. Then the peak
memory of a LoRA step on a packed batch, against a step of plain causal-LM fine-tuning of as many
tokens, each in a process of its own.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from sizes import SIZES, make_model, read_golds

from spacy_padellm.learning.batch import TrainingBatch, batch_loss, make_batch
from spacy_padellm.learning.examples import TrainingText, make_training_text
from spacy_padellm.learning.optimizer import make_adam
from spacy_padellm.lm.batching import plan_batches
from spacy_padellm.lm.pointing_batch import CPU_TOKENS
from spacy_padellm.models.adapter_settings import AdapterSettings
from spacy_padellm.models.adapters import train_adapter
from spacy_padellm.models.loaded_model import LoadedModel
from spacy_padellm.tools.benchmark.memory import peak_megabytes, reset_peak

WAYS = {"rows": True, "packed": False}
COLUMNS = (
    "labels",
    "texts/s, rows",
    "texts/s, packed",
    "ratio",
    "tokens per text, rows (with padding)",
    "packed (with padding)",
    "gradients differ by",
)


def prepare(arguments: argparse.Namespace, n_labels: int) -> tuple[LoadedModel, list[TrainingText]]:
    golds, labels = read_golds(arguments.data, "conll03", arguments.texts)
    labels = (*labels, *(f"TYPE{i}" for i in range(n_labels - len(labels))))[:n_labels]
    loaded = make_model(
        arguments.size, golds, labels, arguments.device, arguments.dtype, spaceless=False
    )
    encoder = loaded.encoder()
    return loaded, [make_training_text(encoder, gold, labels) for gold in golds]


def passes_of(
    loaded: LoadedModel, texts: Sequence[TrainingText], way: str, budget: int
) -> list[TrainingBatch]:
    """The forward passes of a step, each of at most `budget` tokens."""
    rows = WAYS[way]
    if rows:
        texts = [replace(text, paths=(path,)) for text in texts for path in text.paths]
    sizes = [len(text.paths[0].ids) - 1 if rows else text.size for text in texts]
    plans = plan_batches(sizes, budget, padded=rows)
    copies = loaded.template.copies
    return [make_batch([texts[i] for i in plan], expanded=rows, copies=copies) for plan in plans]


def real_tokens(text: TrainingText, way: str) -> int:
    """Those that are read of a text, without padding: of every row, or of every prefix once."""
    if WAYS[way]:
        return sum(len(path.ids) - 1 for path in text.paths)
    return len({path.ids[:n] for path in text.paths for n in range(1, len(path.ids))})


def learn(loaded: LoadedModel, passes: Sequence[TrainingBatch]) -> None:
    """Adds the gradients of a step's mean loss to those that the weights have."""
    weight = sum(batch.weight for batch in passes)
    for batch in passes:
        # Packed rows go through the tree pass, rows of their own through a plain causal one.
        lm = replace(loaded.lm, tree=not batch.expanded)
        (batch_loss(lm, batch) / weight).backward()


def step(
    loaded: LoadedModel, optimizer: torch.optim.Optimizer, passes: Sequence[TrainingBatch]
) -> float:
    """One whole optimiser step; seconds."""
    began = time.perf_counter()
    learn(loaded, passes)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if loaded.lm.device.type != "cpu":
        torch.accelerator.synchronize()
    return time.perf_counter() - began


def gradients_differ(loaded: LoadedModel, texts: list[TrainingText], budget: int) -> float:
    """The greatest relative difference of a weight's gradient between the two ways."""
    found: dict[str, dict[str, torch.Tensor]] = {}
    for way in WAYS:
        learn(loaded, passes_of(loaded, texts, way, budget))
        weights = dict(loaded.lm.model.named_parameters())
        found[way] = {k: p.grad.clone() for k, p in weights.items() if p.grad is not None}
        loaded.lm.model.zero_grad(set_to_none=True)
    rows, packed = found["rows"], found["packed"]
    moved = [k for k in rows if rows[k].norm() > 0]  # LoRA's A has none at the first step
    return max(((packed[k] - rows[k]).norm() / rows[k].norm()).item() for k in moved)


def speed(arguments: argparse.Namespace, n_labels: int) -> dict[str, Any]:
    loaded, texts = prepare(arguments, n_labels)
    if arguments.lora:
        loaded = replace(loaded, lm=train_adapter(loaded.lm, AdapterSettings(rank=8)))
    loaded.lm.model.train()
    budget = arguments.token_budget
    row: dict[str, Any] = {"labels": n_labels}
    row["gradients"] = gradients_differ(loaded, texts[:8], budget)
    optimizer = make_adam(loaded.lm.model, learn_rate=1e-4)
    batches = [texts[i : i + arguments.batch] for i in range(0, len(texts), arguments.batch)]
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    steps = {way: [passes_of(loaded, some, way, budget) for some in batches] for way in WAYS}
    for way in WAYS:  # warm-up
        step(loaded, optimizer, steps[way][0][:1])
    for _ in range(arguments.rounds):
        for way in WAYS:
            seconds[way].append(sum(step(loaded, optimizer, passes) for passes in steps[way]))
    for way in WAYS:
        row[f"{way} texts/s"] = len(texts) / statistics.median(seconds[way])
        row[f"{way} real"] = sum(real_tokens(text, way) for text in texts) / len(texts)
        read = sum(batch.n_tokens for passes in steps[way] for batch in passes)
        row[f"{way} tokens"] = read / len(texts)
    pairs = zip(seconds["rows"], seconds["packed"], strict=True)
    row["ratio"] = statistics.median(rows / packed for rows, packed in pairs)
    return row


def memory(arguments: argparse.Namespace) -> dict[str, float]:
    """MiB of a LoRA step: the process, or the device."""
    loaded, texts = prepare(arguments, 4)
    batch = make_batch(texts[: arguments.batch], copies=loaded.template.copies)
    lm = train_adapter(loaded.lm, AdapterSettings(rank=8))
    lm.model.train()
    optimizer = make_adam(lm.model, learn_rate=1e-4)
    ids = torch.from_numpy(batch.taken.ids).to(lm.device)
    before = peak_megabytes(lm.device) or 0.0
    for _ in range(2):  # the optimiser has its state from the second on
        reset_peak(lm.device)
        if arguments.memory == "packed":
            loss = batch_loss(lm, batch) / batch.weight
        else:
            loss = lm.model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    peak = peak_megabytes(lm.device) or 0.0
    return {"tokens": int(ids.numel()), "peak": peak, "before": before}


def measured_apart(arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    found = {}
    for way in ("packed", "plain"):
        given = ["--data", str(arguments.data), "--size", arguments.size, "--memory", way]
        given += ["--device", arguments.device, "--dtype", arguments.dtype]
        texts = str(arguments.memory_texts)
        given += ["--texts", texts, "--batch", texts]
        done = subprocess.run(
            [sys.executable, __file__, *given], capture_output=True, text=True, check=True
        )
        found[way] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(words: Sequence[str] | None = None) -> None:
    given = sys.argv[1:] if words is None else list(words)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--size", default="30M", choices=SIZES)
    parser.add_argument("--labels", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--texts", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64, help="texts per step")
    parser.add_argument("--token-budget", type=int, default=CPU_TOKENS, help="tokens of a pass")
    parser.add_argument("--memory-texts", type=int, default=64, help="in the step of LoRA")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--memory", choices=["packed", "plain"], help="that alone, as JSON")
    parser.add_argument("--lora", action="store_true", help="speed of LoRA, not of all weights")
    parser.add_argument("--skip-speed", action="store_true", help="memory only")
    parser.add_argument("--skip-memory", action="store_true", help="speed only")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/training.md"))
    arguments = parser.parse_args(given)
    if arguments.memory:
        print(json.dumps(memory(arguments)))
        return
    asked = list(given)
    asked[asked.index("--data") + 1] = "DATA"
    lines = ["# Fine-tuning: packed trees against a row for every prompt", ""]
    lines += [f"`python benchmarks/training.py {' '.join(asked)}`", ""]
    trained = "LoRA" if arguments.lora else "all weights"
    about = (
        f"{arguments.size} parameters, {trained} trained, {arguments.dtype} on {arguments.device}"
    )
    lines += [f"{about}, {torch.get_num_threads()} threads, {time.strftime('%Y-%m-%d')}", ""]
    if not arguments.skip_speed:
        lines += [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
        for n_labels in arguments.labels:
            row = speed(arguments, n_labels)
            lines.append(
                f"| {n_labels} | {row['rows texts/s']:.2f} | {row['packed texts/s']:.2f} | "
                f"{row['ratio']:.2f} | {row['rows real']:.0f} ({row['rows tokens']:.0f}) | "
                f"{row['packed real']:.0f} ({row['packed tokens']:.0f}) | {row['gradients']:.1e} |"
            )
            print(lines[-1], flush=True)
    if not arguments.skip_memory:
        apart = measured_apart(arguments)
        lines += ["", f"A LoRA step on {apart['packed']['tokens']} tokens, peak MiB:", ""]
        lines += ["| packed trees | plain causal-LM fine-tuning | of these, weights and program |"]
        lines += ["|---|---|---|"]
        peaks = [f"{apart[way]['peak']:.0f}" for way in ("packed", "plain")]
        lines.append(f"| {peaks[0]} | {peaks[1]} | {apart['packed']['before']:.0f} |")
        print(lines[-1])
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text("\n".join(lines) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
