"""Training and evaluation texts of the multilingual model: openly licensed sets under PER, ORG and
LOC. The same lists train spaCy's own `ner` for comparison (`multilingual_rival.py`)."""

import gzip
import json
from pathlib import Path

from english_data import LABELS, SAME, outermost

from spacy_padellm.formats.detokenize import respace
from spacy_padellm.formats.gold_text import GoldText

# Sets of Universal NER with training texts.
MAIN = (
    "uner_ewt", "uner_zh_gsd", "uner_zh_gsdsimp", "uner_pt_bosque", "uner_sv_talbanken",
    "uner_da_ddt", "uner_hr_set", "uner_sr_set", "uner_sk_snk", "uner_qaf_arabizi",
)  # fmt: skip
# Set → the split that is trained on: of GermEval the release has no other that is small.
TRAIN_SETS = {
    **dict.fromkeys(MAIN, "train"),
    "wikigold": "train",
    "germeval14": "dev",
    "multiconer1_de": "train",
    "multiconer1_es": "train",
    "multiconer1_nl": "train",
    "lener_br": "train",
    "ronec": "train",
    "turku_ner": "train",
    "stockmark_ja": "train",
    "klue_ner": "train",
}
PUD = (
    "uner_pud", "uner_de_pud", "uner_pt_pud", "uner_ru_pud", "uner_sv_pud", "uner_zh_pud",
)  # fmt: skip
TEST_SETS = (
    *PUD, *MAIN, "uner_tl_trg", "uner_ceb_gja", "germeval14", "ronec", "turku_ner",
    "stockmark_ja", "klue_ner",
)  # fmt: skip
LANGUAGES = {
    "uner_ewt": "en", "uner_pud": "en", "wikigold": "en", "uner_zh_gsd": "zh",
    "uner_zh_gsdsimp": "zh", "uner_zh_pud": "zh", "uner_pt_bosque": "pt", "uner_pt_pud": "pt",
    "lener_br": "pt", "uner_sv_talbanken": "sv", "uner_sv_pud": "sv", "uner_da_ddt": "da",
    "uner_hr_set": "hr", "uner_sr_set": "sr", "uner_sk_snk": "sk", "uner_qaf_arabizi": "xx",
    "uner_tl_trg": "tl", "uner_ceb_gja": "xx", "uner_de_pud": "de", "germeval14": "de",
    "multiconer1_de": "de", "multiconer1_es": "es", "multiconer1_nl": "nl", "uner_ru_pud": "ru",
    "ronec": "ro", "turku_ner": "fi", "stockmark_ja": "ja", "klue_ner": "ko",
}  # fmt: skip
IN_NER = ("uner_ewt", "uner_pud", "wikigold")  # where the other sets of English are
# Joined by blanks, and de-tokenised here.
JOINED = (
    "wikigold", "germeval14", "multiconer1_de", "multiconer1_es", "multiconer1_nl", "lener_br",
    "turku_ner",
)  # fmt: skip
NO_BLANKS = ("uner_zh_gsd", "uner_zh_gsdsimp")
# What sets call the labels, where that is not PER, ORG and LOC; a label that is missing is dropped.
_MULTICONER = {"PER": "PER", "LOC": "LOC", "CORP": "ORG", "GRP": "ORG"}
SCHEMES = {
    "multiconer1_de": _MULTICONER,
    "multiconer1_es": _MULTICONER,
    "multiconer1_nl": _MULTICONER,
    "lener_br": {"PESSOA": "PER", "ORGANIZACAO": "ORG", "LOCAL": "LOC"},
    # Its persons are also nouns ("the king"), and are not asked for.
    "ronec": {"ORG": "ORG", "GPE": "LOC", "LOC": "LOC", "FACILITY": "LOC"},
    "stockmark_ja": {
        "人名": "PER", "法人名": "ORG", "政治的組織名": "ORG", "その他の組織名": "ORG",
        "地名": "LOC", "施設名": "LOC",
    },
    "klue_ner": {"PS": "PER", "OG": "ORG", "LC": "LOC"},
}  # fmt: skip


def asked_of(name: str) -> list[str]:
    """The labels that a set is annotated for."""
    found = set(SCHEMES.get(name, SAME).values())
    return [label for label in LABELS if label in found]


def read_set(data: Path, name: str, split: str) -> list[GoldText]:
    """One split under the labels PER, ORG, LOC."""
    scheme = SCHEMES.get(name, SAME)
    folder = "ner" if name in IN_NER else "ner2"
    golds = []
    with gzip.open(data / folder / name / f"{split}.jsonl.gz", "rt", encoding="utf8") as file:
        for line in file:
            record = json.loads(line)
            text = record["text"]
            spans = [(s, e, scheme[label]) for s, e, label in record["ents"] if label in scheme]
            if not text.strip():
                continue
            spans = outermost(spans)
            if name in JOINED:
                text, spans = respace(text, spans)
            golds.append(GoldText(text, tuple(sorted(spans))))
    return golds
