"""Errors name the setting and the mend."""

import shutil

import pytest
import spacy
from sample_pipelines import SCRATCH_MODEL, TEXTS
from transformers import DistilBertConfig, DistilBertModel


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"annotate": "entities"}, "annotate is 'entities': choose one of ents, spans"),
        ({"alignment_mode": "loose"}, "alignment_mode is 'loose': choose one of strict"),
        ({"resolution": "nested"}, "'nested' leaves spans that overlap.*annotate to 'spans'"),
        ({"resolution": "best"}, "resolution is 'best': choose one of"),
        ({"threshold": 1.5}, "threshold is 1.5"),
        ({"decoder": "beam"}, "decoder is 'beam': choose one of auto, tree, rows"),
        ({"token_budget": 0}, "token_budget is 0"),
        ({"window": 64, "overlap": 64}, "overlap is 64.*below window"),
        ({"annotate": "spans", "spans_key": ""}, "spans_key is empty"),
        ({"save_mode": "half"}, "save_mode is 'half': choose one of auto, full, reference"),
        ({"max_labels": 0}, "max_labels is 0"),
    ],
)
def test_settings(random_nlp, settings, words):
    with pytest.raises(ValueError, match=words):
        random_nlp(**settings)


def test_an_overlap_as_long_as_the_windows_of_the_model():
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"overlap": 300})
    with pytest.raises(ValueError, match="overlap is 300, and the windows of english have"):
        nlp("Ada is in Rome.")


@pytest.mark.parametrize(
    "model, words",
    [
        ({"name": "./nowhere"}, "`name` is './nowhere'.*no such folder"),
        ({"adapter": "./nowhere"}, "`adapter` is './nowhere'.*no such folder"),
        ({"device": "cuda:99"}, "`device` is 'cuda:99'.*not there.*'auto' or 'cpu'"),
        ({"device": "toaster"}, "`device` is 'toaster'.*not there"),
        ({"dtype": "float13"}, "`dtype` is 'float13': use"),
    ],
)
def test_models(random_nlp, model, words):
    nlp = random_nlp(model=model)  # nothing is read yet
    with pytest.raises(ValueError, match=f"(?s){words}"):
        nlp(TEXTS[0])


def test_a_pipeline_in_place_of_its_model(random_nlp, pointing_folder):
    nlp = random_nlp(model={"name": str(pointing_folder)})
    model = pointing_folder / "padellm_ner" / "model"
    with pytest.raises(ValueError, match=f"is a spaCy pipeline: load it.*{model}"):
        nlp(TEXTS[0])


def test_a_gguf_file_on_the_hub(random_nlp):
    nlp = random_nlp(model={"name": "someone/models/small.gguf"}, labels=["PER"])
    with pytest.raises(ValueError, match="on the Hub must be downloaded first"):
        nlp(TEXTS[0])


def test_a_hub_id_offline(random_nlp, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    nlp = random_nlp(model={"name": "someone/no-such-model"}, labels=["PER"])
    with pytest.raises(ValueError, match=r"someone/no-such-model.*Offline, give the path"):
        nlp(TEXTS[0])


def test_a_model_that_is_no_causal_lm(random_nlp, lm_folder, tmp_path):
    config = DistilBertConfig(vocab_size=50, dim=16, hidden_dim=16, n_layers=1, n_heads=2)
    DistilBertModel(config).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(lm_folder / name, tmp_path)
    nlp = random_nlp(model={"name": str(tmp_path)}, labels=["PER"])
    with pytest.raises(ValueError, match=r"(?s)not a\s+causal.*llama"):
        nlp(TEXTS[0])


def test_an_adapter_that_does_not_fit(random_nlp, trained_folder, tmp_path):
    nlp = random_nlp(model={"peft": {"rank": 2}}, labels=["PER"])
    nlp.initialize()
    nlp.get_pipe("padellm_ner").shim.loaded.lm.model.save_pretrained(tmp_path)
    other = str(trained_folder / "padellm_ner" / "model")
    nlp = random_nlp(model={"name": other, "adapter": str(tmp_path)})
    with pytest.raises(ValueError, match=r"(?s)adapter .* does not fit the model.*base"):
        nlp(TEXTS[0])


def test_a_scratch_model_before_training():
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": SCRATCH_MODEL, "labels": ["PER"]})
    with pytest.raises(ValueError, match=r"call nlp.initialize\(\)"):
        nlp(TEXTS[0])


def test_another_architecture():
    with pytest.raises(ValueError, match=r"spacy_padellm\.CausalLM\.v1"):
        spacy.blank("en").add_pipe(
            "padellm_ner", config={"model": {"@architectures": "spacy.HashEmbedCNN.v2", "width": 8,
            "depth": 1, "embed_size": 10, "window_size": 1, "maxout_pieces": 2,
            "subword_features": False, "pretrained_vectors": None}}
        )  # fmt: skip


def test_an_unknown_template():
    model = {**SCRATCH_MODEL, "template": {**SCRATCH_MODEL["template"], "preset": "fancy"}}
    with pytest.raises(ValueError, match="preset 'fancy' does not exist; choose one of compact"):
        spacy.blank("en").add_pipe("padellm_ner", config={"model": model})


def test_a_vocabulary_that_cannot_hold_the_template():
    nlp = spacy.blank("en")
    model = {**SCRATCH_MODEL, "vocab_size": 100}
    nlp.add_pipe("padellm_ner", config={"model": model, "labels": ["PER"]})
    with pytest.raises(ValueError, match="vocab_size 100 is too small"):
        nlp.initialize()


def test_descriptions_that_leave_no_room(random_nlp):
    nlp = random_nlp(labels={"PER": "someone " * 1000})
    with pytest.raises(ValueError, match="shorten the descriptions in `labels`"):
        nlp(TEXTS[0])
