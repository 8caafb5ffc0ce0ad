"""Pipelines whose models were exported: the same entities, through files, processes, training."""

import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import spacy
from sample_pipelines import TEXTS, make_examples, spans_of
from spacy.cli._util import app
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.lm.language_model import LanguageModel
from spacy_padellm.lm.onnx.model import OnnxModel
from spacy_padellm.spans.calibration import Calibration

from .commands import run, said


def entities(nlp, texts=TEXTS, **options):
    return [
        [
            (*span, round(ent._.padellm_score, 3))
            for span, ent in zip(spans_of(doc), doc.ents, strict=True)
        ]
        for doc in nlp.pipe(texts, **options)
    ]


def lm_of(nlp):
    return nlp.get_pipe("padellm_ner").shim.loaded.lm


@pytest.fixture
def exported(exported_folder):
    return spacy.load(exported_folder)


def test_the_same_entities_on_both(exported, exported_folder, trained):
    expected = entities(trained)
    assert entities(exported) == expected and any(expected)
    assert isinstance(lm_of(exported), OnnxModel)
    on_torch = spacy.load(exported_folder, config={"components.padellm_ner.model.runtime": "torch"})
    assert entities(on_torch) == expected
    assert isinstance(lm_of(on_torch), LanguageModel)


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("decoder", ["rows", "tree"])
def test_all_ways_of_decoding(exported_folder, trained, decoder, batch_size):
    changed = {"components.padellm_ner.decoder": decoder}
    nlp = spacy.load(exported_folder, config=changed)
    assert entities(nlp, batch_size=batch_size) == entities(trained)


def test_it_goes_through_disk_bytes_and_pickle(exported, exported_folder, tmp_path):
    expected = entities(exported)
    exported.to_disk(tmp_path / "again")
    again = spacy.load(tmp_path / "again")
    from_bytes = spacy.blank("en").from_config(exported.config)
    from_bytes.from_bytes(exported.to_bytes())
    copied = pickle.loads(pickle.dumps(exported.get_pipe("padellm_ner")))
    for nlp in (again, from_bytes):
        assert isinstance(lm_of(nlp), OnnxModel)
        assert entities(nlp) == expected
        nlp.to_disk(tmp_path / "over")
        assert entities(spacy.load(tmp_path / "over")) == expected
    again.to_disk(tmp_path / "again")  # over the very files that it reads
    assert entities(again) == entities(spacy.load(tmp_path / "again")) == expected
    calibration = Calibration(0.5, 0.1)
    again.get_pipe("padellm_ner").shim.calibrate(calibration)
    again.to_disk(tmp_path / "calibrated")
    calibrated = spacy.load(tmp_path / "calibrated")
    assert calibrated.get_pipe("padellm_ner").shim.loaded.settings.calibration == calibration
    assert isinstance(lm_of(calibrated), OnnxModel)
    docs = list(copied.pipe(map(exported.make_doc, TEXTS)))
    assert [spans_of(doc) for doc in docs] == [[e[:3] for e in doc] for doc in expected]


def test_a_blank_pipeline_takes_the_folder_by_name(exported, exported_folder, tmp_path):
    nlp = spacy.blank("en")
    model = {"name": str(exported_folder / "padellm_ner" / "model")}
    nlp.add_pipe("padellm_ner", config={"model": model})
    assert entities(nlp) == entities(exported) and isinstance(lm_of(nlp), OnnxModel)
    nlp.to_disk(tmp_path / "reference")
    again = spacy.load(tmp_path / "reference")
    assert entities(again) == entities(exported) and isinstance(lm_of(again), OnnxModel)
    model_folder = tmp_path / "reference" / "padellm_ner" / "model"
    assert not list(model_folder.glob("*.safetensors")) + list(model_folder.glob("*.onnx"))


def test_training_goes_on_with_torch(exported, exported_folder, tmp_path):
    examples = make_examples(exported, 8)
    before = entities(exported)
    sgd = exported.resume_training()
    exported.update(examples, sgd=sgd)
    assert isinstance(lm_of(exported), LanguageModel)
    assert [[e[:3] for e in doc] for doc in entities(exported)] == [
        [e[:3] for e in doc] for doc in before
    ]
    begun = spacy.blank("en")  # from the model alone
    name = str(exported_folder / "padellm_ner" / "model")
    begun.add_pipe("padellm_ner", config={"model": {"name": name}, "labels": ["PER", "LOC"]})
    begun.initialize(lambda: examples)
    assert isinstance(lm_of(begun), LanguageModel)
    exported.to_disk(tmp_path / "trained")
    model = tmp_path / "trained" / "padellm_ner" / "model"
    assert not (model / "onnx.json").exists()
    assert isinstance(lm_of(spacy.load(tmp_path / "trained")), LanguageModel)


