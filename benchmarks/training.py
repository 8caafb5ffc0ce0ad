"""Fine-tuning on packed trees against rows of their own for every prompt, side by side.

    python benchmarks/training.py --data DATA [--size 30M] [--labels 4 16]

Same random Llama, texts (CoNLL-2003, gold), loss and optimiser; the rows are what fine-tuning
without a tree has: the text again for each label and for each mention. Further labels do not
occur in the texts. Then the peak memory of a LoRA step on a packed batch, against a step of plain
causal-LM fine-tuning of as many tokens, each in a process of its own.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from sizes import SIZES, make_model, read_golds

from spacy_padellm.learning.batch import TrainingBatch, batch_loss, make_batch
from spacy_padellm.learning.examples import TrainingText, make_training_text
from spacy_padellm.learning.optimizer import make_adam
from spacy_padellm.models.adapter_settings import AdapterSettings
from spacy_padellm.models.adapters import train_adapter
from spacy_padellm.models.loaded_model import LoadedModel
from spacy_padellm.tools.benchmark.memory import peak_megabytes, reset_peak

WAYS = {"rows": True, "packed": False}


def prepare(arguments: argparse.Namespace, n_labels: int) -> tuple[LoadedModel, list[TrainingText]]:
    golds, labels = read_golds(arguments.data, "conll03", arguments.texts)
    labels = (*labels, *(f"TYPE{i}" for i in range(n_labels - len(labels))))[:n_labels]
    loaded = make_model(
        arguments.size, golds, labels, arguments.device, arguments.dtype, spaceless=False
    )
    encoder = loaded.encoder()
    return loaded, [make_training_text(encoder, gold, labels) for gold in golds]


def batch_of(loaded: LoadedModel, texts: list[TrainingText], way: str) -> TrainingBatch:
    return make_batch(texts, expanded=WAYS[way], copies=loaded.template.copies)


def step(loaded: LoadedModel, optimizer: torch.optim.Optimizer, batch: TrainingBatch) -> float:
    """One whole optimiser step; seconds."""
    began = time.perf_counter()
    # Packed rows go through the tree pass, rows of their own through a plain causal one.
    lm = replace(loaded.lm, tree=not batch.expanded)
    loss = batch_loss(lm, batch) / batch.weight
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    loss.item()  # an accelerator is waited for
    return time.perf_counter() - began


def gradients_differ(loaded: LoadedModel, texts: list[TrainingText]) -> float:
    """The greatest relative difference of a weight's gradient between the two ways."""
    found: dict[str, dict[str, torch.Tensor]] = {}
    for way in WAYS:
        batch = batch_of(loaded, texts, way)
        lm = replace(loaded.lm, tree=not batch.expanded)
        (batch_loss(lm, batch) / batch.weight).backward()
        weights = dict(lm.model.named_parameters())
        found[way] = {k: p.grad.clone() for k, p in weights.items() if p.grad is not None}
        lm.model.zero_grad(set_to_none=True)
    rows, packed = found["rows"], found["packed"]
    moved = [k for k in rows if rows[k].norm() > 0]  # LoRA's A has none at the first step
    return max(((packed[k] - rows[k]).norm() / rows[k].norm()).item() for k in moved)


def speed(arguments: argparse.Namespace, n_labels: int) -> dict[str, Any]:
    loaded, texts = prepare(arguments, n_labels)
    if arguments.lora:
        loaded.lm = train_adapter(loaded.lm, AdapterSettings(rank=8))
    loaded.lm.model.train()
    row: dict[str, Any] = {"labels": n_labels}
    row["gradients"] = gradients_differ(loaded, texts[: arguments.batch])
    optimizer = make_adam(loaded.lm.model, learn_rate=1e-4)
    batches = [texts[i : i + arguments.batch] for i in range(0, len(texts), arguments.batch)]
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for way in WAYS:  # warm-up
        step(loaded, optimizer, batch_of(loaded, batches[0], way))
    for _ in range(arguments.rounds):
        for way in WAYS:
            packs = [batch_of(loaded, batch, way) for batch in batches]
            seconds[way].append(sum(step(loaded, optimizer, pack) for pack in packs))
            row[f"{way} tokens"] = sum(pack.n_tokens for pack in packs) / len(texts)
    for way in WAYS:
        row[f"{way} texts/s"] = len(texts) / statistics.median(seconds[way])
    pairs = zip(seconds["rows"], seconds["packed"], strict=True)
    row["ratio"] = statistics.median(rows / packed for rows, packed in pairs)
    return row


def memory(arguments: argparse.Namespace) -> dict[str, float]:
    """MiB of a LoRA step: the process, or the device."""
    loaded, texts = prepare(arguments, 4)
    batch = batch_of(loaded, texts[: arguments.batch], "packed")
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--size", default="30M", choices=SIZES)
    parser.add_argument("--labels", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--texts", type=int, default=32)
    parser.add_argument("--batch", type=int, default=8, help="texts per step")
    parser.add_argument("--memory-texts", type=int, default=64, help="in the step of LoRA")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--memory", choices=["packed", "plain"], help="that alone, as JSON")
    parser.add_argument("--lora", action="store_true", help="speed of LoRA, not of all weights")
    parser.add_argument("--skip-speed", action="store_true", help="memory only")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/training.md"))
    arguments = parser.parse_args()
    if arguments.memory:
        print(json.dumps(memory(arguments)))
        return
    asked = [str(value) for value in sys.argv[1:]]
    at = asked.index("--data")
    asked[at + 1] = "DATA"
    lines = ["# Fine-tuning: packed trees against a row for every prompt", ""]
    lines += [f"`python benchmarks/training.py {' '.join(asked)}`", ""]
    trained = "LoRA" if arguments.lora else "all weights"
    about = (
        f"{arguments.size} parameters, {trained} trained, {arguments.dtype} on {arguments.device}"
    )
    lines += [f"{about}, {torch.get_num_threads()} threads, {time.strftime('%Y-%m-%d')}", ""]
    if not arguments.skip_speed:
        lines += ["| labels | texts/s, rows | texts/s, packed | ratio | tokens per text, rows | "]
        lines[-1] += "packed | gradients differ by |"
        lines.append("|---" * 7 + "|")
        for n_labels in arguments.labels:
            row = speed(arguments, n_labels)
            lines.append(
                f"| {n_labels} | {row['rows texts/s']:.2f} | {row['packed texts/s']:.2f} | "
                f"{row['ratio']:.2f} | {row['rows tokens']:.0f} | {row['packed tokens']:.0f} | "
                f"{row['gradients']:.1e} |"
            )
            print(lines[-1], flush=True)
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
