"""Adapters on tiny models: a step, a save, a reload; sharing, merging, new tokens, few bits."""

import gc
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from spacy_padellm.decoding import Decoder
from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.learning.batch import batch_loss, make_batch_for
from spacy_padellm.learning.examples import make_training_text
from spacy_padellm.lm.language_model import LanguageModel
from spacy_padellm.models.adapter_settings import AdapterSettings
from spacy_padellm.models.adapters import merge_adapter, train_adapter
from spacy_padellm.models.hardware import Hardware
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import LoadedModel, ModelSource
from spacy_padellm.models.make import create_model
from spacy_padellm.models.model_settings import ModelSettings
from spacy_padellm.models.save import save_model
from spacy_padellm.models.special_tokens import add_special_tokens
from spacy_padellm.prompts.template import COMPACT, PLAIN, get_template

from .families import FAMILIES, LABELS, make
from .families import TEXTS as FAMILY_TEXTS

ASKED = ModelSettings(COMPACT, tuple(LABELS))
GOLDS = [GoldText(FAMILY_TEXTS[0], ((0, 12, "PER"), (36, 42, "LOC"))), GoldText("No one.", ())]
METHODS = ["lora", "rslora", "dora", "loha", "lokr", "oft", "vera"]


def step(loaded: LoadedModel, rate: float = 0.05) -> float:
    """One step of plain gradient descent; the loss before."""
    encoder = loaded.encoder()
    texts = [make_training_text(encoder, gold, LABELS) for gold in GOLDS]
    batch = make_batch_for(loaded.lm, loaded.template, texts)
    loss = batch_loss(loaded.lm, batch) / len(batch.targets)
    trained = [p for p in loaded.lm.model.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(loss, trained, allow_unused=True)
    with torch.no_grad():
        for weight, gradient in zip(trained, gradients, strict=True):
            if gradient is not None:
                weight -= rate * gradient / (gradient.norm() + 1e-6) * max(weight.norm(), 1.0)
    return loss.item()


def loss_of(loaded: LoadedModel) -> float:
    loaded.lm.model.eval()
    encoder = loaded.encoder()
    texts = [make_training_text(encoder, gold, LABELS) for gold in GOLDS]
    with torch.no_grad():
        return batch_loss(loaded.lm, make_batch_for(loaded.lm, loaded.template, texts)).item()


def answers(loaded: LoadedModel):
    decoder = Decoder(loaded.lm, loaded.encoder(max_count=4))
    found = decoder.predict(FAMILY_TEXTS, LABELS)
    return [[(m.label, m.start, m.end, round(m.probability, 4)) for m in p.mentions] for p in found]


def size(folder) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


@pytest.fixture
def base(compact_tokenizer, compact_model, tmp_path):
    """A model in a folder of its own."""
    loaded = LoadedModel(LanguageModel(compact_model, compact_tokenizer), ASKED)
    save_model(loaded, tmp_path / "base", "full")
    return tmp_path / "base"


def tune(base, settings=None) -> LoadedModel:
    loaded = load_model(ModelSource(str(base)))
    torch.manual_seed(0)
    loaded = replace(loaded, lm=train_adapter(loaded.lm, settings or AdapterSettings(rank=2)))
    step(loaded)
    loaded.lm.model.eval()
    return loaded


@pytest.mark.parametrize("name", FAMILIES)
def test_a_step_and_a_reload_in_every_family(name, compact_tokenizer, tmp_path):
    lm = make(name, compact_tokenizer)
    save_model(LoadedModel(lm, ASKED), tmp_path / "base", "full")
    before = load_model(ModelSource(str(tmp_path / "base")))
    tuned = replace(before, lm=train_adapter(before.lm, AdapterSettings(rank=2)))
    assert step(tuned) > 0 and loss_of(tuned) != pytest.approx(
        loss_of(load_model(ModelSource(str(tmp_path / "base")))), rel=1e-6
    )
    save_model(tuned, tmp_path / "tuned", "reference")
    again = load_model(ModelSource(str(tmp_path / "tuned")))
    assert loss_of(again) == pytest.approx(loss_of(tuned), rel=1e-5)
    assert answers(again) == answers(tuned)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mode", ["full", "reference"])
def test_every_method_comes_back(method, mode, base, tmp_path):
    options = {"oft": {"oft_block_size": 0}, "vera": {"projection_prng_key": 1}}
    settings = AdapterSettings(
        method, rank=4, targets=["q_proj", "v_proj"], options=options.get(method, {})
    )
    tuned = tune(base, settings)
    assert loss_of(tuned) != pytest.approx(loss_of(load_model(ModelSource(str(base)))), rel=1e-6)
    save_model(tuned, tmp_path / "tuned", mode)
    again = load_model(ModelSource(str(tmp_path / "tuned")))
    assert loss_of(again) == pytest.approx(loss_of(tuned), rel=1e-5)


def test_nobody_is_warned_of_how_peft_asks_transformers(base, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        save_model(tune(base), tmp_path / "tuned", "reference")
        assert load_model(ModelSource(str(tmp_path / "tuned"))).lm.adapter


def test_what_is_saved_is_the_adapter_alone(base, tmp_path):
    tuned = tune(base)
    save_model(tuned, tmp_path / "tuned", "reference")
    trained = sum(p.numel() for p in tuned.lm.model.parameters() if p.requires_grad)
    assert size(tmp_path / "tuned") < 4 * trained + 8000 < size(base)


@pytest.mark.parametrize("tied", [True, False])
def test_new_special_tokens_are_rows_of_the_adapter(tied, byte_tokenizer, tmp_path):
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    model = create_model(byte_tokenizer, "llama", **sizes, tie_word_embeddings=tied)
    save_model(
        LoadedModel(LanguageModel(model, byte_tokenizer), ModelSettings(PLAIN)),
        tmp_path / "base",
        "full",
    )
    source = ModelSource(str(tmp_path / "base"))
    loaded = load_model(source, COMPACT)
    with pytest.raises(ValueError, match="lacks"):
        loaded.encoder()
    loaded = loaded.having(max_count=4, labels=tuple(LABELS))
    loaded = add_special_tokens(loaded, tuple(LABELS))
    twice = add_special_tokens(load_model(source, COMPACT).having(max_count=4), tuple(LABELS))
    assert loss_of(loaded) == loss_of(twice)
    assert loaded.new_tokens and loaded.encoder()
    tuned = replace(loaded, lm=train_adapter(loaded.lm, AdapterSettings(rank=2), loaded.new_tokens))
    start = {n: p.clone() for n, p in tuned.lm.model.named_parameters() if not p.requires_grad}
    before = step(tuned, 0.02)
    step(tuned, 0.02)
    assert step(tuned, 0.02) < before
    assert all(torch.equal(p, start[n]) for n, p in tuned.lm.model.named_parameters() if n in start)
    save_model(tuned, tmp_path / "tuned", "reference")
    rows = len(loaded.new_tokens) * 32 * (1 if tied else 2)
    lora = sum(
        p.numel() for n, p in tuned.lm.model.named_parameters() if p.requires_grad and "lora" in n
    )
    assert size(tmp_path / "tuned") < 4 * (rows + lora) + 8000
    again = load_model(ModelSource(str(tmp_path / "tuned")))
    assert loss_of(again) == pytest.approx(loss_of(tuned), rel=1e-5)
    save_model(tuned, tmp_path / "whole", "full")
    again = load_model(ModelSource(str(tmp_path / "whole")))
    assert loss_of(again) == pytest.approx(loss_of(tuned), rel=1e-5)
    merged = replace(again, lm=merge_adapter(again.lm))
    save_model(merged, tmp_path / "merged", "full")
    assert loss_of(load_model(ModelSource(str(tmp_path / "merged")))) == pytest.approx(
        loss_of(tuned), rel=1e-4
    )


def test_a_merged_model_is_a_plain_checkpoint(base, tmp_path):
    tuned = tune(base)
    expected = answers(tuned)
    merged = replace(tuned, lm=merge_adapter(tuned.lm))
    save_model(merged, tmp_path / "merged", "full")
    assert not (tmp_path / "merged" / "adapter_config.json").exists()
    again = load_model(ModelSource(str(tmp_path / "merged")))
    assert not again.lm.adapter and [[m[:3] for m in p] for p in answers(again)] == [
        [m[:3] for m in p] for p in expected
    ]
    with pytest.raises(ValueError, match="no adapter"):
        merge_adapter(again.lm)


def test_two_adapters_share_one_base(base, tmp_path):
    names = ["one", "two"]
    for number, name in enumerate(names):
        tuned = tune(base)
        for _ in range(number + 1):
            step(tuned, 0.5)
        save_model(tuned, tmp_path / name, "reference")
    apart = [answers(load_model(ModelSource(str(tmp_path / name)), alone=True)) for name in names]
    assert apart[0] != apart[1]
    first, second = (load_model(ModelSource(str(base), adapter=str(tmp_path / n))) for n in names)
    assert first.lm.model is second.lm.model
    assert [answers(first), answers(second), answers(first)] == [*apart, apart[0]]
    # Many threads at a time: each pass has its own adapter.
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(answers, [first, second] * 6))
    assert found == apart * 6
    # What one saves is its own, wherever the other's adapter was used last.
    save_model(first, tmp_path / "again", "reference")
    assert answers(load_model(ModelSource(str(tmp_path / "again")))) == apart[0]
    model = second.lm.model
    del second
    gc.collect()
    assert answers(first) == apart[0]  # a turn, at which what is gone is taken off
    assert len(model.peft_config) == 1
    assert answers(first) == apart[0]


@pytest.mark.parametrize("quantize", ["8bit", "4bit"])
def test_few_bits_need_a_cuda_device(quantize, base):
    with pytest.raises(ValueError, match=f"'{quantize}', which needs a CUDA device"):
        load_model(ModelSource(str(base), hardware=Hardware("cpu", quantize=quantize)))


@pytest.mark.parametrize(
    "block, words",
    [
        ({"method": "lorax"}, "use one of lora, rslora, dora"),
        ({"method": "prefix_tuning"}, "adds tokens of its own"),
        ({"options": {"ranks": 3}}, "LoraConfig of peft has no field ranks"),
        ({"rang": 3}, "no field rang"),
    ],
)
def test_settings_that_do_not_exist(block, words):
    with pytest.raises(ValueError, match=words):
        AdapterSettings.read(block)


def test_options_reach_peft():
    config = AdapterSettings(options={"layers_to_transform": [1]}).peft_config()
    assert config.layers_to_transform == [1]
    assert get_template("compact") == COMPACT


def test_an_adapter_is_read_while_another_decodes(base, tmp_path):
    for number, name in enumerate(("one", "two")):
        tuned = tune(base)
        step(tuned, 0.5 * (number + 1))
        save_model(tuned, tmp_path / name, "reference")
    first = load_model(ModelSource(str(base), adapter=str(tmp_path / "one")))
    expected = answers(first)
    with ThreadPoolExecutor(1) as pool:
        stop = threading.Event()

        def decode():
            while not stop.is_set():
                assert answers(first) == expected

        running = pool.submit(decode)
        for _ in range(4):
            second = load_model(ModelSource(str(base), adapter=str(tmp_path / "two")))
            assert second.lm.tree and second.lm.model is first.lm.model
        stop.set()
        running.result()


def test_new_tokens_are_not_put_under_an_old_adapter(plain_lm_folder, tmp_path):
    loaded = load_model(ModelSource(str(plain_lm_folder)))
    loaded = replace(loaded, lm=train_adapter(loaded.lm, AdapterSettings(rank=2)))
    with pytest.raises(ValueError, match=r"leave model\.template out"):
        add_special_tokens(loaded.asking(COMPACT), ("PER",))