def test_whoever_asks_for_onnx_alone_gets_it_or_is_told(exported_folder, random_nlp):
    only = {"components.padellm_ner.model.runtime": "onnx"}
    nlp = spacy.load(exported_folder, config=only)
    with pytest.raises(ValueError, match="`runtime` is 'onnx', which only decodes"):
        nlp.update(make_examples(nlp, 2), sgd=nlp.resume_training())
    with pytest.raises(ValueError, match="padellm export"):
        random_nlp(model={"runtime": "onnx"})("Ada Lovelace")
    with pytest.raises(ValueError, match="quantize asks for torch"):
        random_nlp(model={"runtime": "onnx", "quantize": "int8"})
    with pytest.raises(ValueError, match="`runtime` is 'tpu': use 'auto', 'torch' or 'onnx'"):
        random_nlp(model={"runtime": "tpu"})


def test_a_pipeline_that_points(pointing_folder, tmp_path):
    done = run(pointing_folder, "-o", tmp_path / "exported")
    assert done.exit_code == 0, done.output
    nlp, on_torch = spacy.load(tmp_path / "exported"), spacy.load(pointing_folder)
    texts = [*TEXTS, "Ada Lovelace left Rome today, and Tim Lee lives in Oslo. " * 4]
    assert isinstance(lm_of(nlp), OnnxModel)
    assert entities(nlp, texts) == entities(on_torch, texts) and any(entities(nlp, texts))
    assert entities(nlp, texts, batch_size=1) == entities(nlp, texts)
    assert entities(nlp, texts * 2, n_process=2, batch_size=5) == entities(nlp, texts) * 2
    nlp.to_disk(tmp_path / "again")
    assert entities(spacy.load(tmp_path / "again"), texts) == entities(nlp, texts)
    own = nlp.make_doc("Ada Lovelace left Rome today.")
    nlp.get_pipe("padellm_ner").add_label("ROCK", "a kind of stone")
    assert nlp(own).text == own.text  # asked for what no pointer knows
    before = lm_of(nlp)
    nlp.update(make_examples(nlp, 4), sgd=nlp.resume_training())
    assert lm_of(nlp) is not before and lm_of(nlp).points


def test_threads_share_a_pipeline(exported):
    expected = [spans_of(doc) for doc in exported.pipe(TEXTS)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: [spans_of(exported(t)) for t in TEXTS], range(16)))
    assert found == [expected] * 16


def test_it_is_benchmarked(exported, exported_folder, tmp_path):
    DocBin(docs=[e.reference for e in make_examples(exported, 6)]).to_disk(tmp_path / "dev.spacy")
    arguments = [exported_folder, tmp_path / "dev.spacy", "-b", "2", "-r", "1", "-m"]
    done = CliRunner().invoke(
        app, ["padellm", "benchmark", *map(str, arguments), "paper-copy,tree,ahead,rows"]
    )
    assert done.exit_code == 0 and "rows" in done.output, done.output
    for method in ("compiled", "structured"):
        refused = CliRunner().invoke(app, ["padellm", "benchmark", *map(str, arguments), method])
        assert "runs on onnxruntime" in said(refused) and refused.exit_code == 1
    lines = [json.dumps({"text": text, "ents": [[90, 99, "PER"]]}) for text in TEXTS[:3]]
    (tmp_path / "outside.jsonl").write_text("\n".join(lines))  # of a corpus, texts alone count
    corpus = ["--corpus", tmp_path / "outside.jsonl"]
    compared = run(exported_folder, "-o", tmp_path / "again", *corpus)
    assert compared.exit_code == 0, compared.output


def test_forks_decode(exported):
    texts = TEXTS * 6
    expected = entities(exported, texts)
    assert entities(exported, texts, n_process=2, batch_size=6) == expected


def test_an_adapter_is_merged(random_nlp, tmp_path):
    nlp = random_nlp(model={"peft": {"rank": 2, "alpha": 64}})
    examples = make_examples(nlp, 6)
    sgd = nlp.initialize(lambda: examples)
    sgd.learn_rate = 0.05
    for _ in range(3):
        nlp.update(examples, sgd=sgd)
    nlp.to_disk(tmp_path / "tuned")
    done = run(tmp_path / "tuned", "-o", tmp_path / "exported")
    assert done.exit_code == 0, done.output
    found = spacy.load(tmp_path / "exported")
    assert isinstance(lm_of(found), OnnxModel)
    assert [[e[:3] for e in doc] for doc in entities(found)] == [
        [e[:3] for e in doc] for doc in entities(nlp)
    ]


def test_what_is_wrong_is_said(trained_folder, exported_folder, tmp_path, monkeypatch):
    assert "give a folder elsewhere" in said(run(trained_folder, "-o", trained_folder))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert "name another folder" in said(run(trained_folder, "-o", tmp_path / "mine"))
    assert (tmp_path / "mine" / "notes.txt").exists()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "spacy-padellm[export]" in said(run(trained_folder, "-o", tmp_path / "out"))


@pytest.mark.parametrize("name", ["model.onnx", "onnx.json", "model.safetensors"])
def test_a_damaged_file_is_named(exported_folder, tmp_path, name):
    nlp = spacy.load(exported_folder)
    nlp.to_disk(tmp_path / "broken")
    path = tmp_path / "broken" / "padellm_ner" / "model" / name
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="is broken") as error:
        spacy.load(tmp_path / "broken")("Ada")
    assert str(path.parent) in str(error.value)
