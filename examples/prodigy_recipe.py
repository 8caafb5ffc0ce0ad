"""A recipe for Prodigy (1.12 or later): a pipeline suggests entities, you correct them.

    prodigy padellm.correct my_dataset training/mine/model-best texts.jsonl \
        --label PER,ORG,LOC --below 0.9 -F examples/prodigy_recipe.py

--below shows only texts with an entity of a lower probability, or with none. Then
`prodigy db-out my_dataset > annotated.jsonl` exports what `padellm train annotated.jsonl` learns
from.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import prodigy
import spacy
from prodigy.components.stream import get_stream
from spacy.language import Language
from spacy.tokens import Doc


@prodigy.recipe(
    "padellm.correct",
    dataset=("Dataset to save annotations to", "positional", None, str),
    pipeline=("Pipeline with padellm_ner: folder or package", "positional", None, str),
    source=("File with texts", "positional", None, str),
    label=("Comma-separated labels; else those of the pipeline", "option", "l", str),
    below=("Only texts with an entity below this probability, or none", "option", "b", float),
)
def correct(
    dataset: str, pipeline: str, source: str, label: str | None = None, below: float | None = None
) -> dict[str, Any]:
    nlp = spacy.load(pipeline)
    settings = nlp.get_pipe("padellm_ner").settings
    if settings.annotate != "ents":
        raise ValueError(
            f"{pipeline} writes to doc.spans[{settings.spans_key!r}], and only doc.ents is read "
            f"here: save it with padellm_ner's setting annotate = 'ents'"
        )
    labels = [one.strip() for one in (label or "").split(",") if one.strip()]
    labels = labels or list(nlp.get_pipe("padellm_ner").labels)
    stream = get_stream(source, rehash=True, dedup=True, input_key="text")
    stream.apply(suggest, stream=stream, nlp=nlp, labels=labels, below=below)
    return {
        "dataset": dataset,
        "stream": stream,
        "view_id": "ner_manual",
        "config": {"labels": labels, "exclude_by": "input", "lang": nlp.lang},
    }


def suggest(
    stream: Iterable[dict[str, Any]], nlp: Language, labels: list[str], below: float | None
) -> Iterator[dict[str, Any]]:
    """Tasks with the tokens of the pipeline and the entities that it finds."""
    for doc, task in nlp.pipe(((t["text"], t) for t in stream), as_tuples=True, batch_size=32):
        ents = [ent for ent in doc.ents if ent.label_ in labels]
        # An entity of another component, such as an entity_ruler, has none, and is certain.
        scores = [1.0 if e._.padellm_score is None else e._.padellm_score for e in ents]
        if below is not None and scores and min(scores) >= below:
            continue
        spans = [make_span(doc, ent) for ent in ents]
        yield prodigy.set_hashes({**task, "tokens": make_tokens(doc), "spans": spans})


def make_span(doc: Doc, ent: Any) -> dict[str, Any]:
    score = ent._.padellm_score
    return {
        "start": ent.start_char,
        "end": ent.end_char,
        "token_start": ent.start,
        "token_end": ent.end - 1,
        "label": ent.label_,
        **({} if score is None else {"score": round(float(score), 4), "source": "padellm_ner"}),
    }


def make_tokens(doc: Doc) -> list[dict[str, Any]]:
    return [
        {
            "text": t.text,
            "start": t.idx,
            "end": t.idx + len(t),
            "id": t.i,
            "ws": bool(t.whitespace_),
        }
        for t in doc
    ]
