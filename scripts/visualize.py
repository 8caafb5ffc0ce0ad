"""displaCy page of a pipeline's entities in a corpus.

python scripts/visualize.py PIPELINE CORPUS.spacy OUTPUT.html [--limit 20]
"""

import argparse
from pathlib import Path

import spacy
from spacy import displacy
from spacy.tokens import DocBin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pipeline")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--limit", type=int, default=20)
    arguments = parser.parse_args()
    nlp = spacy.load(arguments.pipeline)
    gold = DocBin().from_disk(arguments.corpus).get_docs(nlp.vocab)
    texts = [doc.text for _, doc in zip(range(arguments.limit), gold, strict=False)]
    page = displacy.render(list(nlp.pipe(texts)), style="ent", page=True, jupyter=False)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(page, encoding="utf8")
    print(f"{len(texts)} texts: {arguments.output}")


if __name__ == "__main__":
    main()
