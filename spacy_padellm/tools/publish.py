"""A trained component as a model repository: its files, a card, and the way to the Hub."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, ModelCard, ModelCardData
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
from spacy.language import Language

from ..architectures.config_values import write_value
from ..models.place import IN_THE_BOX
from ..pipeline.component import PaDeLLMNER
from ..pipeline.settings import Settings

BOX_LICENCE = "cc-by-sa-4.0"
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
    for a folder that holds something else.
    """
    if not pipe.labels:
        raise ValueError(f"{pipe.name} has no labels: train it, or set `labels`")
    loaded = pipe.own_shim.loaded
    base = loaded.source.name
    if loaded.has_adapter and Path(base).is_absolute():
        raise ValueError(
            f"the adapter's base is the folder {base!r}, which nobody else has: merge it into the "
            f"weights first (python -m spacy padellm merge)"
        )
    described = pipe.label_set.known(pipe.own_shim.known_labels())
    pipe.own_shim.save(folder, "reference" if loaded.has_adapter else "full", described)
    make_card(nlp, pipe, facts).save(folder / "README.md")


def make_card(nlp: Language, pipe: PaDeLLMNER, facts: CardFacts) -> ModelCard:
    """What the model finds, how well, how it is used."""
    loaded = pipe.own_shim.loaded
    base = loaded.source.name
    is_public = bool(base) and not Path(base).is_absolute() and base not in IN_THE_BOX
    data: dict[str, Any] = {
        "library_name": "spacy-padellm",
        "tags": ["spacy", "token-classification", "named-entity-recognition"],
        "pipeline_tag": "token-classification",
        "language": nlp.lang,
    }
    if is_public:
        data["base_model"] = base
    from_box = pipe.own_shim.origin.in_the_box or base in IN_THE_BOX
    if from_box and facts.licence not in ("", BOX_LICENCE):
        raise ValueError(
            f"the model was made from the model in the box, which is under {BOX_LICENCE}, and so "
            f"is what is made of it: leave --licence out"
        )
    if licence := facts.licence or (BOX_LICENCE if from_box else ""):
        data["license"] = licence
    lines = [f"---\n{ModelCardData(**data).to_yaml()}\n---", f"# {facts.repo.split('/')[-1]}"]
    kind = f"An adapter for `{base}`" if loaded.has_adapter else "A causal language model"
    lines.append(
        f"{kind} that finds named entities with "
        f"spacy-padellm ([PaDeLLM-NER](https://arxiv.org/abs/2402.04838)): it is asked for every "
        f"label of a text how many mentions there are, then for all mentions at once."
    )
    if from_box:
        lines.append(
            "It was trained on from the English model of spacy-padellm, which was made from text "
            "of Wikipedia and open NER sets (CC BY-SA 4.0)."
        )
    lines += [
        "## Use",
        "```bash\npip install spacy-padellm\n```",
        f"```python\n{_usage(nlp, pipe, facts.repo)}\n```",
        "## Labels",
    ]
    described = pipe.label_set.known(pipe.own_shim.known_labels())
    lines.append("\n".join(f"- `{k}`{f': {v}' if v else ''}" for k, v in described.items()))
    lines.append("## Scores")
    lines.append(_scores(nlp.meta.get("performance") or {}))
    if facts.data:
        lines += ["## Data", facts.data]
    lines += ["## Template", f"`{loaded.template.name}`: what the model reads for a label:"]
    asked = loaded.template.label_prompt("TEXT", pipe.labels[0], described[pipe.labels[0]])
    lines.append(f"```\n{asked}\n```")
    return ModelCard("\n\n".join(lines) + "\n")


def push(folder: Path, repo: str, private: bool = False, message: str = "Upload model") -> str:
    """Uploads a folder; returns the address of the commit.

    Raises ValueError with a mend where the Hub is not reached, or says no.
    """
    try:
        api = HfApi()
        api.create_repo(repo, private=private, exist_ok=True)
        return str(api.upload_folder(folder_path=folder, repo_id=repo, commit_message=message))
    except HFValidationError as error:
        raise ValueError(f"{repo!r} is no name of a repository: {error}") from error
    except HfHubHTTPError as error:
        raise ValueError(
            f"the Hub refused {repo!r} ({_first_line(error)}): log in with `hf auth login`, and "
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
        f"the Hub is not reached ({_first_line(error)}): with --folder the repository is written "
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


def _scores(performance: dict[str, Any]) -> str:
    """Of the development set, as training left them in `meta.json`."""
    per_type = next(
        (v for k, v in performance.items() if k.endswith("_per_type") and isinstance(v, dict)), {}
    )
    totals = {
        key[:-1]: [performance.get(key[:-1] + part) for part in ("p", "r", "f")]
        for key in performance
        if key.endswith("_f") and not key.startswith("strings")
    }
    rows = [("all", values) for values in totals.values() if values[2]]
    rows += [(f"`{k}`", [v.get(part) for part in ("p", "r", "f")]) for k, v in per_type.items()]
    if not rows:
        return "Not measured."
    lines = [
        "On the development set, strict spans:",
        "",
        "| label | P | R | F1 |",
        "|---|---|---|---|",
    ]
    for name, values in rows:
        cells = " | ".join("" if value is None else f"{100 * value:.1f}" for value in values)
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
