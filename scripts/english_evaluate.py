"""Strict span F1 of pipelines on the test sets of the English model, side by side.

    python scripts/english_evaluate.py --data DATA NAME=PIPELINE ... [--output FILE.json]
        [--plot PICTURE.png]

PIPELINE is a folder or package that `spacy.load` takes, the name of a model, or `padellm_ner` for
the model in the box.
Labels of OntoNotes (`en_core_web_sm`) are mapped to those here. Texts,
tokens and gold spans are the same for all (spaCy's English tokenizer, PER, ORG, LOC). Of a pipeline
with padellm_ner, the calibration of its probabilities on UNER EWT test is measured, too; of the
model in the box, the time from import to the first entity. Figures and picture of the calibration
lie beside FILE; `--plot` puts the picture elsewhere. Systems in FILE that are not measured again
stay there, with their dates, where they had the same texts.

How many test texts are also in the training sets here is counted where a system has learned from
these, as its name says: `padellm_ner`, `ner` (`english_rival.py`), or one that begins with
`english`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import spacy
from english_corpora import JOINED, NATURAL, read_many
from english_data import TEST_SETS, TRAIN_SETS, count_copies, fold_all, join_every, read_set
from english_rival import to_docbin
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from tqdm import tqdm

from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.tools.analyze.analysis import analyze
from spacy_padellm.tools.analyze.corpus import analyze_texts
from spacy_padellm.tools.analyze.plots import plot_calibration
from spacy_padellm.tools.corpora import read_examples
from spacy_padellm.tools.pipelines import find_pipe, is_pipeline, open_pipeline

SENTENCES = (1, 5, 20, 100)
# Labels of OntoNotes, which spaCy's own English pipelines have.
ONTONOTES = {"PERSON": "PER", "ORG": "ORG", "GPE": "LOC", "LOC": "LOC", "FAC": "LOC"}


@Language.component("from_ontonotes")
def from_ontonotes(doc: Doc) -> Doc:
    """Entities under the labels here; dates, numbers and the like are left out."""
    kept = [(ent, ONTONOTES[ent.label_]) for ent in doc.ents if ent.label_ in ONTONOTES]
    doc.ents = [Span(doc, ent.start, ent.end, label) for ent, label in kept]
    return doc


def read_pipeline(text: str) -> tuple[str, str]:
    """Name and pipeline of an argument."""
    title, _, path = text.partition("=")
    if not (title and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PIPELINE")
    return title, path


def has_learned(name: str) -> bool:
    """Whether a system, or a model, of that name was trained on the sets here."""
    return name in ("padellm_ner", "ner") or name.startswith("english")


def load(path: str) -> Language:
    if path == "padellm_ner":
        nlp = spacy.blank("en")
        nlp.add_pipe("padellm_ner")
        return nlp
    if not is_pipeline(Path(path)) and not spacy.util.is_package(path):
        return open_pipeline(path)[0]
    nlp = spacy.load(path)
    if "PERSON" in nlp.pipe_labels.get("ner", ()):
        nlp.add_pipe("from_ontonotes", last=True)
    return nlp


def score(nlp: Language, corpus: Path) -> dict[str, Any]:
    docs = list(DocBin().from_disk(corpus).get_docs(nlp.vocab))
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in docs]
    began = time.perf_counter()
    scores = nlp.evaluate(examples, batch_size=64)
    return {
        **{key: scores[key] for key in ("ents_p", "ents_r", "ents_f", "ents_per_type")},
        "texts": len(docs),
        "seconds": time.perf_counter() - began,
    }


def calibrate(nlp: Language, corpus: Path, figures: Path, plot: Path) -> dict[str, Any]:
    """Reliability and thresholds: figures and a plot."""
    plot.parent.mkdir(parents=True, exist_ok=True)
    pipe = find_pipe(nlp, "the pipeline")
    docs = DocBin().from_disk(corpus).get_docs(nlp.vocab)
    found = analyze(analyze_texts(nlp, pipe, read_examples(nlp, docs)), 0.0)
    figures.write_text(json.dumps(found.to_dict(), indent=1) + "\n")
    plot_calibration(found).savefig(plot, dpi=110, format="png")
    return {"ece": found.calibration_error, "f": found.spans["f"]}


def time_first_entity(times: int = 3) -> float:
    """Seconds from the start of a new process to its first entity, the median."""
    code = (
        "import spacy; nlp = spacy.blank('en'); nlp.add_pipe('padellm_ner'); "
        "assert nlp('Angela Merkel met Emmanuel Macron in Brussels.').ents"
    )
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def count_seen(data: Path, only_names: bool) -> dict[str, dict[str, int]]:
    """How many texts of each test split are in a training or development split, case, punctuation
    and white space aside; how many of them have entities, or more than 40 characters. only_names:
    of those with PER, ORG, LOC."""
    kinds = [(name, split) for name in TRAIN_SETS for split in ("train", "dev")]
    known = fold_all(gold for kind in kinds for gold in _read(data, *kind))
    others = () if only_names else (*JOINED, *NATURAL)
    known |= fold_all(gold for name in others for gold in read_many(data, name))
    return {name: count_copies(read_set(data, name, "test"), known) for name in TEST_SETS}


def _read(data: Path, name: str, split: str) -> list[GoldText]:
    """A split; empty where a set has no such one."""
    there = (data / "ner" / name / f"{split}.jsonl.gz").exists()
    return read_set(data, name, split) if there else []


def make_table(results: dict[str, dict[str, Any]]) -> str:
    """Markdown: a row a set, precision, recall and F1 (percent) of each pipeline."""
    heads = [f"{title} P | R | F1" for title in results]
    lines = [" | ".join(["| set (test split) | texts", *heads]) + " |"]
    lines.append("|---" * (2 + 3 * len(results)) + "|")
    for name in TEST_SETS:
        of_set = [found[name] for found in results.values()]
        cells = [f"{100 * s[key]:.1f}" for s in of_set for key in ("ents_p", "ents_r", "ents_f")]
        lines.append(" | ".join([f"| {name}", str(of_set[0]["texts"]), *cells]) + " |")
    return "\n".join(lines) + "\n"


def make_length_table(lengths: dict[str, dict[str, float]]) -> str:
    """Markdown: F1 (percent) on UNER EWT test, its sentences joined to texts of so many."""
    lines = ["| sentences per text | " + " | ".join(f"{title} F1" for title in lengths) + " |"]
    lines.append("|---" * (1 + len(lengths)) + "|")
    for n in SENTENCES:
        lines.append(
            f"| {n} | " + " | ".join(f"{100 * of[str(n)]:.1f}" for of in lengths.values()) + " |"
        )
    return "\n".join(lines) + "\n"


def with_earlier(report: dict[str, Any], earlier: dict[str, Any]) -> dict[str, Any]:
    """The report, with what only an earlier one has; its systems come first, in their order. Texts
    that were seen are left out where no system has learned from the sets here."""
    counts = {name: of["texts"] for name, of in next(iter(report["results"].values())).items()}
    kept = [
        title
        for title, found in earlier.get("results", {}).items()
        if {name: of["texts"] for name, of in found.items()} == counts
    ]
    merged = {**earlier, **report}
    for part in ("results", "f_by_sentences_a_text", "calibration", "dates"):
        old = earlier.get(part, {})
        merged[part] = {title: old[title] for title in kept if title in old} | report[part]
    if "test_texts_seen" not in report and not any(map(has_learned, merged["results"])):
        merged.pop("test_texts_seen", None)
    return merged


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pipelines", nargs="+", type=read_pipeline, metavar="NAME=PIPELINE")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--corpora", type=Path, default=Path("corpus/english"))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/english.json"))
    parser.add_argument(
        "--only-names", action="store_true", help="trained on sets with PER, ORG, LOC alone"
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="PICTURE.png",
        help="of the calibration of the first pipeline with padellm_ner; default: beside --output",
    )
    arguments = parser.parse_args()
    pipelines: dict[str, str] = dict(arguments.pipelines)
    corpora: Path = arguments.corpora
    for name in TEST_SETS:
        to_docbin(read_set(arguments.data, name, "test"), corpora / f"{name}.spacy")
    for n in SENTENCES:
        joined = join_every(read_set(arguments.data, "uner_ewt", "test"), n)
        to_docbin(joined, corpora / f"uner_ewt_by_{n}.spacy")
    report: dict[str, Any] = {"results": {}, "dates": {}}
    report |= {"f_by_sentences_a_text": {}, "calibration": {}}
    output: Path = arguments.output
    output.parent.mkdir(parents=True, exist_ok=True)
    for title, path in pipelines.items():
        nlp = load(path)
        report["results"][title] = {
            name: score(nlp, corpora / f"{name}.spacy") for name in tqdm(TEST_SETS, desc=title)
        }
        report["f_by_sentences_a_text"][title] = {
            str(n): score(nlp, corpora / f"uner_ewt_by_{n}.spacy")["ents_f"] for n in SENTENCES
        }
        report["dates"][title] = time.strftime("%Y-%m-%d")
        if "padellm_ner" not in nlp.pipe_names:
            continue
        boxed = path == "padellm_ner"
        own = boxed or title.replace("-", "_") == output.stem
        stem = f"{output.stem}_calibration" if own else f"{output.stem}_{title}_calibration"
        figures = output.with_name(f"{stem}.json")
        plot = figures.with_suffix(".png")
        if arguments.plot and not report["calibration"]:
            plot = arguments.plot
        found = calibrate(nlp, corpora / "uner_ewt.spacy", figures, plot)
        report["calibration"][title] = found
        if boxed:
            report["seconds_to_first_entity"] = time_first_entity()
            print(found, report["seconds_to_first_entity"])
    if arguments.plot and not report["calibration"]:
        print("--plot: there is no picture, since no pipeline has padellm_ner")
    if any(has_learned(name) for name in (*pipelines, *pipelines.values())):
        report["test_texts_seen"] = count_seen(arguments.data, arguments.only_names)
    if output.exists():
        report = with_earlier(report, json.loads(output.read_text(encoding="utf8")))
    output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf8")
    lengths = report["f_by_sentences_a_text"]
    table = make_table(report["results"]) + "\n" + make_length_table(lengths)
    output.with_suffix(".md").write_text(table, encoding="utf8")
    print(table)


if __name__ == "__main__":
    main()
