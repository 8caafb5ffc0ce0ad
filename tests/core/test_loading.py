import json
import shutil
from dataclasses import replace

import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import load_file, save_file

from spacy_padellm.decoding import Decoder
from spacy_padellm.lm.language_model import LanguageModel
from spacy_padellm.models.adapter_settings import AdapterSettings
from spacy_padellm.models.adapters import train_adapter
from spacy_padellm.models.devices import find_device, find_dtype
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import LoadedModel, ModelSource
from spacy_padellm.models.make import create_model
from spacy_padellm.models.model_settings import ModelSettings
from spacy_padellm.models.named.box import IN_THE_BOX
from spacy_padellm.models.place import find_place
from spacy_padellm.models.save import save_model
from spacy_padellm.prompts.template import get_template

TEXTS = ["Ada Lovelace met Charles Babbage in London.", "No one."]


@pytest.fixture
def loaded(compact_model, compact_tokenizer):
    template = get_template("compact", bidirectional=True)
    lm = LanguageModel(compact_model, compact_tokenizer, "tiny")
    return LoadedModel(lm, ModelSettings(template, ("PER", "LOC"), {"LOC": "places"}))


def answers(loaded):
    decoder = Decoder(loaded.lm, loaded.encoder(max_count=4))
    found = decoder.predict(TEXTS, loaded.settings.labels)
    return [[(m.label, m.start, m.end, round(m.probability, 5)) for m in p.mentions] for p in found]


def with_lora(loaded, **settings):
    return replace(loaded, lm=train_adapter(loaded.lm, AdapterSettings(**settings)))


def change_adapter(loaded):
    with torch.no_grad():
        for name, parameter in loaded.lm.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.5)
    loaded.lm.model.eval()


def test_a_full_copy_is_the_same_model_anywhere(loaded, tmp_path):
    save_model(loaded, tmp_path / "here", "full")
    shutil.move(tmp_path / "here", tmp_path / "there")
    again = load_model(ModelSource(str(tmp_path / "there")))
    assert again.settings == loaded.settings and again.settings.descriptions == {"LOC": "places"}
    assert answers(again) == answers(loaded)
    assert (tmp_path / "there" / "model.safetensors").exists()


@pytest.mark.parametrize("mode", ["full", "reference"])
def test_an_adapter_comes_back_with_its_base(mode, loaded, tmp_path):
    save_model(loaded, tmp_path / "base", "full")
    tuned = with_lora(load_model(ModelSource(str(tmp_path / "base"))), rank=2)
    change_adapter(tuned)
    assert answers(tuned) != answers(loaded)
    save_model(tuned, tmp_path / "tuned", mode)
    if mode == "full":
        shutil.rmtree(tmp_path / "base")
    again = load_model(ModelSource(str(tmp_path / "tuned")))
    assert again.lm.adapter and answers(again) == answers(tuned)
    size = (tmp_path / "tuned" / "adapter_model.safetensors").stat().st_size
    assert mode == "full" or not list((tmp_path / "tuned").glob("model*.safetensors"))
    assert size < 100_000


def test_only_the_adapter_is_trained(loaded, compact_tokenizer):
    model = create_model(compact_tokenizer, hidden_size=32, num_hidden_layers=1)
    tuned = with_lora(
        LoadedModel(LanguageModel(model, compact_tokenizer), loaded.settings), targets=["q_proj"]
    )
    trained = [n for n, p in tuned.lm.model.named_parameters() if p.requires_grad]
    assert trained and all("lora_" in name and "q_proj" in name for name in trained)


def test_an_adapter_that_does_not_fit_is_named(loaded, tmp_path, compact_tokenizer):
    save_model(loaded, tmp_path / "base", "full")
    tuned = with_lora(load_model(ModelSource(str(tmp_path / "base"))), rank=2)
    save_model(tuned, tmp_path / "tuned", "reference")
    other = create_model(
        compact_tokenizer, hidden_size=16, num_attention_heads=2, num_hidden_layers=1
    )
    other.save_pretrained(tmp_path / "other")
    compact_tokenizer.save_pretrained(tmp_path / "other")
    with pytest.raises(ValueError, match=r"adapter.*does not fit"):
        load_model(ModelSource(str(tmp_path / "other"), adapter=str(tmp_path / "tuned")))


@pytest.mark.parametrize("layers", [1, 3])
def test_an_adapter_of_another_depth_does_not_fit(layers, loaded, tmp_path, compact_tokenizer):
    save_model(loaded, tmp_path / "base", "full")
    tuned = with_lora(load_model(ModelSource(str(tmp_path / "base"))), rank=2)
    save_model(tuned, tmp_path / "tuned", "reference")
    sizes = loaded.lm.config.to_dict()
    assert sizes["num_hidden_layers"] == 2
    kept = ("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads")
    other = create_model(
        compact_tokenizer, num_hidden_layers=layers, **{key: sizes[key] for key in kept}
    )
    other.save_pretrained(tmp_path / "other")
    compact_tokenizer.save_pretrained(tmp_path / "other")
    trained_on = rf"does not fit.*has no.*trained on \({tmp_path / 'base'}\)"
    with pytest.raises(ValueError, match=trained_on):
        load_model(ModelSource(str(tmp_path / "other"), adapter=str(tmp_path / "tuned")))
    (tmp_path / "tuned" / "padellm.json").unlink()
    with pytest.raises(ValueError, match="holds an adapter only"):
        load_model(ModelSource(str(tmp_path / "tuned")))


