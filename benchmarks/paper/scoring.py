"""What a tuned model finds in the test texts by itself, and how good that is."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

from grid.records import append_record, read_records

from spacy_padellm.decoding import Decoder, TextDecoder
from spacy_padellm.formats.gold_text import GoldText, Item
from spacy_padellm.models.adapters import merge_adapter
from spacy_padellm.models.hardware import Hardware
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import LoadedModel, ModelSource
from spacy_padellm.spans.alignment import align_mentions, places_of
from spacy_padellm.spans.prediction import Mention
from spacy_padellm.spans.resolution import drop_duplicate_strings, resolve
from spacy_padellm.spans.scoring import span_scores, string_set_scores
from spacy_padellm.tools.benchmark.methods import make_decoder

from .cells import OURS, SCORED, Cell
from .encoding import make_encoder
from .folder import FOUND, MODEL
from .recipe import Recipe
from .sets import Drawn, find_paper_set

BATCH = 32


def load_tuned(folder: Path, recipe: Recipe) -> LoadedModel:
    """The model that a cell has left, its adapter worked into the weights, as one would run it. Its
    base is where the recipe says, whatever the adapter refers to: it may have moved since."""
    source = ModelSource(
        recipe.base, adapter=str(folder / MODEL), hardware=Hardware(dtype=recipe.dtype)
    )
    loaded = load_model(source, alone=True)
    return replace(loaded, lm=merge_adapter(loaded.lm))


def decoder_for(cell: Cell, loaded: LoadedModel, method: str) -> TextDecoder:
    """`OURS` is set as the component sets it where it writes to `doc.ents`."""
    encoder = make_encoder(loaded, find_paper_set(cell.set).by_character)
    decoder = make_decoder(method, loaded, encoder=encoder)
    if method == OURS and isinstance(decoder, Decoder):
        decoder.settings = replace(decoder.settings, distinct=True)
    return decoder


def score_tuned(cell: Cell, recipe: Recipe, drawn: Drawn, folder: Path) -> dict[str, Any]:
    """Of the model in `folder/model` on all test texts: "scores" by method, as `score` has them,
    and "cut", how many answers had no end; None where a format has no such answers.

    What is found is kept in `folder/found.jsonl` batch by batch, and not found again; that file is
    for the caller to remove.
    """
    path = folder / FOUND
    load = cache(lambda: load_tuned(folder, recipe))
    scores = {}
    for method in SCORED[cell.format]:
        answers = _find(
            drawn, method, lambda method=method: decoder_for(cell, load(), method), path
        )
        found = [answers[i] for i in range(len(drawn.test))]
        scores[method] = score(cell.format, drawn.test, found)
    cut = [record["cut"] for record in read_records(path) if record["cut"] is not None]
    return {"scores": scores, "cut": sum(cut) if cut else None}


def _find(
    drawn: Drawn, method: str, make: Callable[[], TextDecoder], path: Path
) -> dict[int, list[Mention]]:
    """Mentions by the index of the test text. make: the decoder of the method, where any text is
    left. path: of what was found so far."""
    known = {i for record in _found(path, method) for i in record["texts"]}
    todo = [i for i in range(len(drawn.test)) if i not in known]
    # The longest first: what does not fit into memory shows at once.
    todo.sort(key=lambda i: -len(drawn.test[i].text))
    decoder: Any = make() if todo else None
    for start in range(0, len(todo), BATCH):
        some = todo[start : start + BATCH]
        before = getattr(decoder, "cut", None)
        predictions = decoder.predict([drawn.test[i].text for i in some], drawn.labels)
        mentions = [[asdict(m) for m in prediction.mentions] for prediction in predictions]
        cut = None if before is None else decoder.cut - before
        append_record(path, {"method": method, "texts": some, "mentions": mentions, "cut": cut})
        print(f"{method}: {len(todo) - start - len(some)} texts to go", flush=True)
    return {
        i: [Mention(**mention) for mention in mentions]
        for record in _found(path, method)
        for i, mentions in zip(record["texts"], record["mentions"], strict=True)
    }


def _found(path: Path, method: str) -> list[dict[str, Any]]:
    return [record for record in read_records(path) if record.get("method") == method]


def score(
    format_name: str, golds: Sequence[GoldText], found: Sequence[Sequence[Mention]]
) -> dict[str, dict[str, float]]:
    """Under "strings" the paper's score, of distinct label and string pairs a text, as they were
    written; under "spans" that of characters and label, strictly, where of equal strings the i-th
    has the i-th place, as in `doc.spans`; under "flat" the same where no two spans may overlap, as
    in `doc.ents`.

    In the paper's score a string that PaDeLLM writes under several labels keeps the likeliest.
    """
    said = found
    if format_name == "padellm":
        said = [drop_duplicate_strings(mentions)[0] for mentions in found]
    strings = string_set_scores(
        [{(label, gold.text[s:e].strip()) for s, e, label in gold.spans} for gold in golds],
        [{(m.label, m.text.strip()) for m in mentions} for mentions in said],
    )
    pairs = list(zip(golds, found, strict=True))
    spans = [gold.judged(places_of(gold.text, mentions)) for gold, mentions in pairs]
    flat = [gold.judged(_flat_places(gold.text, mentions)) for gold, mentions in pairs]
    wanted = [gold.items() for gold in golds]
    return {
        "strings": _rounded(strings),
        "spans": _rounded(span_scores(wanted, spans)),
        "flat": _rounded(span_scores(wanted, flat)),
    }


def _flat_places(text: str, mentions: Sequence[Mention]) -> set[Item]:
    """As the component aligns and resolves them for `doc.ents`."""
    placed, _ = align_mentions(text, mentions, flat=True)
    kept, _ = resolve(placed, "flat")
    return {(m.label, m.start, m.end) for m in kept if m.start is not None and m.end is not None}


def _rounded(scores: dict[str, Any]) -> dict[str, float]:
    return {key: round(scores[key], 5) for key in "prf"}
