"""What a grammar costs behind llama.cpp: texts per second with mentions held to their text, and
without.

    python benchmarks/server_grammars.py [--model FOLDER] [--texts 64] [--words 10 100 400]

FOLDER is the model of a pipeline (padellm_ner/model), a small Llama with a byte-level BPE; without
it a tiny one is made that nobody trained. Needs xllamacpp and gguf.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import spacy

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from remote.gguf_model import write_gguf
from remote.serving import serve
from sample_pipelines import CITIES, NAMES, SCRATCH_MODEL, make_examples

OUTPUT = Path("benchmarks/results/server_grammars.json")
WORDS = "the a new old town house they said that in of met left and today with".split()


def make_model(folder: Path) -> Path:
    """A pipeline that nobody trained; returns its model's folder."""
    nlp = spacy.blank("en")
    template = {"@misc": "spacy_padellm.PromptTemplate.v1", "preset": "plain"}
    nlp.add_pipe("padellm_ner", config={"model": {**SCRATCH_MODEL, "template": template}})
    nlp.initialize(lambda: make_examples(nlp, 200))
    nlp.to_disk(folder)
    return folder / "padellm_ner" / "model"


def make_texts(n_texts: int, n_words: int) -> list[str]:
    draw = random.Random(n_words)
    return [
        " ".join(draw.choice((*NAMES, *CITIES, *WORDS, *WORDS)) for _ in range(n_words))
        for _ in range(n_texts)
    ]


def measure(url: str, model: Path, texts: list[str], grammar: str) -> dict[str, Any]:
    """Texts per second; one mention for each of two labels at most, so that both ways do alike."""
    nlp = spacy.blank("en")
    block = {
        "@architectures": "spacy_padellm.Server.v1",
        "url": url,
        "model": "m",
        "tokenizer": str(model),
        "grammar": grammar,
        "max_positions": 1024,
        "timeout": 600,
    }
    settings = {"labels": ["PER", "LOC"], "max_count": 1, "max_mention_tokens": 8}
    nlp.add_pipe("padellm_ner", config={"model": block, **settings})
    nlp("Ada warms up.")
    pipe = nlp.get_pipe("padellm_ner")
    before = pipe.doc_decoder.work
    began = time.perf_counter()
    list(nlp.pipe(texts, batch_size=64))
    seconds = time.perf_counter() - began
    tokens = pipe.doc_decoder.work.tokens - before.tokens
    return {"texts_per_second": len(texts) / seconds, "tokens_per_second": tokens / seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="the model of a pipeline, padellm_ner/model")
    parser.add_argument("--texts", type=int, default=64)
    parser.add_argument("--words", type=int, nargs="+", default=[10, 100, 400])
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        model = arguments.model or make_model(Path(folder) / "pipeline")
        file = Path(folder) / "model.gguf"
        write_gguf(model, file)
        with serve("llama_cpp_server.py", file) as url:
            for n_words in arguments.words:
                texts = make_texts(arguments.texts, n_words)
                off = measure(url, model, texts, "off")
                on = measure(url, model, texts, "llama.cpp")
                rows.append({"words": n_words, "free": off, "grammar": on})
                ratio = on["texts_per_second"] / off["texts_per_second"]
                print(
                    f"{n_words} words: {off['texts_per_second']:.1f} texts per second freely, "
                    f"{on['texts_per_second']:.1f} with a grammar, x {ratio:.2f}",
                    flush=True,
                )
    command = "python benchmarks/server_grammars.py"
    report = {"command": command, "date": time.strftime("%Y-%m-%d"), "rows": rows}
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
