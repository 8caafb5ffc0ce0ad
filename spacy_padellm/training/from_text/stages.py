"""From plain text to a model that finds entities, where spaCy is not installed.

Two stages, each resumable: `pretrain_on_files` makes tokenizer and weights, `finetune_on_files`
teaches them entities. Both write a folder `model` that the component takes as `model.name`.
"""

import contextlib
import functools
import inspect
import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ParamSpec

import torch
from transformers import PreTrainedTokenizerFast

from ...atomic import alone_in, claim, whole_folder
from ...decoding import Decoder
from ...formats import jsonl
from ...formats.annotated_text import Problem
from ...formats.gold_text import GoldText
from ...learning.examples import TrainingText, make_training_text
from ...learning.mixture import Mixture
from ...lm.gradients import gradients_on
from ...lm.language_model import LanguageModel
from ...logs import first_line
from ...models.adapter_settings import AdapterSettings
from ...models.hardware import Hardware
from ...models.load import load_model
from ...models.loaded_model import ModelSource
from ...models.new_model import NewModel
from ...models.save import save_model
from ...models.special_tokens import add_special_tokens
from ...models.trainable import make_trainable
from ...plurals import count, verb
from ..budget import Budget
from .finetuning import evaluate_spans, finetune
from .pretraining import encode_files, pretrain, read_lines
from .tagging import TaggingHeads

logger = logging.getLogger(__name__)
P = ParamSpec("P")
# Where none are given: 4 million weights, which two CPU cores train in an hour.
DEFAULT_SIZES = {
    "hidden_size": 192,
    "num_hidden_layers": 6,
    "intermediate_size": 512,
    "num_attention_heads": 3,
    "num_key_value_heads": 3,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": True,
}
TOKENIZER_LINES = 200_000  # more say nothing new about which strings are frequent


def _alone(run: Callable[P, Path]) -> Callable[P, Path]:
    """Keeps other runs out of the folder `output` of one."""

    @functools.wraps(run)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Path:
        output = inspect.signature(run).bind(*args, **kwargs).arguments["output"]
        with alone_in(output), gradients_on():
            return run(*args, **kwargs)

    return guarded


@_alone
def pretrain_on_files(
    paths: Sequence[Path],
    output: Path,
    new: NewModel,
    labels: Sequence[str],
    budget: Budget,
    **options: Any,
) -> Path:
    """Language modelling on text files, a paragraph a line; returns the folder of the model.

    new: without sizes, a Llama has `DEFAULT_SIZES`. labels: those that get a token of their own.
    options: of `pretrain` (rows, row_length, learn_rate, ...). What is done already is not done
    again: tokenizer, ids, and steps up to the last checkpoint.

    Raises OSError for a file that is not there, ValueError for sizes that make no model or are
    missing for another architecture, whose own are those of a large model; and for an output in
    which another request was begun, or another run is at this moment.
    """
    if not new.sizes and new.architecture != "llama":
        raise ValueError(
            f"--sizes is missing: give fields of the config of {new.architecture!r}, such as "
            f"hidden_size and num_hidden_layers"
        )
    new = replace(new, sizes=dict(new.sizes or DEFAULT_SIZES))
    claim(
        output,
        {
            "texts": [[path.name, path.stat().st_size] for path in paths],
            "model": {
                "architecture": new.architecture,
                "sizes": new.sizes,
                "vocab_size": new.vocab_size,
                "labels": list(labels),
                "max_count": new.max_count,
                "bidirectional": new.template.bidirectional,
                "copies": new.template.copies,
            },
            **{name: options[name] for name in ("rows", "row_length") if name in options},
        },
    )
    folder = output / "tokenizer"
    if not (folder / "tokenizer.json").exists():
        lines = itertools.chain.from_iterable(map(read_lines, paths))
        tokenizer = new.train_tokenizer(itertools.islice(lines, TOKENIZER_LINES), labels)
        with whole_folder(folder) as fresh:
            tokenizer.save_pretrained(fresh)
    tokenizer = _read_tokenizer(folder)
    ids = encode_files(tokenizer, paths, output / "text.ids")
    if (longest := len(ids) - 2) < options.get("row_length", 256):
        logger.warning("the texts have %d tokens in all: rows are as short", len(ids))
        options["row_length"] = longest
    torch.manual_seed(0)
    loaded = new.make(tokenizer, dict.fromkeys(labels, ""))
    pretrain(loaded.lm.model, ids, output / "pretrain", budget, **options)
    loaded.lm.model.eval()
    with whole_folder(output / "model") as fresh:
        save_model(loaded, fresh, "full")
    return output / "model"


