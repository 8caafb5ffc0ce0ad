"""Sets whose training texts a base has learned from before a benchmark begins."""

from collections.abc import Mapping

_NAMES = {"btc", "gmb", "litbank_names", "sec_filings", "uner_ewt", "wikigold", "wnut17"}
_OTHER_LABELS = {
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
    "redocred",
    "snips",
    "sofc_exp",
    "wetlab",
}
# By the name of the base. Their test texts it has not learned from.
SEEN: Mapping[str, frozenset[str]] = {
    # What `english_corpora.py` writes without `--without`.
    "english": frozenset({*_NAMES, *_OTHER_LABELS, "cyner", "skillspan"}),
    # What the workflow `english_any` writes.
    "english-any": frozenset({*_NAMES, *_OTHER_LABELS, "presidio_synth", "stackoverflow"}),
}
