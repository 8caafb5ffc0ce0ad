"""A config and the options of a run as transformers' `TrainingArguments`."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from spacy.util import registry
from transformers import TrainingArguments

from ...lm.older_transformers import checkpointing_name
from ..callbacks import ENDLESS
from ..trainer import ARGUMENTS

# Fields of `TrainingArguments` that a run decides itself.
OWNED = frozenset(
    "output_dir max_steps num_train_epochs gradient_accumulation_steps per_device_train_batch_size "
    "auto_find_batch_size max_grad_norm seed bf16 fp16 use_cpu save_strategy save_steps "
    "save_total_limit eval_strategy eval_steps load_best_model_at_end ignore_data_skip "
    "learning_rate lr_scheduler_type warmup_steps warmup_ratio optim weight_decay "
    "resume_from_checkpoint push_to_hub".split()
)


@dataclass(frozen=True)
class RunOptions:
    """output: folder for model-best, model-last, checkpoints and the report. resume: go on from
    the last checkpoint. save_every: steps between checkpoints; None for as often as scores are
    taken. keep: how many checkpoints stay. report_to: integrations of transformers, such as
    "tensorboard". gradient_checkpointing: less memory, a third more work. arguments: further
    fields of transformers' `TrainingArguments`, such as `fsdp` or `deepspeed`."""

    output: Path
    resume: bool = False
    save_every: int | None = None
    keep: int = 2
    report_to: tuple[str, ...] = ()
    gradient_checkpointing: bool = False
    arguments: dict[str, Any] = field(default_factory=dict)


def training_arguments(
    config: dict[str, Any], options: RunOptions, checkpoints: Path
) -> TrainingArguments:
    """Made before the model, since it says which device this process has.

    config: filled and interpolated. Raises ValueError for arguments that the run decides itself,
    or that do not exist.
    """
    settings = config["training"]
    models = [block.get("model") or {} for block in config["components"].values()]
    causal = [m for m in models if "spacy_padellm" in str(m.get("@architectures"))]
    devices = {str(model.get("device", "auto")) for model in causal}
    if numbered := [device for device in devices if ":" in device]:
        raise ValueError(
            f"the model setting `device` is {numbered[0]!r}: set it to 'auto' or 'cuda', and "
            f"choose devices by CUDA_VISIBLE_DEVICES"
        )
    if owned := sorted(set(options.arguments) & OWNED):
        raise ValueError(
            f"--arguments sets {', '.join(owned)}, which the config or other options decide: "
            f"leave it out"
        )
    on_cpu = "cpu" in devices
    use_cpu = on_cpu or not (torch.cuda.is_available() or torch.backends.mps.is_available())
    arguments: dict[str, Any] = {
        **ARGUMENTS,
        "output_dir": str(checkpoints),
        "max_steps": settings["max_steps"] or ENDLESS,
        "max_grad_norm": float(registry.resolve(settings)["optimizer"].grad_clip or 0.0),
        "seed": settings["seed"] or 0,
        "bf16": any(model.get("mixed_precision") for model in causal),
        "use_cpu": use_cpu,
        "ddp_timeout": 24 * 3600,  # while one process writes, or scores, the others wait
        "save_total_limit": options.keep,
        "report_to": list(options.report_to),
        "ddp_find_unused_parameters": False,
        **options.arguments,
    }
    if use_cpu and int(os.environ.get("WORLD_SIZE", 1)) > 1:
        arguments["ddp_backend"] = "gloo"
    if options.gradient_checkpointing:
        arguments |= _save_activations()
    try:
        args = TrainingArguments(**arguments)
    except TypeError as error:
        raise ValueError(f"--arguments: {error}; see transformers.TrainingArguments") from None
    args._n_gpu = min(args.n_gpu, 1)  # one device a process: no nn.DataParallel
    return args


def _save_activations() -> dict[str, Any]:
    name = checkpointing_name()
    return {name: True, f"{name}_kwargs": {"use_reentrant": False}}
