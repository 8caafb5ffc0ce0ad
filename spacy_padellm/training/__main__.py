"""`python -m spacy_padellm.training`: pretraining and fine-tuning where spaCy is not installed."""

import argparse
import json
import logging
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..extras import need
from .budget import Budget


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    asked = _parser().parse_args(arguments)
    if asked.seconds is None and asked.steps is None:
        asked.steps = 1000
    try:
        folder = asked.run(asked, Budget(asked.seconds, asked.steps))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    print(f"The model is in {folder}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m spacy_padellm.training", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    pretrain = commands.add_parser(
        "pretrain", help="a tokenizer and a model from text files, a paragraph a line"
    )
    pretrain.add_argument("texts", nargs="+", type=Path, help="plain, .gz or .xz, UTF-8")
    pretrain.add_argument("--architecture", default="llama", help="of transformers")
    pretrain.add_argument("--sizes", type=_object, default={}, help="its config's fields, as JSON")
    pretrain.add_argument("--vocab-size", type=int, default=8192)
    pretrain.add_argument("--labels", default="", help="labels with a token of their own: PER,LOC")
    pretrain.add_argument("--max-count", type=int, default=64)
    pretrain.add_argument("--causal", action="store_true", help="texts are not read both ways")
    pretrain.add_argument("--rows", type=int, default=16)
    pretrain.add_argument("--row-length", type=int, default=256)
    pretrain.set_defaults(run=_pretrain, learn_rate=3e-3)
    tune = commands.add_parser("finetune", help="entities from JSON lines {text, ents}")
    tune.add_argument("model", help="folder or Hub id")
    tune.add_argument("train", nargs="+", type=Path)
    tune.add_argument("--dev", type=Path, help="the weights that do best on it are kept")
    tune.add_argument("--peft", type=_object, help="an adapter, as the config block: {} or more")
    tune.add_argument("--labels", default="", help="looked for in all files: PER,LOC")
    tune.add_argument("--tagging", type=float, default=0.0, help="weight of deep supervision")
    tune.add_argument("--batch-tokens", type=int, default=2048)
    tune.add_argument("--evaluate-seconds", type=float, default=600)
    tune.set_defaults(run=_finetune, learn_rate=1e-3)
    for command in (pretrain, tune):
        command.add_argument("--output", "-o", type=Path, required=True)
        command.add_argument("--device", default="auto")
        command.add_argument("--learn-rate", type=float)
        budget = command.add_mutually_exclusive_group()
        budget.add_argument("--seconds", type=float, help="over all runs that are resumed")
        budget.add_argument("--steps", type=int, help="1000 where neither is given")
        command.add_argument("--checkpoint-seconds", type=float, default=120)
    return parser


def _pretrain(asked: argparse.Namespace, budget: Budget) -> Path:
    _check_files(asked.texts, "text file")
    need("torch", "training")
    from ..models.hardware import Hardware
    from ..models.new_model import NewModel
    from ..prompts.template import get_template
    from .from_text.stages import pretrain_on_files

    new = NewModel(
        asked.architecture,
        asked.sizes,
        asked.vocab_size,
        get_template("compact", bidirectional=not asked.causal, copies=True),
        asked.max_count,
        Hardware(asked.device),
    )
    return pretrain_on_files(
        asked.texts,
        asked.output,
        new,
        [label for label in asked.labels.split(",") if label],
        budget,
        rows=asked.rows,
        row_length=asked.row_length,
        learn_rate=asked.learn_rate,
        checkpoint_seconds=asked.checkpoint_seconds,
    )


def _finetune(asked: argparse.Namespace, budget: Budget) -> Path:
    _check_files([*asked.train, *([asked.dev] if asked.dev else [])])
    need("torch", "training")
    from ..models.adapter_settings import AdapterSettings
    from .from_text.stages import finetune_on_files

    return finetune_on_files(
        asked.model,
        asked.train,
        asked.dev,
        asked.output,
        budget,
        asked.device,
        None if asked.peft is None else AdapterSettings.read(asked.peft),
        [label for label in asked.labels.split(",") if label],
        asked.tagging,
        asked.batch_tokens,
        learn_rate=asked.learn_rate,
        evaluate_seconds=asked.evaluate_seconds,
        checkpoint_seconds=asked.checkpoint_seconds,
    )


def _check_files(paths: Iterable[Path], kind: str = "file") -> None:
    """Before seconds of imports. Raises FileNotFoundError for one that is not there."""
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"there is no {kind} {path}")


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("give a JSON object")
    return found


if __name__ == "__main__":
    sys.exit(main())
