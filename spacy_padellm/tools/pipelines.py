"""Pipelines by their names, and what stands in them before a component."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import spacy
from spacy import util
from spacy.language import Language
from spacy.tokens import Doc

from ..architectures.config_values import write_value
from ..models.place import find_place

if TYPE_CHECKING:  # it takes seconds to import, which a name that is wrong need not wait for
    from ..pipeline.component import PaDeLLMNER


def is_pipeline(path: Path) -> bool:
    return (path / "meta.json").exists()


def load_pipeline(path: Path) -> "tuple[Language, PaDeLLMNER]":
    """The pipeline with its first padellm_ner. Raises ValueError where there is none."""
    if not is_pipeline(path):
        raise ValueError(f"{path} is not a pipeline: it has no meta.json")
    nlp = spacy.load(path)
    return nlp, find_pipe(nlp, str(path))


def merge_pipeline(pipeline: Path, output: Path) -> str:
    """The pipeline with its adapter worked into the weights. Returns their precision, in which the
    model was loaded ("bfloat16"). Raises ValueError where it has none, and where `output` is the
    pipeline itself."""
    if output.exists() and output.resolve() == pipeline.resolve():
        raise ValueError(f"{output} is the pipeline itself: give another folder")
    nlp, pipe = load_pipeline(pipeline)
    from ..architectures.causal_lm import own_shim_of  # loaded by now
    from ..pipeline.saving import save_pipeline

    output.parent.mkdir(parents=True, exist_ok=True)
    shim = own_shim_of(pipe.model)
    shim.merge()
    save_pipeline(nlp, output)
    return str(shim.loaded.lm.model.dtype).removeprefix("torch.")


def check_name(name: str, called: str = "the pipeline") -> None:
    """Raises ValueError for a name that is neither pipeline nor model, before seconds of imports
    and, where the Hub is not reached, without its retries. called: what messages call it, such as
    an option."""
    if not is_pipeline(Path(name)) and not util.is_package(name):
        find_place(name, "name", called=called).file(
            "config.json"
        )  # asks the Hub, where it leads there


def find_pipe(nlp: Language, name: str) -> "PaDeLLMNER":
    """The first padellm_ner of a pipeline. Raises ValueError where there is none."""
    from ..pipeline.component import PaDeLLMNER

    for _, pipe in nlp.pipeline:
        if isinstance(pipe, PaDeLLMNER):
            return pipe
    others = ", ".join(nlp.pipe_names) or "no component at all"
    raise ValueError(f"the pipeline {name} has no padellm_ner, but {others}")


def open_pipeline(
    name: str,
    labels: str = "",
    called: str = "the pipeline",
    without_labels: bool = False,
    **settings: Any,
) -> "tuple[Language, PaDeLLMNER]":
    """A saved or installed pipeline, or a blank one around a model.

    labels: those to ask for, with commas between; the pipeline's own if empty. called: what
    messages call the name, such as an option. without_labels: whether a model that has none may
    come without, since each text will name its own. settings: of the component, instead of the
    pipeline's.

    Raises ValueError for a name that is neither pipeline nor model, and for a model without labels.
    """
    asked = [label.strip() for label in labels.split(",") if label.strip()]
    changes = write_value({**settings, **({"labels": asked} if asked else {})})
    if not is_pipeline(Path(name)) and not util.is_package(name):
        check_name(name, called)
        nlp = spacy.blank("en")
        nlp.add_pipe("padellm_ner", config={"model": {"name": write_value(name)}, **changes})
        pipe = find_pipe(nlp, name)
        _ = pipe.shim.loaded  # whatever is wrong with it is said now
        if not pipe.labels and not without_labels:
            raise ValueError(
                f"the model {name!r} looks for the labels that you name: give --labels, or the "
                f"folder of a pipeline that has `labels`"
            )
        return nlp, pipe
    overrides = {}
    if changes:  # loaded once, whose weights may be large
        component = _name_of_pipe(name)
        overrides = {f"components.{component}.{key}": value for key, value in changes.items()}
    nlp = spacy.load(name, config=overrides)
    return nlp, find_pipe(nlp, name)


def _name_of_pipe(name: str) -> str:
    """Of the first padellm_ner in a pipeline's config. Raises ValueError where there is none."""
    folder = Path(name) if is_pipeline(Path(name)) else util.get_package_path(name)
    found = sorted(folder.glob("config.cfg")) or sorted(folder.glob("*/config.cfg"))
    config = util.load_config(found[0]) if found else {}
    components = config.get("components", {})
    for component in config.get("nlp", {}).get("pipeline", []):
        if components.get(component, {}).get("factory") == "padellm_ner":
            return str(component)
    raise ValueError(f"the pipeline {name} has no padellm_ner")


def run_before(nlp: Language, pipe: "PaDeLLMNER", doc: Doc) -> Doc:
    """The Doc as the components before `pipe` leave it. Raises what one of them raises, once its
    error handler knows, and ValueError for one that gives no Doc back."""
    for name, component in nlp.pipeline:
        if component is pipe:
            break
        handle = getattr(component, "get_error_handler", lambda: nlp.default_error_handler)()
        try:
            made = component(doc)
            if not isinstance(made, Doc):
                raise ValueError(f"the component {name!r} gave back no Doc, but {made!r:.100}")
        except Exception as error:
            handle(name, component, [doc], error)
            raise
        doc = made
    return doc
