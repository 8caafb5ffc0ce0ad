"""The config that a recipe makes: filled, changed by dotted names, written in order and signed."""

import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.util import CONFIG_SECTION_ORDER, load_model_from_config
from thinc.api import Config

from ...logs import first_line
from ...meant import closest
from .recipe import Recipe, schedule

TEMPLATE = Path(__file__).parent / "recipe.cfg"
# Whose settings are all in a filled config.
_CLOSED = ("components.padellm_ner", "components.padellm_ner.model", "training")
RATE = "training.optimizer.learn_rate.initial_rate"
_HEAD = "# Made by `padellm train` for a file of texts (digest {}). Edit it, and train with it.\n"


def fill_template(given: Mapping[str, str], recipe: Recipe) -> tuple[Config, Language]:
    """The template with a recipe's settings and all defaults, and a pipeline of it, its model not
    loaded."""
    config = Config().from_disk(TEMPLATE, interpolate=False)
    settings = {
        **given,
        **recipe.settings,
        **schedule(recipe, recipe.least_steps),
        RATE: recipe.rate,
    }
    for name, value in settings.items():
        set_value(config, name, value)
    try:
        nlp = load_model_from_config(config, auto_fill=True)
    except ImportError as error:  # also of what a language needs
        raise ValueError(f"--lang is {given['nlp.lang']!r}: {first_line(error)}") from error
    return nlp.config, nlp


def set_value(config: Config, name: str, value: Any) -> None:
    *sections, last = name.split(".")
    block: dict[str, Any] = config
    for section in sections:
        block = block[section]
    block[last] = value


def check_known(config: Config, overrides: Mapping[str, Any]) -> None:
    """Raises ValueError for a setting that its block has not, as a misspelt one. config: filled,
    without the overrides."""
    for name in overrides:
        block, _, setting = name.rpartition(".")
        if block not in _CLOSED or any(other.startswith(f"{block}.@") for other in overrides):
            continue
        known: Any = config
        for section in block.split("."):
            known = known[section]
        if setting not in known:
            close = closest(setting, known)
            meant = f"did you mean --{block}.{close}?" if close else f"it has {', '.join(known)}"
            raise ValueError(f"--{name}: [{block}] has no setting {setting!r}: {meant}")


def set_chosen(config: Config, chosen: Mapping[str, Any], overrides: Mapping[str, Any]) -> None:
    for name, value in chosen.items():
        if name not in overrides:
            set_value(config, name, value)


def in_order(text: str) -> str:
    """A config's sections in the order of spaCy's own configs, each before those inside it."""
    sections = re.findall(r"^\[(.+)\]$", text, re.MULTILINE)
    blocks = re.split(r"^\[.+\]$", text, flags=re.MULTILINE)[1:]
    names = dict.fromkeys([*CONFIG_SECTION_ORDER, *sections])
    found = {name: number for number, name in enumerate(names)}

    def place(name: str) -> list[int]:
        parts = name.split(".")
        return [found[".".join(parts[: i + 1])] for i in range(len(parts))]

    ordered = sorted(zip(sections, blocks, strict=True), key=lambda block: place(block[0]))
    return "\n\n".join(f"[{name}]\n{block.strip()}".strip() for name, block in ordered)


def sign(text: str) -> str:
    """A config as a file, whose first line says who made it, and by a digest shows edits."""
    return f"{_HEAD.format(_digest(text))}\n{text.strip()}\n"


def is_as_made(content: bytes) -> bool:
    """Whether a file is as `sign` gave it, but for line ends and blanks around lines."""
    head, _, text = content.decode("utf8", errors="replace").partition("\n")
    return head.strip() == _HEAD.format(_digest(text)).strip()


def _digest(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines()]
    return sha256("\n".join(lines).encode("utf8")).hexdigest()[:16]
