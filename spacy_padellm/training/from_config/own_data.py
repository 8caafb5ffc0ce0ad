"""A file of annotated texts in place of a config: a recipe makes the config."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy import util
from spacy.language import Language
from thinc.api import Config

from ...architectures.config_values import write_value
from ...models.devices import find_device
from ...models.files.causal import count_weights
from ...models.files.pointer_sizes import POINTERS
from ...models.loaded_model import ModelSource
from ...models.mixed_precision import is_fast_in_bfloat16
from ...models.named.box import DEFAULT
from ...models.parts import find_parts
from ...models.place import find_place
from ...plurals import count
from ...spans.numeric import check_number
from ..agreement import agree
from .data_report import check_reading, make_table, warn_of
from .made_config import RATE, check_known, fill_template, set_chosen
from .recipe import (
    ADAPTER,
    SMALL,
    Recipe,
    choose_dev_share,
    choose_rate,
    choose_recipe,
    choose_steps,
    schedule,
)
from .run_length import say_length
from .span_place import COMPONENT, choose_place, place_settings, same_key, say_place
from .survey import SurveyedText, Surveys

Say = Callable[[str], None]
DEFAULTS = {"paths.base": DEFAULT, "nlp.lang": "en", "paths.dev": "${paths.train}"}
_STEPS = "training.optimizer.learn_rate.total_steps"
_SHARE = "corpora.train.dev_share"
_STRINGS = "training.score_weights.strings_f"
_MIXED = f"{COMPONENT}.model.mixed_precision"
_HOLD_OUT = "To choose the evaluation texts, use --dev or --corpora.train.dev_share"
_DECIDED = {
    "corpora.train.part": _HOLD_OUT,
    "corpora.dev.part": _HOLD_OUT,
    "corpora.dev.dev_share": "Use --corpora.train.dev_share, which sets it for both parts",
    "corpora.train.path": "Name the file as the first argument",
    "corpora.dev.path": "Name the file with --dev",
}


@dataclass(frozen=True)
class OwnData:
    """train: a file that "spacy_padellm.Corpus.v1" reads. dev: one to score on; None holds texts of
    `train` out. base: a folder, GGUF file, Hub id, or the name of a model; None for the English
    one. lang: a code of spaCy; None for "en". strict: whether a span, a text or a file of which
    something is lost or changed in reading is an error."""

    train: Path
    dev: Path | None = None
    base: str | None = None
    lang: str | None = None
    strict: bool = False

    def given(self) -> dict[str, Any]:
        """What was given, by the names in a config; folders and files are absolute, so that a run
        goes on from anywhere. Raises ValueError for a base that is not a folder and no Hub id."""
        base = self.base
        if base is not None and not (place := find_place(base, "base", called="--base")).on_hub:
            base = place.name
        files = {"paths.train": self.train, "paths.dev": self.dev}
        paths = {name: str(path.resolve()) for name, path in files.items() if path is not None}
        others = {"paths.base": base, "nlp.lang": self.lang}
        given = paths | {name: value for name, value in others.items() if value is not None}
        return {name: write_value(value) for name, value in given.items()}


def make_config(data: OwnData, overrides: Mapping[str, Any], say: Say) -> Config:
    """The filled config of a training on these texts. overrides: of it, by dotted names. say: is
    told what was chosen, and why.

    Raises ValueError for data that cannot be read, or most of whose spans are not on words, or that
    is too little to hold texts out, or has no entity.
    """
    check_overrides(overrides)
    given = DEFAULTS | data.given()
    base = data.base or DEFAULTS["paths.base"]
    _check_base(base)
    # The texts first: a base may have to be converted, which takes longer. Of all recipes this one
    # has all sections that overrides may speak of.
    config, nlp = _filled(given, ADAPTER, overrides)
    surveys, told = Surveys(nlp), list[str]()
    placed = _choose_place(config, overrides, data, surveys, told.append)
    set_chosen(config, placed, overrides)
    share = overrides.get(_SHARE)
    if data.dev is None and not share:
        share = _choose_share(config, data.train, surveys)
    recipe = _choose_recipe(base, say)
    for message in told:
        say(message)
    config, _ = _filled(given, recipe, overrides)
    set_chosen(config, placed, overrides)
    train = config["corpora"]["train"]
    device = find_device(config["components"]["padellm_ner"]["model"]["device"])
    chosen: dict[str, Any] = {_MIXED: agree(lambda: is_fast_in_bfloat16(device))}
    chosen[_STRINGS] = None  # its column in the table of scores has the figures of another
    if data.dev is None:
        alike = [name for name in train if name not in ("path", "limit")]
        chosen |= {f"corpora.dev.{name}": train[name] for name in alike}
        chosen |= {"corpora.train.part": "train", "corpora.dev.part": "dev"}
        chosen |= {_SHARE: share, "corpora.dev.dev_share": f"${{{_SHARE}}}"}
        set_chosen(config, chosen, overrides)
    annotate = _component(config)["annotate"]
    texts, dev = (
        [text for text in _texts(config, name, surveys) if text.labels(annotate) is not None]
        for name in ("train", "dev")
    )
    if texts and not any(text.labels(annotate) for text in texts):
        known = count(len(texts), "text")
        raise ValueError(
            f"{data.train}: none of the {known} to learn from has an entity: add some that have"
        )
    words = sum(text.words for text in texts)
    steps = overrides.get(_STEPS, choose_steps(recipe, words))
    check_number(_STEPS, steps, least=1, whole=True)
    chosen[RATE] = choose_rate(recipe, words)
    set_chosen(config, chosen | schedule(recipe, steps), overrides)
    learned = f"{count(len(texts), 'text')} ({count(words, 'word')})"
    scored = (
        count(len(dev), "held-out text")
        if data.dev is None
        else f"{count(len(dev), 'text')} in {data.dev}"
    )
    length = say_length(config.interpolate()["training"])
    say(f"Training on {learned}, evaluating on {scored}; {length}")
    say(make_table(texts, dev, annotate, "held out" if data.dev is None else "evaluation"))
    for message in warn_of(texts, dev, annotate, data.dev):
        say(message)
    return config


def _filled(
    given: Mapping[str, str], recipe: Recipe, overrides: Mapping[str, Any]
) -> tuple[Config, Language]:
    """The template with these settings, and a pipeline of it before the overrides. Raises
    ValueError as `check_known`."""
    config, nlp = fill_template(given, recipe)
    check_known(config, overrides)
    text, changed = config.to_str(interpolate=False), {**overrides, **same_key(overrides)}
    return util.load_config_from_str(text, overrides=changed, interpolate=False), nlp


def _corpora(data: OwnData) -> list[str]:
    """Those of the config that have a file of their own."""
    return ["train"] if data.dev is None else ["train", "dev"]


def _check_base(base: str) -> None:
    """Raises ValueError for a name that is no model's; nothing is loaded or converted."""
    place = find_place(base, "base", called="--base")
    if place.on_hub:
        place.file("config.json")


