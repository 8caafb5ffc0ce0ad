"""The component of a pipeline that is trained."""

from spacy.language import Language

from ...pipeline.component import PaDeLLMNER


def find_trained(nlp: Language, frozen: list[str]) -> PaDeLLMNER:
    """The one component that is trained. Raises ValueError where it is not just one of ours."""
    trained = [
        (name, pipe)
        for name, pipe in nlp.pipeline
        if name not in frozen and getattr(pipe, "is_trainable", False)
    ]
    ours = [pipe for _, pipe in trained if isinstance(pipe, PaDeLLMNER)]
    others = [name for name, pipe in trained if not isinstance(pipe, PaDeLLMNER)]
    if others:
        raise ValueError(
            f"`padellm train` trains padellm_ner alone, and the pipeline has {', '.join(others)}: "
            f"name them in frozen_components of [training], or use `spacy train`"
        )
    if len(ours) != 1:
        raise ValueError(
            f"`padellm train` trains one padellm_ner, and the pipeline has {len(ours)} that are "
            f"not frozen: name the others in frozen_components of [training]"
        )
    return ours[0]