@_alone
def finetune_on_files(
    model: str,
    paths: Sequence[Path],
    dev: Path | None,
    output: Path,
    budget: Budget,
    device: str = "auto",
    peft: AdapterSettings | None = None,
    labels: Sequence[str] = (),
    tagging: float = 0.0,
    batch_tokens: int = 2048,
    **options: Any,
) -> Path:
    """Packed-tree fine-tuning on JSON lines {"text", "ents"}; returns the folder of the model.

    model: a folder or Hub id. dev: the weights that score best on it are kept. peft: an adapter
    instead of all weights. labels: those that were looked for in all files; without, each file is
    asked for those that it has. tagging: weight of deep supervision, for models made from nothing
    (`tagging`). options: of `finetune` (learn_rate, evaluate_seconds, ...).

    Raises ValueError for files without entities, and an output in which another run is.
    """
    golds = {str(path): read_gold(path, labels) for path in paths}
    found = sorted({span[2] for texts in golds.values() for gold in texts for span in gold.spans})
    if not found:
        raise ValueError(f"there are no entities in {', '.join(golds)}")
    torch.manual_seed(0)
    loaded = load_model(ModelSource(model, hardware=Hardware(device)), alone=True)
    if labels and (left := sorted(set(found) - set(labels))):
        if not set(found) & set(labels):
            raise ValueError(
                f"--labels names {', '.join(labels)}, and the files have {', '.join(found)}"
            )
        logger.warning("--labels does not name %s: such entities are left out", ", ".join(left))
        found = sorted(set(found) & set(labels))
    if unknown := sorted(set(found) - set(loaded.settings.labels)):
        if loaded.settings.labels:
            logger.warning(
                "the model knows %s, not %s: it is trained for %s from now on",
                ", ".join(loaded.settings.labels),
                ", ".join(unknown),
                ", ".join(labels or found),
            )
        labels = labels or found
    labels = tuple(labels or loaded.settings.labels)
    loaded = make_trainable(add_special_tokens(loaded.to_train(labels), labels), peft)
    encoder = loaded.encoder()
    sets: dict[str, list[TrainingText]] = {
        name: [make_training_text(encoder, gold, gold.labels) for gold in texts]
        for name, texts in golds.items()
    }
    for name, texts in sets.items():
        _check_lengths(name, texts, loaded.lm)
    lost = sum(len(text.unaligned) for texts in sets.values() for text in texts)
    if lost:
        logger.warning("%d gold mentions do not lie on tokens of the model, and are left out", lost)
    beyond = sum(len(text.beyond) for texts in sets.values() for text in texts)
    if beyond:
        logger.warning(
            "%d gold mentions are left out, as the model counts up to %d of a label in a text",
            *(beyond, encoder.max_count),
        )
    held_out = read_gold(dev, labels) if dev else []
    decoder = Decoder(loaded.lm, encoder)

    def score() -> float:
        return float(evaluate_spans(decoder, held_out, labels)["f"])

    with contextlib.ExitStack() as stack:
        heads = None
        if tagging:
            heads = stack.enter_context(TaggingHeads(loaded.lm, labels, weight=tagging))
        finetune(
            loaded.lm,
            encoder,
            Mixture(sets, batch_tokens=batch_tokens),
            output / "finetune",
            budget,
            heads=heads,
            evaluate=score if held_out else None,
            identity={"model": model, "peft": repr(peft), "labels": list(labels)},
            **options,
        )
    with whole_folder(output / "model") as fresh:
        save_model(loaded, fresh, "reference" if peft else "full")
    return output / "model"


def _read_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    try:
        return PreTrainedTokenizerFast.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # of the parser of tokenizer.json, which has no type of its own
        raise ValueError(
            f"the tokenizer in {folder} is damaged ({first_line(error)}): remove the "
            f"folder, and it is made anew from the same texts"
        ) from error


def read_gold(path: Path, labels: Sequence[str]) -> list[GoldText]:
    """The annotated texts of JSON lines. labels: those that were looked for; without, those that
    the file has. Raises ValueError where it holds no text."""
    problems: list[Problem] = []
    texts = list(jsonl.read(path, problems))
    for problem in problems[:5]:
        logger.warning("%s, line %d: %s", problem.file, problem.line, problem.reason)
    if problems:
        logger.warning("%s: %d spans are not as they should be", path, len(problems))
    if not texts:
        raise ValueError(f"{path} holds no text")
    known = [text for text in texts if not text.unknown]
    if len(known) < len(texts):
        left_out = len(texts) - len(known)
        are = f"{count(len(texts), 'text')} {verb(left_out, 'is', 'are')}"
        logger.warning("%s: %d of %s not annotated: left out", path, left_out, are)
    asked = tuple(labels or sorted({span[2] for text in known for span in text.spans}))
    if known and not asked:
        logger.warning(
            "%s: no entity in %s, and --labels does not say which were looked for: left out",
            path,
            count(len(known), "text"),
        )
    return [GoldText(text.text, text.spans, asked) for text in known if asked]


def _check_lengths(name: str, texts: Sequence[TrainingText], lm: LanguageModel) -> None:
    """Raises ValueError for a text beyond the positions of the model."""
    limit = lm.max_positions
    for text in texts:
        longest = max((len(path.ids) for path in text.paths), default=0)
        if limit is not None and longest > limit:
            start = text.prompt.encoded.text[:40]
            raise ValueError(
                f"{name}: the text that begins {start!r} takes {longest} tokens with its prompt, "
                f"and {lm.name} has {limit} positions: cut it into shorter ones"
            )
