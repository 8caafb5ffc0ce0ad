"""How the weights of the models in this package become small."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from english_data import LABELS
from english_shrink import main as shrink
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from shrink_adapter import main as shrink_adapter
from transformers import AutoTokenizer, BertConfig, BertLMHeadModel, BertTokenizer

from spacy_padellm.formats.json_records import write_records
from spacy_padellm.lm.session import AskedLabels
from spacy_padellm.models.adapter_settings import AdapterSettings
from spacy_padellm.models.adapters import train_adapter
from spacy_padellm.models.licence import MadeOf
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.models.pointer_files import add_pointers
from spacy_padellm.models.save import save_model
from spacy_padellm.spans.calibration import Calibration

WORDS = "ada rome went to the a of in zebra quartz".split()


@pytest.fixture
def word_pieces(tmp_path):
    """A model of whole words and single letters, that points."""
    letters = [*"abcdefghijklmnopqrstuvwxyz"]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    pieces += [word for word in WORDS if len(word) > 1] + [*":.,-()[]0123456789"]
    (tmp_path / "vocab.txt").write_text("\n".join(pieces))
    tokenizer = BertTokenizer(str(tmp_path / "vocab.txt"), eos_token="[SEP]")
    folder = tmp_path / "model"
    tokenizer.save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(pieces), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, is_decoder=True,
    )  # fmt: skip
    BertLMHeadModel(config).save_pretrained(folder)
    loaded = add_pointers(load_model(ModelSource(str(folder))), ("PER",))
    described = {"PER": "people", "DISH": "food"}
    loaded = loaded.having(descriptions=described, made_of=MadeOf("minilm", "apache-2.0"))
    save_model(loaded, tmp_path / "pointing", "full")
    return tmp_path / "pointing"


def test_a_small_model_reads_as_the_whole_one(word_pieces, tmp_path, monkeypatch):
    """Pieces that stay have the vectors they had, but for 8 bits."""
    texts = tmp_path / "texts"
    write_records(texts / "some.jsonl", [{"text": "Ada went to Rome"}] * 3 + [{"text": "quartz"}])
    small = tmp_path / "small"
    n = len(AutoTokenizer.from_pretrained(word_pieces)) - 4  # all but "the", "of", "in", "zebra"
    arguments = [str(word_pieces), str(small), "--texts", str(texts), "--pieces", str(n)]
    monkeypatch.setattr("sys.argv", ["english_shrink.py", *arguments])
    shrink()
    whole, made = (load_model(ModelSource(str(folder))) for folder in (word_pieces, small))
    assert made.lm.tokenizer.tokenize("ada zebra") == ["ada", "z", *"##e ##b ##r ##a".split()]
    assert made.lm.model.config.vocab_size == len(made.lm.tokenizer) == n
    before, after = (_vectors(loaded.lm, "ada went to rome quartz") for loaded in (whole, made))
    assert (before - after).abs().max() < before.abs().max() / 100
    assert made.lm.pointers is not None and made.settings.labels == tuple(LABELS)
    assert made.settings.descriptions == {"PER": "people"} and made.settings.made_of is None
    monkeypatch.setattr("sys.argv", ["english_shrink.py", *arguments, "--labels"])
    shrink()
    settings = load_model(ModelSource(str(small))).settings
    assert settings.labels == () and settings.descriptions == {}


def test_runs_from_the_same_weights_are_averaged(word_pieces, tmp_path, monkeypatch):
    other, small, texts = (tmp_path / name for name in ("other", "small", "texts"))
    shutil.copytree(word_pieces, other)
    write_records(texts / "some.jsonl", [{"text": "the ada"}])
    pointers = load_file(other / "pointers.safetensors")
    moved = {
        name: weight + 2.0 if weight.is_floating_point() else weight
        for name, weight in pointers.items()
    }
    with safe_open(other / "pointers.safetensors", framework="pt") as file:
        save_file(moved, other / "pointers.safetensors", file.metadata())
    arguments = [str(word_pieces), str(small), "--texts", str(texts), "--average", str(other)]
    monkeypatch.setattr("sys.argv", ["english_shrink.py", *arguments])
    shrink()
    before, after = (
        load_model(ModelSource(str(path))).lm.pointers for path in (word_pieces, small)
    )
    assert torch.allclose(after.query.weight, before.query.weight + 1.0, atol=0.02)
    assert torch.equal(after.words.factors, before.words.factors)  # of hashes: large integers
    del moved["query.weight"]
    save_file(moved, other / "pointers.safetensors")
    with pytest.raises(ValueError, match="--average have other names"):
        shrink()


def test_a_small_adapter_finds_what_the_whole_one_finds(lm_folder, tmp_path, monkeypatch):
    torch.manual_seed(0)
    loaded = load_model(ModelSource(str(lm_folder)))
    loaded = replace(loaded, lm=train_adapter(loaded.lm, AdapterSettings(rank=2)))
    loaded = add_pointers(loaded, ("PER", "LOC"), own=(), both_ways=False)
    loaded = loaded.having(calibration=Calibration(2.0, -1.0))
    trained = {name: w for name, w in loaded.lm.model.named_parameters() if w.requires_grad}
    for weight in (*trained.values(), loaded.lm.pointers.query.weight):
        torch.nn.init.normal_(weight.data, std=0.1)
    save_model(loaded, tmp_path / "whole", "reference")
    small = tmp_path / "small"
    shipped = ["--name", "beasts", "--licence", "cc-by-sa-4.0"]
    arguments = [str(tmp_path / "whole"), str(small), *shipped, "--begins", "0.3"]
    monkeypatch.setattr("sys.argv", ["shrink_adapter.py", *arguments])
    shrink_adapter()
    again = load_model(ModelSource(str(small)))
    assert again.settings.labels == () and again.template == loaded.template
    assert again.settings.calibration is None  # it was fitted to what the whole one says
    assert again.settings.made_of == MadeOf("beasts", "cc-by-sa-4.0")
    before, after = (_probabilities(made) for made in (loaded, again))
    moved = before[:, 0] / (before[:, 0] + (1 - before[:, 0]) * 3 / 7)  # 0.3 is a half now
    assert before.std() > 0.05
    assert torch.allclose(after[:, 0], moved, atol=0.05)
    assert torch.allclose(after[:, 1], before[:, 1], atol=0.05)
    sizes = [
        sum(path.stat().st_size for path in folder.glob("*.safetensors"))
        for folder in (tmp_path / "whole", small)
    ]
    assert sizes[1] < sizes[0] / 2


@pytest.mark.parametrize("script", [shrink, shrink_adapter])
@pytest.mark.parametrize("begins", ["0", "1", "-0.5", "1.5", "nan"])
def test_a_bar_that_is_no_probability_is_refused(script, begins, tmp_path, monkeypatch, capsys):
    (tmp_path / "model").mkdir()
    words = [str(tmp_path / "model"), str(tmp_path / "new"), "--begins", begins]
    words += ["--texts", "x"] if script is shrink else ["--name", "x", "--licence", "mit"]
    monkeypatch.setattr("sys.argv", ["x", *words])
    with pytest.raises(SystemExit, match="2"):
        script()
    assert f"--begins is {begins}: it must be above 0 and below 1" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_bar_of_the_model_itself_is_in_its_weights_afterwards(word_pieces, tmp_path, monkeypatch):
    path = word_pieces / "padellm.json"
    said = json.loads(path.read_text())
    own = {"start_threshold": 0.2, "calibration": {"slope": 2.0, "intercept": 0.0}}
    path.write_text(json.dumps(said | own))
    write_records(tmp_path / "texts" / "some.jsonl", [{"text": "the ada"}])
    moved = []
    for begins in ([], ["--begins", "0.2"], ["--begins", "0.5"]):
        small = tmp_path / f"small{len(moved)}"
        words = [str(word_pieces), str(small), "--texts", str(tmp_path / "texts"), *begins]
        monkeypatch.setattr("sys.argv", ["x", *words])
        shrink()
        made = load_model(ModelSource(str(small)))
        assert made.settings.start_threshold is None and made.settings.calibration is None
        moved.append(made.lm.pointers.rare.detach())
    before = load_model(ModelSource(str(word_pieces))).lm.pointers.rare.detach()
    assert torch.equal(moved[0], moved[1]) and torch.equal(moved[2], before)
    assert torch.allclose(moved[0] - before, torch.tensor([4.0, 1.0]).log())  # 0.2 is a half now


def _probabilities(loaded):
    """[tokens, 2, labels], that a mention begins, and ends, of two labels asked by name."""
    encoder = loaded.encoder()
    prompt = encoder.prompt("Ada Lovelace went to Rome.", ("person", "city"))
    asked = AskedLabels(prompt.labels, prompt.branches)
    with torch.no_grad():
        return loaded.lm.pointer_logits([prompt], asked, loaded.template.bidirectional).sigmoid()


def _vectors(lm, text):
    """[tokens, hidden]"""
    ids = torch.tensor(lm.tokenizer(text, add_special_tokens=False)["input_ids"])
    return lm.model.get_input_embeddings()(ids).detach()
