"""Model folders with code of their own: it is never run and never asked about, by any door."""

import ast
import io
import json
import shutil
import sys
from pathlib import Path

import pytest
import spacy
from sample_pipelines import make_examples
from typer.testing import CliRunner

from spacy_padellm import cli
from spacy_padellm.training.budget import Budget
from spacy_padellm.training.from_text.stages import finetune_on_files

ROOT = Path(__file__).parents[2]
CODE = """
from pathlib import Path
Path({marker!r}).write_text("was run")
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
class Config(LlamaConfig):
    model_type = "evil"
class Model(LlamaForCausalLM):
    config_class = Config
class Tokenizer(PreTrainedTokenizerFast):
    pass
def generate(*args, **kwargs):
    pass
"""
AUTO = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}
TOKENIZER_AUTO = {"auto_map": {"AutoTokenizer": ["evil.Tokenizer", "evil.Tokenizer"]}}


@pytest.fixture
def marker(tmp_path, monkeypatch):
    """Written by the code of a folder. Whoever asks whether to run it hears yes."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n" * 100))
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "marker"
    assert not (tmp_path / "marker").exists()


def change(path: Path, **fields) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def arm(folder: Path, marker: Path, kind: str) -> Path:
    """Puts code into a model's folder. kind: what refers to it; "known" is a model for which
    transformers has code too, and which therefore is read."""
    for path in (folder / "evil.py", folder / "custom_generate" / "generate.py"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(CODE.format(marker=str(marker)))
    if kind == "tokenizer":
        change(folder / "tokenizer_config.json", tokenizer_class="Tokenizer", **TOKENIZER_AUTO)
    elif kind == "known":
        change(folder / "config.json", auto_map=AUTO)
        change(folder / "tokenizer_config.json", **TOKENIZER_AUTO)
        change(folder / "generation_config.json", custom_generate=str(folder))
    else:
        change(folder / "config.json", auto_map=AUTO, model_type="evil")
    return folder


@pytest.fixture
def armed(lm_folder, tmp_path, marker):
    """`armed(kind)`: a copy of the tiny model with code in it."""

    def make(kind):
        return arm(shutil.copytree(lm_folder, tmp_path / kind), marker, kind)

    return make


def ask(folder, **block):
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": {"name": str(folder), **block}})
    return nlp("Ada Lovelace lives in Paris.")


def ask_llm(folder):
    pytest.importorskip("spacy_llm")
    nlp = spacy.blank("en")
    task = {"@llm_tasks": "spacy_padellm.NER.v1", "labels": ["PER"]}
    model = {"@llm_models": "spacy_padellm.CausalLM.v1", "name": str(folder)}
    nlp.add_pipe("llm", config={"task": task, "model": model})
    return nlp("Ada Lovelace lives in Paris.")


def ask_server(folder):
    nlp = spacy.blank("en")
    block = {
        "@architectures": "spacy_padellm.Server.v1",
        "url": "http://127.0.0.1:9/v1",
        "model": "m",
        "tokenizer": str(folder),
    }
    pipe = nlp.add_pipe("padellm_ner", config={"model": block, "labels": ["PER"]})
    return pipe.shim.loaded


def train(folder):
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": {"name": str(folder)}})
    examples = make_examples(nlp, 2)
    nlp.update(examples, sgd=nlp.initialize(lambda: examples))


def train_files(folder):
    path = Path("gold.jsonl")
    path.write_text('{"text": "Ada came.", "ents": [[0, 3, "PER"]]}\n')
    finetune_on_files(str(folder), [path], None, Path("out"), Budget(steps=1))


def command(*arguments):
    done = CliRunner().invoke(cli.padellm_app, list(map(str, arguments)), input="y\nAda came.\n")
    if done.exit_code:
        raise ValueError(" ".join(f"{done.output} {done.exception}".split()))


def annotate(folder):
    command("annotate", folder, "-", "-o", "annotated")


def explain(folder):
    command("explain", "-", "--pipeline", folder, "-o", "page.html")


DOORS = [ask, ask_llm, ask_server, train, train_files, annotate, explain]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", ["unknown", "tokenizer"])
def test_code_that_a_folder_needs_is_not_run(door, kind, armed):
    if (door, kind) == (ask_server, "unknown"):  # reads the tokenizer alone
        door(armed(kind))
        return
    with pytest.raises(ValueError, match=r"code of its own \(auto_map .*never runs") as caught:
        door(armed(kind))
    assert "trust_remote_code" not in str(caught.value)


@pytest.mark.parametrize("door", DOORS)
def test_code_that_a_folder_does_not_need_is_not_run(door, armed):
    """transformers has code of its own for this model."""
    door(armed("known"))


@pytest.mark.parametrize(
    "fields",
    [
        {"auto_mapping": {"base_model_class": "M", "parent_library": "evil"}},
        {"megatron_config": {"a": 1}, "megatron_core": "evil"},
        {"base_model_name_or_path": "unknown"},
        {
            "task_type": None,
            "auto_mapping": {"base_model_class": "Model", "parent_library": "evil"},
        },
    ],
)
def test_adapters_import_nothing_and_lead_nowhere(fields, armed, lm_folder, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(armed("unknown"))
    nlp = spacy.blank("en")
    config = {"model": {"name": str(lm_folder), "peft": {"rank": 2}}}
    nlp.add_pipe("padellm_ner", config=config)
    examples = make_examples(nlp, 2)
    nlp.initialize(lambda: examples)
    nlp.to_disk(tmp_path / "pipeline")
    adapter = tmp_path / "pipeline" / "padellm_ner" / "model"
    change(adapter / "adapter_config.json", **fields)
    for read in (
        lambda: spacy.load(tmp_path / "pipeline")("Ada came."),
        lambda: ask(lm_folder, adapter=str(adapter)),
        lambda: annotate(tmp_path / "pipeline"),
    ):
        if "megatron_config" in fields:
            with pytest.raises(ValueError, match=r"adapter_config\.json is broken"):
                read()
        else:
            read()


@pytest.mark.parametrize("kind", ["known", "unknown", "tokenizer"])
def test_a_saved_pipeline_runs_nothing(kind, lm_folder, tmp_path, marker):
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": {"name": str(lm_folder)}, "save_mode": "full"})
    nlp("Ada came.")
    nlp.to_disk(tmp_path / "pipeline")
    arm(tmp_path / "pipeline" / "padellm_ner" / "model", marker, kind)
    if kind != "known":
        with pytest.raises(ValueError, match="code of its own"):
            spacy.load(tmp_path / "pipeline")
        with pytest.raises(ValueError, match="code of its own"):
            annotate(tmp_path / "pipeline")
    else:
        spacy.load(tmp_path / "pipeline")("Ada came.")
        annotate(tmp_path / "pipeline")


def test_every_call_that_reads_a_model_says_so():
    """In the package, its scripts and benchmarks."""
    parts = [ROOT / part for part in ("spacy_padellm", "scripts", "benchmarks")]
    files = [path for part in parts for path in part.rglob("*.py")]
    n_calls = 0
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = ast.unparse(node.func.value)
            if node.func.attr not in ("from_pretrained", "from_config") or "Auto" not in owner:
                continue
            n_calls += 1
            given = [ast.unparse(keyword) for keyword in node.keywords]
            assert {"trust_remote_code=False", "**NO_CODE", "**SAFE"} & set(given), (path, owner)
    assert n_calls > 4
