"""Strict span F1 of the multilingual model on test splits, beside spaCy's `ner` of each language.

    python scripts/multilingual_evaluate.py --data DATA [--model multilingual]
        [--rivals training/multilingual-rival] [--limit 500] [--seen] [--output FILE.json]

Texts, tokens and gold spans are the same for both. Tokens are those of spaCy for the language.
Chinese, Japanese and Korean are cut at each character, as spaCy does for Chinese. The PUD sets and
EWT are measured whole; of each other set, so many texts are drawn as `--limit` says. What is there
already in the output, of the same weights and as many texts, is not measured again.

`--seen` measures nothing: it counts the test texts that are also among those that the multilingual
model was trained on, case and punctuation aside, of whole test splits, and writes that into the
output beside what it has.
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import spacy
from english_data import count_copies, digest, fold_all
from english_evaluate import score
from english_rival import to_docbin
from multilingual_data import LANGUAGES, PUD, TEST_SETS, TRAIN_SETS, asked_of, read_set
from spacy.language import Language
from tqdm import tqdm

from spacy_padellm.models.named.lookup import find_named

WHOLE = (*PUD, "uner_ewt")
BY_CHARACTER = ("ja", "ko", "zh")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="multilingual")
    parser.add_argument("--rivals", type=Path, default=Path("training/multilingual-rival"))
    parser.add_argument("--corpora", type=Path, default=Path("corpus/multilingual"))
    parser.add_argument("--sets", nargs="+", choices=TEST_SETS, default=list(TEST_SETS))
    parser.add_argument("--limit", type=int, default=500)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/multilingual.json"))
    parser.add_argument(
        "--seen", action="store_true", help="only count the test texts that were trained on"
    )
    arguments = parser.parse_args()
    output: Path = arguments.output
    report: dict[str, Any] = {"results": {}}
    if output.exists():
        report = json.loads(output.read_text(encoding="utf8"))
    if arguments.seen:
        seen = count_seen(arguments.data, arguments.sets)
        report["test_texts_seen"] = {**report.get("test_texts_seen", {}), **seen}
        write(report, output)
        print("\n".join(f"{name}: {counts}" for name, counts in seen.items()))
        return
    if not arguments.rivals.is_dir():
        parser.error(f"--rivals: there is no folder {arguments.rivals}")
    weights = digest(weights_of(arguments.model))
    for name in tqdm(arguments.sets):
        done = report["results"].setdefault(name, {})
        language = "zh" if LANGUAGES[name] in BY_CHARACTER else LANGUAGES[name]
        corpus = arguments.corpora / f"{name}.test.spacy"
        golds = read_set(arguments.data, name, "test")
        if name not in WHOLE and len(golds) > arguments.limit:
            golds = random.Random(0).sample(golds, arguments.limit)
        to_docbin(golds, corpus, language)
        edition = [weights, len(golds)]
        if done.get("multilingual", {}).get("edition") != edition:
            scores = score(pipeline(arguments.model, language, name), corpus)
            done["multilingual"] = {**scores, "edition": edition}
        rival = arguments.rivals / LANGUAGES[name] / "model-best"
        edition = [digest(rival), len(golds)]
        if rival.exists() and done.get("ner", {}).get("edition") != edition:
            done["ner"] = {**score(spacy.load(rival), corpus), "edition": edition}
        report["date"] = time.strftime("%Y-%m-%d")
        write(report, output)
    table = make_table(report["results"])
    output.with_suffix(".md").write_text(table, encoding="utf8")
    print(table)


def count_seen(data: Path, names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Of each test split, how many texts the multilingual model was trained on."""
    kinds = TRAIN_SETS.items()
    known = fold_all(gold for kind in tqdm(kinds) for gold in read_set(data, *kind))
    return {name: count_copies(read_set(data, name, "test"), known) for name in names}


def write(report: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf8")


def pipeline(model: str, language: str, name: str) -> Language:
    """Asked for the labels that the set is annotated for."""
    nlp = spacy.blank(language)
    config = {"model": {"name": model}, "labels": asked_of(name)}
    nlp.add_pipe("padellm_ner", config=config)
    return nlp


def weights_of(model: str) -> Path:
    """The folder of a pipeline or model, or the one that a name stands for."""
    if Path(model).exists():
        return Path(model)
    named = find_named(model)
    if named is None:
        raise SystemExit(f"--model: {model!r} is neither a folder nor the name of a model")
    return named.files[0]


def make_table(results: dict[str, dict[str, Any]]) -> str:
    """Markdown: a row a set, precision, recall and F1 (percent) of the model, and F1 of `ner`."""
    lines = ["| set (test split) | language | texts | P | R | F1 | `ner` F1 |"]
    lines.append("|---" * 7 + "|")
    for name, of in results.items():
        own, rival = of["multilingual"], of.get("ner")
        cells = [f"{100 * own[key]:.1f}" for key in ("ents_p", "ents_r", "ents_f")]
        cells.append(f"{100 * rival['ents_f']:.1f}" if rival else "–")
        lines.append(" | ".join([f"| {name}", LANGUAGES[name], f"{own['texts']:,}", *cells]) + " |")
    there = [results[name]["multilingual"]["ents_f"] for name in PUD if name in results]
    if len(there) == len(PUD):
        mean = 100 * statistics.mean(there)
        lines.append(f"| mean of the PUD sets |  |  |  |  | {mean:.1f} |  |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
