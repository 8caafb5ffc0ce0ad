"""What runs where something heavy is not installed, each in a process that cannot import it."""

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
# All others, those that are yet to be written too, import without spaCy.
NEED_SPACY = tuple(
    f"spacy_padellm.{name}"
    for name in """architectures. cli. pipeline. spacy_llm. tools. training.from_config.
    remote.architecture remote.shim formats.columns formats.conversion formats.doc_making
    formats.docbin formats.doc_gold formats.example_records formats.hf_datasets formats.tables
    formats.unsaid""".split()
)


def run_without(packages, code):
    blocked = "".join(f"sys.modules[{name!r}] = None\n" for name in packages)
    run = subprocess.run(
        [sys.executable, "-c", f"import sys\n{blocked}{code}"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr


def test_every_module_that_knows_no_spacy_imports_where_it_is_not_installed():
    names = [name for name in all_modules() if not name.startswith(NEED_SPACY)]
    code = f"import importlib\nfor name in {names!r}:\n    importlib.import_module(name)"
    run_without(["spacy", "thinc", "srsly"], code)


def all_modules():
    """The names of all modules of the package, without those of packages themselves."""
    files = (ROOT / "spacy_padellm").rglob("*.py")
    places = [path.relative_to(ROOT).with_suffix("") for path in files]
    return sorted(".".join(place.parts) for place in places if place.name[:2] != "__")


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
