"""Entities in English text by the models in the box, printed and drawn: names of persons,
organisations and places, then labels that were named a moment ago.

python scripts/demo.py [--texts FILE] [--output output/demo.html]
"""

import argparse
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import spacy
from spacy import displacy
from spacy.tokens import Doc

ASSETS = Path(__file__).parent.parent / "assets"
# What to look for: label → what it means.
OWN_LABELS = {
    "DISH": "food that is cooked and served",
    "RESTAURANT": "names of restaurants",
    "TIME": "times and days",
    "MEDICINE": "drugs and medicines",
    "DISEASE": "illnesses and symptoms",
}
OWN_TEXTS = (
    "Book a table for four at Chez Panisse on Friday at 8 pm.",
    "We shared a mushroom risotto and a lemon tart at Luigi's.",
    "The patient took aspirin against the headache and was treated for pneumonia in March.",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, default=ASSETS / "demo_texts.txt")
    parser.add_argument("--output", type=Path, default=Path("output/demo.html"))
    arguments = parser.parse_args()
    lines = arguments.texts.read_text(encoding="utf8").splitlines()
    docs = annotate([line for line in lines if line.strip()], {})
    print("\nLabels of your own:\n")
    docs += annotate(OWN_TEXTS, {"model": {"name": "english-any"}, "labels": OWN_LABELS})
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():  # one of the texts has no entity, as real ones have none
        warnings.filterwarnings("ignore", message=r"\[W006\]")
        page = displacy.render(docs, style="ent", page=True, jupyter=False)
    arguments.output.write_text(page, encoding="utf8")
    print(f"\n{sum(len(doc.ents) for doc in docs)} entities; page: {arguments.output}")


def annotate(texts: Iterable[str], config: Mapping[str, object]) -> list[Doc]:
    """Docs with entities, which are printed. config: of the component."""
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config=config)
    docs = list(nlp.pipe(texts))
    for doc in docs:
        print(doc.text)
        for ent in doc.ents:
            print(f"    {ent.label_:10} {ent._.padellm_score:.2f}  {ent.text}")
    return docs


if __name__ == "__main__":
    main()
