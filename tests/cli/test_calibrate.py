"""`padellm calibrate`: a pipeline whose probabilities come true, saved and loaded."""

import json
import random
import shutil

import pytest
import spacy
from peft import LoraConfig, get_peft_model
from sample_pipelines import make_examples
from spacy.cli._util import app
from spacy.tokens import DocBin, Span
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.spans.calibration import Calibration
from spacy_padellm.tools.analyze.calibrating import calibrate
from spacy_padellm.tools.corpora import read_examples


def run(*arguments):
    return CliRunner().invoke(app, ["padellm", "calibrate", *map(str, arguments)])


def said(result):
    return " ".join(result.output.split())


def sure_too_often(n):
    """Docs, and a script that is 0.95 sure and right in two of three cases."""
    nlp = spacy.blank("en")
    docs, script = [], {}
    rng = random.Random(0)
    for i in range(n):
        doc = nlp.make_doc(f"Number {i} is Ada Byron.")
        right = rng.random() < 2 / 3
        doc.set_ents([Span(doc, 3, 5, label="PER")] if right else [], default="outside")
        docs.append(doc)
        script[doc.text] = [("PER", "Ada Byron", 0.95 - 0.2 * rng.random())]
    return docs, script


@pytest.fixture
def pipeline(random_nlp, tmp_path):
    random_nlp().to_disk(tmp_path / "pipeline")
    return tmp_path / "pipeline"


def test_scores_come_to_say_how_often_they_are_right(scripted):
    docs, script = sure_too_often(200)
    nlp, _ = scripted(script)
    pipe = nlp.get_pipe("padellm_ner")
    before = [[(e.text, e.label_) for e in doc.ents] for doc in nlp.pipe(script)]
    done = []
    found = calibrate(nlp, pipe, read_examples(nlp, docs), step=done.append)
    assert sum(done) == 200 and found.n_mentions == 200
    assert found.error is not None and found.error < 0.1
    after = list(nlp.pipe(script))
    assert [[(e.text, e.label_) for e in doc.ents] for doc in after] == before
    scores = [e._.padellm_score for doc in after for e in doc.ents]
    assert abs(sum(scores) / len(scores) - 2 / 3) < 0.05


def test_the_curve_is_saved_and_goes_with_training(random_nlp, tmp_path):
    nlp = random_nlp()
    shim = nlp.get_pipe("padellm_ner").shim
    calibration = Calibration(0.5, 0.25)
    shim.calibrate(calibration)
    nlp.to_disk(tmp_path / "saved")
    loaded = spacy.load(tmp_path / "saved")
    assert loaded.get_pipe("padellm_ner").shim.loaded.settings.calibration == calibration
    again = random_nlp().from_bytes(loaded.to_bytes())
    assert again.get_pipe("padellm_ner").shim.loaded.settings.calibration == calibration
    examples = make_examples(again, 6)
    sgd = again.initialize(lambda: examples)
    again.update(examples, sgd=sgd)
    assert again.get_pipe("padellm_ner").shim.loaded.settings.calibration is None


def test_a_reference_keeps_its_curve(lm_folder, tmp_path):
    nlp = spacy.blank("en")
    config = {"model": {"name": str(lm_folder)}, "save_mode": "reference"}
    pipe = nlp.add_pipe("padellm_ner", config=config)
    pipe.shim.calibrate(Calibration(2.0, -1.0))
    nlp.to_disk(tmp_path / "saved")
    assert not list(tmp_path.rglob("*.safetensors"))
    loaded = spacy.load(tmp_path / "saved").get_pipe("padellm_ner")
    assert loaded.shim.loaded.settings.calibration == Calibration(2.0, -1.0)


def test_the_command_writes_a_pipeline(scripted, pipeline, tmp_path):
    docs, script = sure_too_often(120)
    scripted(script)
    DocBin(docs=docs).to_disk(tmp_path / "dev.spacy")
    done = run(pipeline, tmp_path / "dev.spacy", tmp_path / "calibrated")
    assert done.exit_code == 0, done.output
    assert "120 mentions" in said(done)
    nlp = spacy.load(tmp_path / "calibrated")
    (ent,) = nlp(docs[0].text).ents
    assert 0.5 < ent._.padellm_score < 0.8


def test_what_cannot_be_done_is_said(scripted, pipeline, tmp_path):
    docs, script = sure_too_often(20)
    scripted(script)
    DocBin(docs=docs).to_disk(tmp_path / "dev.spacy")
    few = run(pipeline, tmp_path / "dev.spacy", tmp_path / "calibrated")
    assert few.exit_code == 1 and "20 mentions were found" in said(few)
    assert not (tmp_path / "calibrated").exists()
    onto = run(pipeline, tmp_path / "dev.spacy", pipeline)
    assert onto.exit_code == 1 and "not an empty folder" in said(onto)


def test_an_adapter_does_not_take_its_base_s_curve(lm_folder, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(lm_folder, base)
    settings = json.loads((base / "padellm.json").read_text())
    (base / "padellm.json").write_text(
        json.dumps({**settings, "calibration": {"slope": 0.5, "intercept": 0.1}})
    )
    loaded = load_model(ModelSource(str(base)))
    assert loaded.settings.calibration == Calibration(0.5, 0.1)
    assert loaded.to_train(("A",)).settings.calibration is None
    model = AutoModelForCausalLM.from_pretrained(base)
    adapted = get_peft_model(model, LoraConfig(target_modules=["q_proj"], task_type="CAUSAL_LM"))
    adapted.save_pretrained(tmp_path / "adapter")
    source = ModelSource(str(base), adapter=str(tmp_path / "adapter"))
    assert load_model(source).settings.calibration is None
