import subprocess
import sys

CORE = (
    "gold prompts encoding tree lm selfcheck loading saving adapters hardware head "
    "static_passes quantization alignment resolution "
    "windows scoring decoding training.batch training.examples training.finetuning "
    "training.pretraining training.scratch training.tagging training.mixture "
    "formats.annotated formats.files formats.json_records formats.jsonl formats.detokenize"
).split()


def test_the_core_imports_where_spacy_is_not_installed():
    code = f"""
import importlib, sys
class NoSpacy:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("spacy", "thinc"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoSpacy())
for name in {CORE!r}:
    importlib.import_module("spacy_padellm." + name)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
