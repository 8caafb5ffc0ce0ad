"""What is wrong with a file of annotated texts is told in the options of the command that reads it:
of every command, also of those to come."""

import importlib
import importlib.util
import inspect
import json
import re

import pytest
import typer
from spacy.cli._util import app
from typer.testing import CliRunner

from spacy_padellm import cli
from spacy_padellm.formats.annotated_text import OPTIONS, FormatError
from spacy_padellm.pipeline.corpora import make_corpus

from .own_data import write_csv

GROUP = typer.main.get_command(cli.padellm_app)
# How each command is given a file of annotated texts; the others read none.
READERS = {
    "analyze": ["PIPELINE", "FILE", "-o", "OUT.html"],
    "benchmark": ["PIPELINE", "FILE", "-m", "tree"],
    "calibrate": ["PIPELINE", "FILE", "OUT"],
    "convert": ["FILE", "OUT.spacy", "--alignment-mode", "contract"],
    "evaluate": ["PIPELINE", "FILE"],
    "export": ["PIPELINE", "-o", "OUT", "--corpus", "FILE"],
    "train": ["FILE", "-o", "OUT"],
    "train --dev": ["GOOD", "-o", "OUT", "--dev", "FILE"],
}
OTHERS = {"annotate", "explain", "merge", "models", "push", "serve"}
OF_FORMAT = {
    **dict.fromkeys(("analyze", "benchmark", "calibrate", "evaluate", "export"), "--format"),
    **{"convert": "--from", "train": "--corpora.train.format"},
    "train --dev": "--corpora.dev.format",
}
ROWS = [(f"Ada{i:02} saw Rome.", [[0, 5, "PER"], [10, 14, "LOC"]]) for i in range(20)]
SHIFTED = [(text, [[s + 1, e + 1, label] for s, e, label in spans]) for text, spans in ROWS]
# File, content, the setting that mends it.
FAULTS = [
    ("odd.jsonl", json.dumps({"text": "Ada", "mentions": []}), "format"),
    ("list.json", '"Ada"', "format"),
    ("test.data", "Ada B-PER\n", "format"),
    ("bad.tsv", "Ada\tPER\n", "column_tag"),
    ("one.conll", "Ada\n", "separator"),
    ("ids.conll", "1\tAda\tB-PER\n2\tsaw\tO\n\n1\tBo\tB-PER\n2\tsat\tO\n", "column_token"),
    ("head.csv", "text,entities\n", ""),
    ("shifted.csv", SHIFTED, ""),
]


def test_every_command_is_in_one_of_the_tables():
    reading = {name.split()[0] for name in READERS}
    assert reading | OTHERS == set(GROUP.commands) and not reading & OTHERS
    assert OF_FORMAT.keys() == READERS.keys()
    convert = {option for param in GROUP.commands["convert"].params for option in param.opts}
    assert set(OPTIONS.values()) <= convert


def options_of(name):
    """Of a command; training has those of its config too."""
    own = {option for param in GROUP.commands[name].params for option in param.opts}
    if name == "train":
        settings = set(inspect.signature(make_corpus).parameters)
        own |= {f"--corpora.{part}.{one}" for part in ("train", "dev") for one in settings}
    return own


@pytest.fixture
def pipeline(random_nlp, monkeypatch):
    """Opened once, since none of these files is ever annotated by it."""
    nlp = random_nlp(labels=["PER", "LOC"])
    opened = nlp, nlp.get_pipe("padellm_ner")
    for name in ("analyze", "benchmark", "calibrate", "evaluate"):
        module = importlib.import_module(f"spacy_padellm.cli.{name}")
        monkeypatch.setattr(module, "open_pipeline", lambda name, *rest, **said: opened)
    return "english"


@pytest.mark.parametrize("command", READERS)
def test_mends_name_options_that_the_command_has(command, pipeline, tmp_path):
    name = command.split()[0]
    if name == "analyze":
        pytest.importorskip("matplotlib")
    good = write_csv(tmp_path / "good.csv", ROWS)
    # An export ignores spans, so it would succeed; of texts for evaluation some say enough.
    few = {"export": FAULTS[:-1], "train --dev": FAULTS[:1] + FAULTS[3:4]}
    for file, content, setting in few.get(command, FAULTS):
        path = tmp_path / file
        if isinstance(content, str):
            path.write_text(content)
        else:
            write_csv(path, content)
        places = {"PIPELINE": pipeline, "FILE": str(path), "GOOD": str(good)}
        words = [places.get(word, word.replace("OUT", str(tmp_path / "out"))) for word in
                 READERS[command]]  # fmt: skip
        done = CliRunner().invoke(app, ["padellm", name, *words])
        told = " ".join(done.output.split())
        harmless = name == "convert" and file in ("head.csv", "shifted.csv")
        assert isinstance(done.exception, SystemExit) or done.exception is None, done.exception
        if not harmless:
            assert done.exit_code == 1 and file in told, (file, told)
        named = {option.rstrip(".") for option in re.findall(r"--[a-z][\w.-]*", told)}
        foreign = named - options_of(name)
        if "padellm convert`" in told:
            foreign -= options_of("convert")
        assert not foreign, (file, told)
        if setting == "format":
            assert OF_FORMAT[command] in named and "convert" not in told, (file, told)
        elif setting:
            assert OPTIONS[setting] in named, (file, told)
            assert ("of `python -m spacy padellm convert`" in told) == (name != "convert"), told
        if file == "shifted.csv" and not harmless:
            assert any("alignment" in option for option in named), told


def test_a_config_is_named_its_own_setting(tmp_path):
    (tmp_path / "odd.jsonl").write_text('{"text": "Ada", "mentions": []}')
    with pytest.raises(FormatError, match=r"with `format` of the corpus$"):
        list(make_corpus(tmp_path / "odd.jsonl")(None))
