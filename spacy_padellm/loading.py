"""Models from and to disk: a path, a Hub id or the model in the box, with its adapter.

Beside the usual Hugging Face files a folder holds `padellm.json`: the prompt template, the
labels and their descriptions, and for an adapter the base it belongs to.
"""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from peft import PeftModel
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from .adapters import load_adapter
from .devices import find_device, find_dtype
from .encoding import PromptEncoder
from .lm import LanguageModel
from .prompts import PLAIN, PromptTemplate
from .quiet import no_progress_bars
from .selfcheck import check_language_model

logger = logging.getLogger(__name__)

SETTINGS_FILE = "padellm.json"
FORMAT_VERSION = 1
BASE_FOLDER = "base"
IN_THE_BOX = {"english": Path(__file__).parent / "models" / "english"}
# transformers can run these as decoders, but nobody trained them so.
ENCODERS = frozenset({"bert", "roberta", "xlm-roberta", "electra", "camembert", "modernbert"})


@dataclass(frozen=True)
class ModelSource:
    """Where a model comes from.

    name: a folder, a Hub id, or a model in the box. adapter: folder or Hub id of a peft
    adapter. device: "auto", "cpu", "cuda", "cuda:1", "mps". dtype: "auto" (the checkpoint's,
    float32 on CPU), "float32", "bfloat16", "float16". revision: of a Hub id.
    """

    name: str
    adapter: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    revision: str | None = None


@dataclass
class LoadedModel:
    """A language model with what it was trained to be asked."""

    lm: LanguageModel
    template: PromptTemplate
    labels: tuple[str, ...] = ()
    descriptions: dict[str, str] = field(default_factory=dict)
    max_count: int = 64
    source: ModelSource = field(default_factory=lambda: ModelSource(""))

    @property
    def has_adapter(self) -> bool:
        return isinstance(self.lm.model, PeftModel)

    def encoder(self, descriptions: Mapping[str, str] | None = None) -> PromptEncoder:
        merged = {**self.descriptions, **(descriptions or {})}
        return PromptEncoder(self.lm.tokenizer, self.template, merged, self.max_count)


def load_model(
    source: ModelSource,
    template: PromptTemplate | None = None,
    relative_to: Path | None = None,
) -> LoadedModel:
    """Loads model, tokenizer and adapter, and checks how the model can decode.

    template: used instead of the one saved with the model; "plain" where neither is given.
    relative_to: folder against which a relative path is looked up first.

    Raises ValueError naming the setting for: a missing or offline model, one that is not a
    causal LM, an adapter that does not fit, a device or dtype that is not there.
    """
    device = find_device(source.device)
    place = _locate(source.name, relative_to, "name")
    adapter = source.adapter
    settings = _read_settings(place)
    if settings.get("base"):  # a folder that refers to its base
        adapter = adapter or (
            str(place) if (Path(place) / "adapter_config.json").exists() else None
        )
        tokenizer_place: str | Path = place
        inside = Path(place)  # a base saved along lies in this very folder
        base = ModelSource(**settings["base"])
        source = replace(base, device=source.device, dtype=source.dtype, adapter=adapter)
        within = inside if base.name == BASE_FOLDER else relative_to
        place = _locate(source.name, within, "name")
        settings = {**_read_settings(place), **{k: v for k, v in settings.items() if k != "base"}}
    else:
        tokenizer_place = place
    adapter_place = _locate(adapter, relative_to, "adapter") if adapter else None
    if adapter_place is not None:
        settings = {**settings, **_read_settings(adapter_place)}
        if (Path(adapter_place) / "tokenizer.json").exists():
            tokenizer_place = adapter_place
    dtype = find_dtype(source.dtype, device)
    model = _load_causal_lm(source, place, dtype)
    tokenizer = _load_tokenizer(tokenizer_place)
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    if adapter_place is not None:
        model = load_adapter(model, adapter_place, str(source.adapter), source.name)
    model.to(device).eval()
    saved = settings.get("template")
    chosen = template or (PromptTemplate.from_dict(saved) if saved else PLAIN)
    lm = check_language_model(LanguageModel(model, tokenizer, name=source.name))
    return LoadedModel(
        lm=lm,
        template=chosen,
        labels=tuple(settings.get("labels", ())),
        descriptions=dict(settings.get("descriptions", {})),
        max_count=int(settings.get("max_count", 64)),
        source=source,
    )


def _locate(name: str, relative_to: Path | None, setting: str) -> str | Path:
    """A folder where there is one; else the name is taken for a Hub id."""
    if name in IN_THE_BOX:
        return IN_THE_BOX[name]
    for place in ([relative_to / name] if relative_to else []) + [Path(name).expanduser()]:
        if place.is_dir():
            return place.resolve()
    looks_like_path = (
        name.startswith((".", "/", "~")) or (os.sep == "\\" and "\\" in name) or name.count("/") > 1
    )
    if looks_like_path or not name:
        raise ValueError(
            f"the model setting `{setting}` is {name!r}, but there is no such folder: give a "
            f"folder, a Hub id, or one of {', '.join(map(repr, IN_THE_BOX))}"
        )
    return name


def _read_settings(place: str | Path) -> dict[str, Any]:
    path: Path | str | None = Path(place) / SETTINGS_FILE
    if not isinstance(place, Path):
        path = _hub_file(place)
    if path is None or not Path(path).exists():
        return {}
    settings = json.loads(Path(path).read_text(encoding="utf8"))
    if settings.get("format", 0) > FORMAT_VERSION:
        raise ValueError(
            f"{path} was written by a newer spacy-padellm (format {settings['format']}): upgrade"
        )
    return settings


def _hub_file(repo: str) -> str | None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return hf_hub_download(repo, SETTINGS_FILE)
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError):
        return None  # not there, or no network: loading the model itself says which


def _load_causal_lm(source: ModelSource, place: str | Path, dtype: Any) -> Any:
    try:
        config = AutoConfig.from_pretrained(place, revision=source.revision)
    except (OSError, ValueError) as error:
        raise ValueError(_cannot_load(source.name, place, error)) from error
    kind = config.get_text_config().model_type
    causal = kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in ENCODERS
    made_for = getattr(config, "architectures", None) or []
    causal = causal or any(name.endswith("ForCausalLM") for name in made_for)
    if not causal:
        raise ValueError(
            f"the model setting `name` is {source.name!r}, a {kind} model, which is not a causal "
            f"LM: choose a decoder model such as llama, qwen3, mistral, gemma3 or gpt2"
        )
    options = {"revision": source.revision, "dtype": dtype}
    try:
        with no_progress_bars():
            try:
                return AutoModelForCausalLM.from_pretrained(
                    place, attn_implementation="sdpa", **options
                )
            except ValueError:  # no sdpa for this architecture
                return AutoModelForCausalLM.from_pretrained(place, **options)
    except OSError as error:
        raise ValueError(_cannot_load(source.name, place, error)) from error


def _load_tokenizer(place: str | Path) -> Any:
    try:
        return AutoTokenizer.from_pretrained(place)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"there is no tokenizer in {str(place)!r}: put the model's tokenizer files there"
        ) from error


def _cannot_load(name: str, place: str | Path, error: Exception) -> str:
    first = (str(error) or type(error).__name__).splitlines()[0]
    if isinstance(place, Path):
        return f"the folder {name!r} (setting `name`) holds no model that can be loaded: {first}"
    return (
        f"the model setting `name` is {name!r}: there is no such folder, and it could not be "
        f"fetched from the Hub ({first}). Offline, give the path of a downloaded folder"
    )
