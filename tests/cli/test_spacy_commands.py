"""spaCy's own commands over every config of this package, and over the pipelines made of them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
import srsly
from sample_pipelines import SIZES, make_examples
from spacy.cli._util import app
from spacy.tokens import DocBin
from spacy.util import load_config, registry
from typer.testing import CliRunner

ROOT = Path(__file__).parents[2]
CONFIGS = sorted([*(ROOT / "configs").glob("*.cfg"), *(ROOT / "examples").glob("*.cfg")])
TRAINED = [path for path in CONFIGS if path.parent.name == "configs"]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def run(*words):
    """A command of spaCy, in this process."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora")
    for part, n, seed in (("train", 120, 0), ("dev", 4, 1)):
        docs = [example.reference for example in make_examples(spacy.blank("en"), n, seed)]
        DocBin(docs=docs).to_disk(folder / f"{part}.spacy")
    return folder


@pytest.fixture(scope="module")
def options(corpora, lm_folder, plain_lm_folder):
    """What a user gives beside a config: corpora, and a model where one is to be named; small."""
    paths = ["--paths.train", corpora / "train.spacy", "--paths.dev", corpora / "dev.spacy"]
    model = "--components.padellm_ner.model"
    sizes = [word for k, v in SIZES.items() for word in (f"{model}.sizes.{k}", str(v).lower())]
    return {
        "padellm_scratch": [*paths, f"{model}.vocab_size", 600, *sizes],
        "padellm_finetune": [*paths, "--paths.base", lm_folder],
        "padellm_lora": [*paths, "--paths.base", plain_lm_folder],
        "spacy_llm": paths,
    }


@pytest.fixture(scope="module")
def trained(options, tmp_path_factory):
    """`model-last` of two steps with a config, once a config."""
    made = {}

    def train(path):
        if path not in made:
            output = tmp_path_factory.mktemp(path.stem)
            steps = ["--training.max_steps", 2, "--training.eval_frequency", 1]
            run("train", path, "-o", output, *options[path.stem], *steps)
            made[path] = output / "model-last"
        return made[path]

    return train


def check_config(config, given, folder):
    """What spaCy does with a config before there is a pipeline."""
    run("debug", "config", config, *given)
    run("debug", "data", config, *given)
    run("init", "labels", config, folder / "labels", *given)
    run("init", "fill-config", config, folder / "filled.cfg")
    run("debug", "config", folder / "filled.cfg", *given)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_commands_over_a_config(path, options, tmp_path):
    check_config(path, options[path.stem], tmp_path)
    run("debug", "config", path)  # as it lies there, with no corpus and no model named
    if path in TRAINED:
        assert srsly.read_json(tmp_path / "labels" / "padellm_ner.json") == ["LOC", "PER"]
        run("debug", "diff-config", path)
    if path.stem != "padellm_scratch":  # which has no model before it is trained
        labels = ["--components.padellm_ner.labels", '["PER"]'] if path in TRAINED else []
        run("assemble", path, tmp_path / "assembled", *options[path.stem], *labels)
        assert spacy.load(tmp_path / "assembled")("Ada came.").has_annotation("ENT_IOB")


