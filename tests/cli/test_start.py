"""What is wrong with a command line is said before seconds of imports."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.cli.options import read_text

COMMANDS = (
    *"analyze annotate benchmark calibrate convert explain export".split(),
    *"merge models push serve train".split(),
)
WRONG = [
    ["analyze", "english", "./no-corpus.spacy"],
    ["analyze", "english", "GOLD", "-o", "page.json"],
    ["analyze", "english", "GOLD", "--batch-size", "0"],
    ["analyze", "./no-folder", "GOLD"],
    ["annotate", "english", "texts.txt", "-o", "out", "--format", "xml"],
    ["annotate", "english", "texts.txt", "-o", "out", "--engine", "dask"],
    ["annotate", "english", "texts.txt", "-o", "out", "--batch-size", "-1"],
    ["annotate", "english", "no-texts.txt", "-o", "out"],
    ["annotate", "./no-folder", "TEXTS", "-o", "out"],
    ["annotate", "english", "TEXTS", "-o", "out", "--engine", "ray", "--actors", "many"],
    ["benchmark", "english", "GOLD", "-m", "fast"],
    ["benchmark", "english", "GOLD", "-m", ""],
    ["benchmark", "english", "GOLD", "-b", "many"],
    ["benchmark", "./no-folder", "GOLD"],
    ["calibrate", "english", "GOLD", "GOLD"],
    ["calibrate", "./no-folder", "GOLD", "out"],
    ["convert", "no-file.jsonl", "out.spacy"],
    ["convert", "TEXTS", "out.spacy", "--labels-map", "x"],
    ["explain", " "],
    ["explain", "A text.", "-p", "./no-folder"],
    ["export", "./no-folder", "-o", "out"],
    ["export", "english", "-o", "out", "--precision", "int3"],
    ["merge", "./no-folder", "out"],
    ["merge", "FOLDER", "out"],
    ["push", "FOLDER", "me/model"],
    ["serve", "--port", "70000"],
    ["serve", "--limit", "0"],
    ["serve", "-p", "./no-folder"],
    ["train", "no-config.cfg", "-o", "out"],
    ["train", "TEXTS", "-o", "out", "--keep", "0"],
    ["train", "TEXTS", "-o", "out", "--arguments", "{"],
    ["train", "TEXTS", "-o", "out", "--dev", "no-file.csv"],
    ["train", "TEXTS", "-o", "out", "--paths.train", "x.csv"],
    ["train", "TEXTS", "-o", "out", "--base", "\udcff"],
    # What is typed in a terminal may be no characters at all.
    ["annotate", "english", "TEXTS", "-o", "out", "-l", "PER,\ud800"],
    ["annotate", "english", "TEXTS", "-o", "out", "--text-field", "\udcff"],
    ["convert", "TEXTS", "out.spacy", "--labels-map", "\udcff=a"],
    ["convert", "TEXTS", "out.spacy", "--spans-key", "\udcc3"],
    ["convert", "TEXTS", "out.spacy", "--separator", "\udcff"],
    ["explain", "\udcffA text."],
    ["explain", "A text.", "-l", "\ud800"],
    ["serve", "-l", "PER,\udcff"],
    ["train", "TEXTS", "-o", "out", "--arguments", '{"x": "\udcff"}'],
]
# Through spaCy's own door, one after the other in a process: whatever one of them has imported is
# told of it.
SCRIPT = """
import contextlib, io, json, sys
from spacy.cli import app
import spacy.cli
import spacy_padellm.cli
HEAVY = "transformers peft tokenizers accelerate huggingface_hub uvicorn matplotlib ray pyarrow"
OURS = "decoding lm learning pipeline.component pipeline.factory models.load models.make"
HEAVY = (*HEAVY.split(), *(f"spacy_padellm.{name}" for name in OURS.split()))
found = []
for arguments in json.loads(sys.argv[1]):
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        try:
            app(["padellm", *arguments], prog_name="spacy")
            code = 0
        except SystemExit as end:
            code = end.code
    heavy = [name for name in HEAVY if name in sys.modules]
    found.append([arguments, code, told.getvalue(), heavy])
json.dump(found, open(sys.argv[2], "w"))
"""


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """(arguments, exit code, what was said, heavy modules by then) of each."""
    folder = tmp_path_factory.mktemp("start")
    (folder / "folder").mkdir()
    (folder / "texts.txt").write_text("Ada met Bo.\n")
    (folder / "gold.spacy").write_bytes(b"")
    places = {"GOLD": "gold.spacy", "TEXTS": "texts.txt", "FOLDER": "folder"}
    cases = [["--help"], *([name, "--help"] for name in COMMANDS)]
    cases += [[name, "--no-such-option"] for name in COMMANDS if name != "train"]
    cases += [[places.get(word, word) for word in words] for words in WRONG]
    command = [sys.executable, "-c", SCRIPT, json.dumps(cases), "found.json"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200)
    assert run.returncode == 0, run.stderr
    return json.loads(Path(folder / "found.json").read_text())


def test_nothing_heavy_is_imported_for_help_or_a_usage_error(answered):
    early = [(arguments, heavy) for arguments, _, _, heavy in answered if heavy]
    assert not early, early[0]


def test_help_is_given_and_errors_are_said(answered):
    for arguments, code, told, _ in answered:
        assert code in ([0] if "--help" in arguments else [1, 2]), (arguments, code, told)
        assert "Traceback" not in told and told.strip(), (arguments, told)
        assert "".join(arguments).isascii() or "is not UTF-8" in told, (arguments, told)


def test_errors_speak_of_the_command_not_of_a_config(answered):
    for arguments, _, told, _ in answered:
        said = " ".join(told.split())
        assert "the model setting" not in said, (arguments, said)
        if arguments[0] in ("explain", "serve") and "./no-folder" in arguments:
            assert "--pipeline is './no-folder'" in said, said


@given(text=st.text())
def test_what_is_typed_is_read_in_a_terminal_of_any_locale(text):
    typed = text.encode("utf8").decode("ascii", "surrogateescape")
    assert read_text(typed, "--labels") == read_text(text, "--labels") == text


def test_the_command_without_spacy_imports_nothing_heavy_for_a_usage_error(tmp_path):
    script = """
import sys
from spacy_padellm.training.__main__ import main
ends = []
for words in sys.argv[1:]:
    try:
        ends.append(main(words.split()))
    except SystemExit as end:
        ends.append(end.code)
heavy = {"torch", "transformers", "tokenizers", "peft", "spacy"} & set(sys.modules)
print("ends", ends, "heavy", heavy or None)
"""
    wrong = ["finetune english no.jsonl -o out", "pretrain no.txt -o out", "pretrain --fast"]
    wrong.append("pretrain no.txt -o out --steps -2")
    command = [sys.executable, "-c", script, "pretrain --help", *wrong]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "ends [0, 1, 1, 2, 1] heavy None" in run.stdout, run.stdout + run.stderr
    assert "there is no file no.jsonl" in run.stderr and "steps is -2" in run.stderr
