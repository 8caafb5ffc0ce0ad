"""Entities in real English text by the model in the box, printed and drawn.

python scripts/demo.py [--texts FILE] [--output output/demo.html]
"""

import argparse
import warnings
from pathlib import Path

import spacy
from spacy import displacy

ASSETS = Path(__file__).parent.parent / "assets"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, default=ASSETS / "demo_texts.txt")
    parser.add_argument("--output", type=Path, default=Path("output/demo.html"))
    arguments = parser.parse_args()

    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner")
    texts = arguments.texts.read_text(encoding="utf8").splitlines()
    docs = list(nlp.pipe(text for text in texts if text.strip()))
    for doc in docs:
        print(doc.text)
        for ent in doc.ents:
            print(f"    {ent.label_:4} {ent._.padellm_score:.2f}  {ent.text}")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():  # one of the texts has no entity, as real ones have none
        warnings.filterwarnings("ignore", message=r"\[W006\]")
        page = displacy.render(docs, style="ent", page=True, jupyter=False)
    arguments.output.write_text(page, encoding="utf8")
    print(f"\n{sum(len(doc.ents) for doc in docs)} entities; page: {arguments.output}")


if __name__ == "__main__":
    main()
