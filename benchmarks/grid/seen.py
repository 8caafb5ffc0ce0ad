"""Sets whose training texts a base has learned from before a benchmark begins."""

from collections.abc import Mapping

from spacy_padellm.models.model_settings import read_settings
from spacy_padellm.models.place import find_place

_NAMES = frozenset({"btc", "gmb", "litbank_names", "sec_filings", "uner_ewt", "wikigold", "wnut17"})
# What `english_corpora.py` writes without `--without`.
_ENGLISH = _NAMES | {
    "annoctr",
    "bionlp13cg",
    "dstc8_buses",
    "dstc8_events",
    "dstc8_homes",
    "dstc8_rentalcars",
    "fewnerd_inter_test",
    "fewnerd_inter_val",
    "hwu64",
    "materials_syntheses",
    "multiconer1_en",
    "multiconer2_en",
    "ncbi_disease",
    "presidio_synth",
    "redocred",
    "snips",
    "sofc_exp",
    "stackoverflow",
    "wetlab",
}
# By the name of the base. Their test texts it has not learned from.
SEEN: Mapping[str, frozenset[str]] = {
    "english": _ENGLISH,
    "english-any": _ENGLISH,
    "english-smollm2": _NAMES,
}


def seen_by(model: str) -> frozenset[str] | None:
    """Of a model by its name or its folder, or of what it was made of; None where that is not
    known here. What it was tuned on since is not counted. Raises ValueError as `find_place`."""
    settings = read_settings(find_place(model, "name"))
    return SEEN.get(settings.made_of.name) if settings and settings.made_of else None
