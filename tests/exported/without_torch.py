"""A process in which torch, transformers and peft are not installed; arguments: a pipeline, one
that points, and a new folder."""

import importlib.abc
import importlib.util
import pickle
import sys
from pathlib import Path

ABSENT = ("torch", "transformers", "peft", "accelerate", "onnx")
_find_spec = importlib.util.find_spec


def find_spec(name, package=None):
    return None if name.split(".")[0] in ABSENT else _find_spec(name, package)


class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Absent())
importlib.util.find_spec = find_spec

import spacy  # noqa: E402

TEXTS = ["Ada Lovelace lives in Paris.", "In Rome we met Tim Lee.", "", "Nobody came."]
pipeline, pointing, output = sys.argv[1:]

for folder in (pipeline, pointing):
    nlp = spacy.load(folder)
    pipe = nlp.get_pipe("padellm_ner")
    print(
        [[(e.text, e.label_, round(e._.padellm_score, 3)) for e in d.ents] for d in nlp.pipe(TEXTS)]
    )
    nlp.to_disk(output)
    again = spacy.load(output)
    blank = spacy.blank("en").from_config(nlp.config)
    blank.from_bytes(nlp.to_bytes())
    copy = pickle.loads(pickle.dumps(pipe))
    for other in (again, blank):
        assert [d.ents for d in other.pipe(TEXTS)] != [] and other(TEXTS[0]).text == TEXTS[0]
        assert [str(d.ents) for d in other.pipe(TEXTS)] == [str(d.ents) for d in nlp.pipe(TEXTS)]
    assert str(copy(nlp.make_doc(TEXTS[0])).ents) == str(nlp(TEXTS[0]).ents)
    assert len(list(nlp.pipe(TEXTS * 3, n_process=2, batch_size=3))) == 12
    for wrong in (
        lambda pipe=pipe: pipe.shim.make_trainable(),
        lambda: spacy.load(pipeline, config={"components.padellm_ner.model.runtime": "torch"}),
    ):
        try:
            wrong()
        except ValueError as error:
            assert "pip install 'spacy-padellm[torch]'" in str(error), error
            print("told", file=sys.stderr)

from spacy_padellm import cli  # noqa: E402, F401 - registers the commands
from spacy_padellm.tools.annotate import running  # noqa: E402, F401
from spacy_padellm.tools.explain import explanation  # noqa: E402, F401

assert not any(name.split(".")[0] in ABSENT for name in sys.modules)
assert Path(output).exists()
