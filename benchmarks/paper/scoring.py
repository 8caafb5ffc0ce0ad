"""What a tuned model finds in the test texts by itself, and how good that is."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from grid.records import append_record, read_records

from spacy_padellm.decoding import TextDecoder
from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.models.adapters import merge_adapter
from spacy_padellm.models.hardware import Hardware
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import LoadedModel, ModelSource
from spacy_padellm.spans.alignment import align_mentions
from spacy_padellm.spans.prediction import Mention
from spacy_padellm.spans.resolution import drop_duplicate_strings, resolve
from spacy_padellm.spans.scoring import span_scores, string_set_scores
from spacy_padellm.tools.benchmark.methods import make_decoder

from .cells import OURS, Cell
from .encoding import make_encoder
from .folder import FOUND, MODEL
from .recipe import Recipe
from .sets import Drawn, find_paper_set

BATCH = 32


def load_tuned(folder: Path, recipe: Recipe) -> LoadedModel:
    """The model that a cell has left, its adapter worked into the weights, as one would run it."""
    hardware = Hardware(dtype=recipe.dtype)
    loaded = load_model(ModelSource(str(folder / MODEL), hardware=hardware), alone=True)
    return replace(loaded, lm=merge_adapter(loaded.lm))


def decoder_for(cell: Cell, loaded: LoadedModel, method: str) -> TextDecoder:
    encoder = make_encoder(loaded, find_paper_set(cell.set).by_character)
    return make_decoder(method, loaded, encoder=encoder)


def score_tuned(cell: Cell, recipe: Recipe, drawn: Drawn, folder: Path) -> dict[str, Any]:
    """Of the model in `folder/model` on all test texts. What it finds is kept in
    `folder/found.jsonl` batch by batch until all is scored, and not found again."""
    path = folder / FOUND
    answers = _find(cell, recipe, drawn, folder, path)
    found = [answers[i] for i in range(len(drawn.test))]
    cut = sum(record["cut"] for record in read_records(path))
    path.unlink(missing_ok=True)
    return {"scores": score(cell.format, drawn.test, found), "cut": cut}


def _find(
    cell: Cell, recipe: Recipe, drawn: Drawn, folder: Path, path: Path
) -> dict[int, list[Mention]]:
    """Mentions by the index of the test text."""
    known = {i for record in read_records(path) for i in record["texts"]}
    todo = [i for i in range(len(drawn.test)) if i not in known]
    # The longest first: what does not fit into memory shows at once.
    todo.sort(key=lambda i: -len(drawn.test[i].text))
    method = OURS if cell.format == "padellm" else cell.format
    decoder: Any = decoder_for(cell, load_tuned(folder, recipe), method) if todo else None
    for start in range(0, len(todo), BATCH):
        some = todo[start : start + BATCH]
        before = getattr(decoder, "cut", 0)
        predictions = decoder.predict([drawn.test[i].text for i in some], drawn.labels)
        mentions = [[asdict(m) for m in prediction.mentions] for prediction in predictions]
        cut = getattr(decoder, "cut", 0) - before
        append_record(path, {"texts": some, "mentions": mentions, "cut": cut})
        print(f"{len(todo) - start - len(some)} texts to go", flush=True)
    return {
        i: [Mention(**mention) for mention in mentions]
        for record in read_records(path)
        for i, mentions in zip(record["texts"], record["mentions"], strict=True)
    }


def score(
    format_name: str, golds: Sequence[GoldText], found: Sequence[Sequence[Mention]]
) -> dict[str, dict[str, float]]:
    """Under "strings" the paper's score, of distinct label and string pairs a text; under "spans"
    that of characters and label, strictly, where of equal strings the i-th has the i-th place;
    under "flat" the same where no two spans may overlap, as in `doc.ents`.

    Of what PaDeLLM writes, a string under several labels keeps the likeliest, as in the paper.
    """
    if format_name == "padellm":
        found = [drop_duplicate_strings(mentions)[0] for mentions in found]
    placed = [
        align_mentions(gold.text, mentions)[0] for gold, mentions in zip(golds, found, strict=True)
    ]
    strings = string_set_scores(
        [{(label, gold.text[s:e].strip()) for s, e, label in gold.spans} for gold in golds],
        [{(m.label, m.text.strip()) for m in mentions} for mentions in found],
    )
    spans = [gold.items() for gold in golds]
    flat = [resolve(mentions, "flat")[0] for mentions in placed]
    return {
        "strings": _rounded(strings),
        "spans": _rounded(span_scores(spans, list(map(_items, placed)))),
        "flat": _rounded(span_scores(spans, list(map(_items, flat)))),
    }


def _items(mentions: Sequence[Mention]) -> set[tuple[str, int, int]]:
    return {
        (m.label, m.start, m.end) for m in mentions if m.start is not None and m.end is not None
    }


def _rounded(scores: dict[str, Any]) -> dict[str, float]:
    return {key: round(scores[key], 5) for key in "prf"}