def _choose_place(
    config: Config, overrides: Mapping[str, Any], data: OwnData, surveys: Surveys, say: Say
) -> dict[str, Any]:
    """Whether the spans go to `doc.ents` or a span group, as the texts need it: settings by dotted
    names. Raises ValueError where none is annotated, or as `check_reading`."""
    key = _component(config)["spans_key"]
    for name in _corpora(data):
        reading = surveys.reading(config.interpolate()["corpora"][name], key)
        for message in check_reading(reading, name, overrides, data.strict):
            say(message)
    texts = _texts(config, "train", surveys, whole=True)
    if not any(text.annotated for text in texts):
        raise ValueError(
            f"{data.train}: none of its {count(len(texts), 'text')} is annotated, neither in "
            f"doc.ents nor in doc.spans[{key!r}]. If the spans are in another group, name it with "
            f"--{COMPONENT}.spans_key"
        )
    if data.dev is not None:
        texts = [*texts, *_texts(config, "dev", surveys, whole=True)]
    asked = f"{COMPONENT}.annotate" in overrides
    place = _component(config)["annotate"] if asked else choose_place(texts)
    if said := say_place(place, key, texts):
        if data.strict and place == "ents" and any(text.crowded for text in texts):
            raise ValueError(f"{said}. That is an error with --strict")
        say(said)
    return place_settings(place, key, texts)


def _choose_recipe(base: str, say: Say) -> Recipe:
    place, adapter, _ = find_parts(ModelSource(base), "base")
    weights = count_weights(place)
    points = (adapter or place).file(POINTERS) is not None
    recipe = choose_recipe(weights, points, adapter is not None)
    limit = f"{SMALL // 1_000_000} million"
    why = (
        "continuing to train its adapter"
        if adapter is not None
        else f"training an adapter (LoRA), since it has {limit} or more"
        if recipe is ADAPTER
        else f"training all of them, since there are fewer than {limit}"
    )
    say(f"Base model: {base!r}, with {weights / 1e6:,.1f} million weights; {why}")
    return recipe


def _texts(config: Config, name: str, surveys: Surveys, whole: bool = False) -> list[SurveyedText]:
    """Those that a corpus gives. whole: all in its file, whatever its part and limit."""
    block = config.interpolate()["corpora"][name]
    block |= {"part": None, "limit": 0} if whole else {}
    return surveys.texts(block, _component(config)["spans_key"])


def _component(config: Config) -> dict[str, Any]:
    settings: dict[str, Any] = config["components"]["padellm_ner"]
    return settings


def _choose_share(config: Config, path: Path, surveys: Surveys) -> float:
    annotate = _component(config)["annotate"]
    found = [(text.place, text.labels(annotate)) for text in _texts(config, "train", surveys, True)]
    known = [(place, labels) for place, labels in found if labels is not None]
    try:
        return choose_dev_share((p for p, _ in known), (p for p, labels in known if labels))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def check_overrides(overrides: Mapping[str, Any]) -> None:
    """Raises ValueError for what decides which texts are held out, and is decided otherwise."""
    for name, mend in _DECIDED.items():
        if name in overrides:
            raise ValueError(f"--{name} only works with a config: leave it out. {mend}")