def test_an_adapter_that_is_there_is_trained_on(loaded, tmp_path):
    save_model(loaded, tmp_path, "full")
    tuned = with_lora(load_model(ModelSource(str(tmp_path))), rank=2, targets=["k_proj"])
    again = train_adapter(tuned.lm, None)
    assert any(parameter.requires_grad for parameter in again.model.parameters())
    with pytest.raises(ValueError, match="leave `peft` out"):
        train_adapter(tuned.lm, AdapterSettings(rank=16))


ALL_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.mark.parametrize(
    ("targets", "fits"),
    [
        ("all-linear", True),
        (ALL_LINEAR, True),
        (["k_proj"], False),
        ([*ALL_LINEAR, "lm_head"], False),
        ([*ALL_LINEAR, "embed_tokens"], False),
    ],
)
@pytest.mark.parametrize("alone", [True, False])
def test_an_adapter_on_all_linear_layers_is_trained_on_under_that_name(
    targets, fits, alone, loaded, tmp_path
):
    save_model(loaded, tmp_path / "base", "full")
    base = ModelSource(str(tmp_path / "base"))
    for name, of in (("wide", "all-linear"), ("own", targets)):
        tuned = with_lora(load_model(base, alone=True), rank=2, targets=of)
        save_model(tuned, tmp_path / name, "reference")
    beside = None if alone else load_model(ModelSource(str(tmp_path / "wide")))  # on one base
    again = load_model(ModelSource(str(tmp_path / "own")), alone=alone)
    asked = AdapterSettings(rank=2, targets="all-linear")
    if fits:
        assert train_adapter(again.lm, asked).adapter
    else:
        with pytest.raises(ValueError, match="target_modules all-linear, but"):
            train_adapter(again.lm, asked)
    del beside


def test_lora_targets_that_are_not_there_are_named(loaded, compact_tokenizer):
    model = create_model(compact_tokenizer, hidden_size=32, num_hidden_layers=1)
    other = LoadedModel(LanguageModel(model, compact_tokenizer, "tiny"), loaded.settings)
    with pytest.raises(ValueError, match=r"peft\.targets.*nowhere"):
        with_lora(other, targets=["nowhere"])


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "~/nowhere/at/all", ""])
def test_a_missing_folder_is_named(name):
    with pytest.raises(ValueError, match="`name`"):
        load_model(ModelSource(name))


def test_a_hub_id_offline_says_what_to_do(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="Offline"):
        load_model(ModelSource("nobody/no-such-model"))


def test_a_model_that_is_no_causal_lm_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}))
    with pytest.raises(ValueError, match="not a causal LM"):
        load_model(ModelSource(str(tmp_path)))


def test_a_reference_to_a_relative_path_holds_anywhere(loaded, tmp_path, monkeypatch):
    save_model(loaded, tmp_path / "weights", "full")
    monkeypatch.chdir(tmp_path)
    again = load_model(ModelSource("./weights"))
    (tmp_path / "elsewhere" / "english").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    save_model(again, tmp_path / "pipeline", "reference")
    assert answers(load_model(ModelSource(str(tmp_path / "pipeline")))) == answers(loaded)
    # A folder of that name does not hide the model in the box.
    assert find_place("english", "name").folder == IN_THE_BOX["english"]


def test_a_revision_is_asked_for_everywhere(monkeypatch):
    asked = []

    def download(repo, name, revision=None, local_files_only=False):
        asked.append((repo, name, revision))
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for source in (
        ModelSource("org/base", revision="v1"),
        ModelSource("english", adapter="org/adapter@v2"),
    ):
        with pytest.raises(ValueError, match="Offline"):
            load_model(source)
    assert {(repo, revision) for repo, _, revision in asked} == {
        ("org/base", "v1"),
        ("org/adapter", "v2"),
    }


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("padellm.json", "{oops", r"padellm\.json is broken"),
        ("padellm.json", "[]", r"padellm\.json is broken"),
        ("model.safetensors", "version https://git-lfs", r"model\.safetensors.*git lfs pull"),
        ("model.safetensors", "no weights", r"model\.safetensors is broken"),
        ("tokenizer.json", "{", "tokenizer"),
    ],
)
def test_broken_files_are_named(name, content, message, loaded, tmp_path):
    save_model(loaded, tmp_path, "full")
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        load_model(ModelSource(str(tmp_path)))


def test_missing_weights_are_not_made_up(loaded, tmp_path):
    save_model(loaded, tmp_path, "full")
    weights = load_file(tmp_path / "model.safetensors")
    gone = next(name for name in weights if "mlp" in name)
    kept = {name: weight for name, weight in weights.items() if name != gone}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="lacks weights"):
        load_model(ModelSource(str(tmp_path)))


def test_an_encoder_is_refused_by_what_it_was_trained_as(tmp_path):
    config = {"model_type": "ernie", "architectures": ["ErnieForMaskedLM"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="ErnieForMaskedLM"):
        load_model(ModelSource(str(tmp_path)))


def test_devices_and_dtypes_are_checked():
    assert find_device("cpu").type == "cpu"
    assert find_dtype("auto", torch.device("cpu")) is torch.float32
    assert find_dtype("auto", torch.device("cpu"), torch.float16) is torch.float32
    with pytest.raises(ValueError, match="`device` is 'warp'"):
        find_device("warp")
    with pytest.raises(ValueError, match="`dtype` is 'float33'"):
        find_dtype("float33", torch.device("cpu"))
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="not there"):
            find_device("cuda")


def test_a_folder_of_a_newer_release_is_refused(loaded, tmp_path):
    save_model(loaded, tmp_path, "full")
    path = tmp_path / "padellm.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(ValueError, match="newer"):
        load_model(ModelSource(str(tmp_path)))