@pytest.mark.parametrize("path", TRAINED, ids=lambda path: path.stem)
def test_commands_over_a_trained_pipeline(path, trained, corpora, tmp_path):
    pipeline, dev = trained(path), corpora / "dev.spacy"
    check_config(pipeline / "config.cfg", [], tmp_path)
    run("evaluate", pipeline, dev, "-o", tmp_path / "scores.json")
    assert "ents_f" in srsly.read_json(tmp_path / "scores.json")
    run("benchmark", "accuracy", pipeline, dev)
    told = run("find-threshold", pipeline, dev, "padellm_ner", "threshold", "ents_f", "-n", 3)
    assert "threshold" in told.lower()
    run("package", pipeline, tmp_path, "--build", "none")
    assert list(tmp_path.glob("en_pipeline-*/en_pipeline/en_pipeline-*/config.cfg"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_training_goes_on_in_python(path, trained, options, tmp_path):
    if path in TRAINED:
        folder = trained(path)
    else:
        folder = tmp_path / "assembled"
        run("assemble", path, folder, *options[path.stem])
    nlp = spacy.load(folder)
    rate = nlp.create_optimizer().learn_rate
    assert nlp.resume_training().learn_rate == rate >= 0
    examples = make_examples(nlp, 4)
    nlp = spacy.load(folder)
    losses = nlp.update(examples)  # makes the optimizer itself
    assert ("padellm_ner" in losses) == (path in TRAINED)
    nlp.to_disk(tmp_path / "again")
    assert spacy.load(tmp_path / "again").create_optimizer().learn_rate == rate


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_no_block_needs_another_to_be_made(path):
    """spaCy makes the optimizer from its block alone, as it stands in the config."""
    block = load_config(path, interpolate=False)["training"]["optimizer"]
    assert "${" not in str(block)
    assert registry.resolve({"optimizer": block})["optimizer"].learn_rate >= 0


@pytest.mark.parametrize("path", TRAINED, ids=lambda path: path.stem)
def test_the_schedule_is_as_long_as_the_training(path):
    length = "training.optimizer.learn_rate.total_steps"
    config = load_config(path, {length: 60}, interpolate=True)["training"]
    assert config["max_steps"] == config["optimizer"]["learn_rate"]["total_steps"] == 60


def whole_configs():
    for page in PAGES:
        blocks = re.findall(r"^```ini\n(.*?)^```$", page.read_text("utf8"), re.S | re.M)
        yield from ((page.stem, block) for block in blocks if "[nlp]" in block)


@pytest.mark.parametrize("page, config", whole_configs(), ids=lambda value: value[:12])
def test_commands_over_a_config_of_the_docs(page, config, options, tmp_path):
    del page
    (tmp_path / "short.cfg").write_text(config, encoding="utf8")
    run("init", "fill-config", tmp_path / "short.cfg", tmp_path / "whole.cfg")
    check_config(tmp_path / "whole.cfg", options["spacy_llm"], tmp_path)
    run("assemble", tmp_path / "short.cfg", tmp_path / "assembled")


def install(pipeline, name, folder, monkeypatch):
    run("package", pipeline, folder, "--build", "none", "--name", name, "--force")
    (package,) = folder.glob(f"en_{name}-*")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--target", folder / "site", package], check=True, timeout=300)
    monkeypatch.syspath_prepend(str(folder / "site"))
    return spacy.load(f"en_{name}")


def test_a_package_is_installed_and_loaded(trained_folder, tmp_path, monkeypatch):
    nlp = install(trained_folder, "learned", tmp_path, monkeypatch)
    expected = spacy.load(trained_folder)("Ada Lovelace lives in Paris.")
    found = nlp("Ada Lovelace lives in Paris.")
    assert [ent.label_ for ent in found.ents] == [ent.label_ for ent in expected.ents] != []
    run("evaluate", "en_learned", _corpus(tmp_path))
    assert nlp.create_optimizer().learn_rate > 0


@pytest.mark.slow
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_packages_of_all_configs(path, trained, options, tmp_path, monkeypatch):
    pipeline = tmp_path / "assembled"
    if path in TRAINED:
        pipeline = trained(path)
    else:
        run("assemble", path, pipeline, *options[path.stem])
    nlp = install(pipeline, f"of_{path.stem}", tmp_path, monkeypatch)
    assert nlp("Ada came.").has_annotation("ENT_IOB")
    run("evaluate", f"en_of_{path.stem}", _corpus(tmp_path))


def _corpus(folder):
    docs = [example.reference for example in make_examples(spacy.blank("en"), 4)]
    DocBin(docs=docs).to_disk(folder / "some.spacy")
    return folder / "some.spacy"
