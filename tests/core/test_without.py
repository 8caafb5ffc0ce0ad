"""What runs where something heavy is not installed, each in a process that cannot import it."""

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def run_without(packages, code):
    blocked = "".join(f"sys.modules[{name!r}] = None\n" for name in packages)
    run = subprocess.run(
        [sys.executable, "-c", f"import sys\n{blocked}{code}"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr


def test_the_core_imports_where_spacy_is_not_installed():
    code = """
import importlib, pkgutil
names = [f"spacy_padellm.formats.{name}" for name in "annotated files gold jsonl".split()]
for room in "prompts spans lm decoding models learning training".split():
    room = importlib.import_module(f"spacy_padellm.{room}")
    found = pkgutil.walk_packages(room.__path__, room.__name__ + ".", onerror=print)
    names += [module.name for module in found if ".from_config" not in module.name]
assert len(names) > 50
for name in names:
    importlib.import_module(name)
"""
    run_without(["spacy", "thinc"], code)


def test_decoding_runs_where_torch_is_not_installed(lm_folder):
    code = f"""
from spacy_padellm.decoding import Decoder, DecodingSettings
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.template import COMPACT
assert "transformers" not in sys.modules
from transformers import AutoTokenizer
sys.path.insert(0, {str(TESTS)!r})
from core.scripted import ScriptedModel
text = "Ada met Bo in Rome."
encoder = PromptEncoder(AutoTokenizer.from_pretrained({str(lm_folder)!r}), COMPACT, max_count=4)
lm = ScriptedModel(encoder, {{text: {{"PER": ["Ada"]}}}})
for copy in (True, False):
    decoder = Decoder(lm, encoder, DecodingSettings(copy=copy))
    (found,) = decoder.predict([text], ["PER", "LOC"])
    assert [(m.label, m.text) for m in found.mentions] == [("PER", "Ada")]
"""
    run_without(["torch"], code)
