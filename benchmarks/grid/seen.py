"""Sets whose training texts a base has learned from before a benchmark begins."""

from collections.abc import Mapping

# By the name of the base. Their test texts it has not learned from.
SEEN: Mapping[str, frozenset[str]] = {
    # The model in the box: what `english_corpora.py` writes without `--without`.
    "english": frozenset(
        {
            # PER, ORG and LOC
            "btc",
            "gmb",
            "litbank_names",
            "sec_filings",
            "uner_ewt",
            "wikigold",
            "wnut17",
            # labels of their own
            "annoctr",
            "bionlp13cg",
            "cyner",
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
            "skillspan",
            "snips",
            "sofc_exp",
            "wetlab",
        }
    ),
}
