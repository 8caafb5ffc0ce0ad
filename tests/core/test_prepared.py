"""Models that are made before their first use: of what a folder is made, and how it is found."""

import json
import logging
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BertConfig, BertModel, BertTokenizer

from spacy_padellm.models.named import NamedModel
from spacy_padellm.models.place import ModelPlace
from spacy_padellm.models.prepared import encoder as encoders
from spacy_padellm.models.prepared.prepare import CACHE_VARIABLE, prepare

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
WEIGHTS = "model.safetensors"


@pytest.fixture
def encoder(tmp_path, monkeypatch):
    """Its folder; nothing is in the cache."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path / "encoder")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = BertModel(BertConfig(vocab_size=len(WORDS), **sizes, intermediate_size=32))
    model.save_pretrained(tmp_path / "encoder")
    return tmp_path / "encoder"


def made(folder):
    return prepare(ModelPlace("mine", None, named=NamedModel(folder, encoder=True))).folder


def rows(folder):
    """Of the first words, as an encoder has them and what is made of it."""
    (found,) = (w for name, w in load_file(folder / WEIGHTS).items() if "word_embed" in name)
    return found


def write_others(folder, number):
    weights = load_file(folder / WEIGHTS)
    torch.manual_seed(number)
    save_file({name: torch.randn_like(w) for name, w in weights.items()}, folder / WEIGHTS)


@pytest.fixture
def meanwhile(monkeypatch):
    """`meanwhile(do)`: called with the number of the try, before the files are read."""

    def put(do):
        tries = []
        make_causal = encoders.make_causal

        def changed_first(*arguments):
            tries.append(1)
            do(len(tries))
            make_causal(*arguments)

        monkeypatch.setattr(encoders, "make_causal", changed_first)

    return put


def test_what_is_replaced_while_it_is_read_is_not_taken_for_what_it_was(
    encoder, tmp_path, meanwhile, caplog
):
    before = shutil.copytree(encoder, tmp_path / "before")
    meanwhile(lambda number: write_others(encoder, 1) if number == 1 else None)
    folder = made(encoder)
    assert "mine" in caplog.text and "was written to while" in caplog.text
    assert torch.equal(rows(folder), rows(encoder)) and not torch.equal(rows(folder), rows(before))
    assert torch.equal(rows(made(before)), rows(before))
    assert made(encoder) == folder != made(before)
    assert not list((tmp_path / "cache").rglob("*.half"))


def test_what_is_still_being_written_is_read_when_it_is_whole(encoder, meanwhile):
    whole = (encoder / WEIGHTS).read_bytes()
    (encoder / WEIGHTS).write_bytes(whole[:1000])
    parts = {1: whole[:2000], 2: whole, 3: whole}
    meanwhile(lambda number: (encoder / WEIGHTS).write_bytes(parts[number]))
    assert torch.equal(rows(made(encoder)), rows(encoder))


def test_what_is_written_to_all_the_while_is_named(encoder, meanwhile, tmp_path):
    meanwhile(lambda number: write_others(encoder, number))
    with pytest.raises(ValueError, match=r"'mine'.* was written to 3 times while it was prepared"):
        made(encoder)
    assert not list((tmp_path / "cache").rglob(WEIGHTS))


def test_what_else_lies_in_the_folder_is_not_read(encoder):
    folder = made(encoder)
    shutil.rmtree(folder)
    for name in ("chat_template.jinja", "generation_config.json", "tokenizer.model"):
        (encoder / name).write_text("{")
    assert made(encoder) == folder
    assert not {"chat_template.jinja", "tokenizer.model", "source"} & {
        path.name for path in folder.iterdir()
    }


def test_all_that_is_read_tells_folders_apart(encoder, caplog):
    caplog.set_level(logging.INFO, "spacy_padellm")
    first = made(encoder)
    (encoder / "added_tokens.json").write_text(json.dumps({"zebra": len(WORDS)}))
    second = made(encoder)
    sizes = [len(AutoTokenizer.from_pretrained(folder)) for folder in (first, second)]
    assert sizes == [len(WORDS), len(WORDS) + 1]
    (encoder / "added_tokens.json").write_text("{}")
    third = made(encoder)
    (encoder / "added_tokens.json").rename(encoder / "special_tokens_map.json")
    assert len({first, second, third, made(encoder)}) == 4
    assert made(encoder.rename(encoder.with_name("moved"))) and caplog.text.count("preparing") == 4
